"""Writing signatures into a PDF: the seal (PAdES, EN 319 142-1, or GM), the security store, the document timestamp.

The document is a working copy, and every function adds an increment to its end.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper
from pyhanko.sign.signers.pdf_byterange import BuildProps
from pyhanko.sign.validation import DocumentSecurityStore

from core.algorithms import Digest
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Evidence, Timestamper
from seals.drawing import Drawing
from seals.forms import Permission
from seals.ink import Ink
from seals.pades import boundary
from seals.pades.appearance import Impression, MarkStyle, Picture
from seals.pades.binding import piece_info
from seals.pades.pdfa import archival
from seals.pades.reading import PageTree, open_pdf
from seals.pades.timestamper import CheckedTimeStamper
from seals.pades.values import SignatureValue
from seals.placement import Mark

PRODUCER = "Yinxin"
_PERMISSIONS = {
    Permission.NOTHING: MDPPerm.NO_CHANGES,
    Permission.FORMS: MDPPerm.FILL_FORMS,
    Permission.ANNOTATIONS: MDPPerm.ANNOTATE,
}


@dataclass(frozen=True)
class Remarks:
    """What the signature dictionary says in words, and what it permits."""

    name: str
    reason: str | None
    location: str | None
    at: datetime
    certify: Permission | None = None


@dataclass(frozen=True)
class SignatureOrder:
    """What is written into the signature field and dictionary, and onto the pages."""

    field: str
    is_new: bool
    """Whether the field has to be made; else it is there, and empty."""
    marks: Sequence[Mark]
    """The first is the field's own; the others become stamp annotations."""
    picture: Picture | Drawing
    ink: Ink
    remarks: Remarks
    flattened: bool = False
    """The document forbids transparency (PDF/A-1), so that the seal covers what is under its strokes."""


class Increment(IncrementalPdfFileWriter):
    """An increment that says nothing about the document: its XMP and Info stay as they are (ISO 19005-1 6.7.3)."""

    def __init__(self, document: BinaryIO) -> None:
        super().__init__(document, prev=open_pdf(document))

    def _update_meta(self) -> None:
        return


def sign(document: BinaryIO, order: SignatureOrder, value: SignatureValue) -> None:
    """Add the signature to the document."""
    _in_enough_space(document, lambda reserved: _sign(document, order, value, reserved))


def add_evidence(
    document: BinaryIO, chain: Sequence[bytes], evidence: Evidence, digest: Digest, timestamper: Timestamper | None
) -> None:
    """Add a security store (DSS) to the document, under a document timestamp if there is a timestamper."""
    if timestamper is None:
        _with_evidence(document, chain, evidence).write_in_place()
        return
    stamper = CheckedTimeStamper(timestamper)
    _in_enough_space(
        document, lambda reserved: _timestamp(_with_evidence(document, chain, evidence), digest, stamper, reserved)
    )


class _SpaceTooSmallError(Exception):
    def __init__(self, reserved: int) -> None:
        super().__init__(reserved)
        self.reserved = reserved


def _in_enough_space(document: BinaryIO, write: Callable[[int | None], Coroutine[Any, Any, None]]) -> None:
    """Write into the space that a dry run measured; once more into twice as much; else `YinxinError`.

    Tokens of an authority may differ in length from the one of the dry run.
    """
    size = document.seek(0, 2)
    try:
        boundary.run(write(None))
    except _SpaceTooSmallError as first:
        document.truncate(size)
        try:
            boundary.run(write(2 * first.reserved))
        except _SpaceTooSmallError as second:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the signature did not fit into {reserved} octets").format(reserved=second.reserved // 2),
                remedy=_("check what the time-stamping authority sends; nothing was sealed"),
            ) from second


@contextmanager
def _noticing_lack_of_space(reserved: int) -> Iterator[None]:
    try:
        yield
    except SigningError as error:
        if "larger than expected" in str(error):
            raise _SpaceTooSmallError(reserved) from error
        raise


async def _sign(document: BinaryIO, order: SignatureOrder, value: SignatureValue, reserved: int | None) -> None:
    writer = Increment(document)
    kept = piece_info(writer, value.bound, order.remarks.at) if value.bound else {}
    impression = Impression(writer, order.picture, order.ink, kept, archival(writer))
    field, *others = order.marks
    style = MarkStyle(impression=impression, mark=field)
    signer = PdfSigner(_metadata(order, value), value.signer, stamp_style=style, new_field_spec=_new_field(order))
    session = signer.init_signing_session(writer, existing_fields_only=not order.is_new)
    session.system_time = order.remarks.at
    pages = PageTree(writer)
    for number, mark in enumerate(others, 2):
        page = pages.reference(mark.page)
        stamp = impression.stamp(mark, page, order.remarks.name, f"{order.field}.{number}")
        writer.register_annotation(page, writer.add_object(stamp))
    if reserved is None:
        reserved = await value.reserve()
    tbs = session.prepare_tbs_document(None, reserved)
    value.complete(session.sig_field["/V"])
    prepared, _output = tbs.digest_tbs_document(in_place=True)
    byte_range = 0, prepared.reserved_region_start, prepared.reserved_region_end
    rest = document.seek(0, 2) - prepared.reserved_region_end
    content = await value.over(prepared.document_digest, (*byte_range, rest))
    with _noticing_lack_of_space(reserved):
        tbs.cms_writer.send(content)


def _metadata(order: SignatureOrder, value: SignatureValue) -> PdfSignatureMetadata:
    return PdfSignatureMetadata(
        field_name=order.field,
        md_algorithm=value.digest.name,
        subfilter=value.sub_filter,
        name=order.remarks.name,
        reason=order.remarks.reason,
        location=order.remarks.location,
        certify=order.remarks.certify is not None,
        docmdp_permissions=_PERMISSIONS[order.remarks.certify or Permission.FORMS],
        app_build_props=BuildProps(name=PRODUCER),
    )


def _new_field(order: SignatureOrder) -> SigFieldSpec | None:
    if not order.is_new:
        return None
    mark = order.marks[0]
    return SigFieldSpec(
        order.field,
        on_page=mark.page - 1,
        box=mark.box,  # type: ignore[arg-type]  # floats are written as well as integers
        readable_field_name=order.remarks.name,
    )


def _with_evidence(document: BinaryIO, chain: Sequence[bytes], evidence: Evidence) -> Increment:
    writer = Increment(document)
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,  # no VRI: EN 319 142-1 5.4.2.3 recommends against it
        certs=[x509.Certificate.load(der) for der in dict.fromkeys((*chain, *evidence.certificates))],
        crls=[crl.CertificateList.load(der) for der in dict.fromkeys(evidence.crls)],
        ocsps=[ocsp.OCSPResponse.load(der) for der in dict.fromkeys(evidence.ocsp_responses)],
    )
    return writer


async def _timestamp(writer: Increment, digest: Digest, stamper: CheckedTimeStamper, reserved: int | None) -> None:
    if reserved is None:
        sample = await stamper.async_dummy_response(digest.name)
        reserved = 3 * len(sample.dump())  # hexadecimal, and half as much again
        reserved += reserved % 2
    with _noticing_lack_of_space(reserved):
        await PdfTimeStamper(stamper).async_timestamp_pdf(writer, digest.name, bytes_reserved=reserved, in_place=True)


def free_field_name(wanted: str | None, taken: set[str]) -> str:
    """The field to make: the one wanted, if it is new, else the first free one of ours."""
    if wanted is None:
        return next(name for number in range(1, len(taken) + 2) if (name := f"Seal{number}") not in taken)
    if wanted in taken:
        raise YinxinError(
            Kind.CONFLICT,
            _("the document has a signature field of this name already"),
            subject=wanted,
            remedy=_("name another field"),
        )
    return wanted
