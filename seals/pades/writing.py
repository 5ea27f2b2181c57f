"""Writing signatures into a PDF: the seal (PAdES, EN 319 142-1, or GM), the security store, the document timestamp.

The document is a working copy, and every function adds an increment to its end.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.pdf_byterange import BuildProps, PdfSignedData
from pyhanko.sign.validation import DocumentSecurityStore

from core.algorithms import Digest, Hash
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Evidence
from seals.forms import Permission
from seals.pades import direct
from seals.pades.appearance import Impression, MarkStyle
from seals.pades.binding import piece_info
from seals.pades.increment import Increment
from seals.pades.order import PRODUCER, SignatureOrder
from seals.pades.reading import PageTree
from seals.pades.timestamper import CheckedTimeStamper
from seals.pades.values import ByteRange, SignatureValue, even

_PERMISSIONS = {
    Permission.NOTHING: MDPPerm.NO_CHANGES,
    Permission.FORMS: MDPPerm.FILL_FORMS,
    Permission.ANNOTATIONS: MDPPerm.ANNOTATE,
}


@dataclass(frozen=True)
class Made:
    """A signature as it was made."""

    field: str
    digest: bytes
    """Of the byte range."""
    start: int
    """Where the value is left out of the byte range, with its brackets."""
    stop: int
    end: int
    """Of the byte range, and of the revision."""
    value: bytes
    """DER."""
    reader: PdfFileReader | None = dataclasses.field(default=None, repr=False, compare=False)
    """Has the document open as it is with the signature, if it need not be read again."""


def sign(
    document: BinaryIO, order: SignatureOrder, value: SignatureValue, begun: Hash, reader: PdfFileReader | None = None
) -> Made:
    """Add the signature to the document; `begun` has taken in the document as it is, and `reader` has it open."""
    return _in_enough_space(
        document,
        reader,
        order.password,
        lambda writer, reserved: _sign(writer, order, value, begun, reserved),
    )


def add_evidence(document: BinaryIO, evidence: Evidence, password: str | None, reader: PdfFileReader | None) -> bytes:
    """Add a security store (DSS) to the document; what was added."""
    size, writer = document.seek(0, 2), Increment(document, password, reader)
    _add_store(writer, evidence)
    writer.write_in_place()
    document.seek(size)
    return document.read()


def add_archive(
    document: BinaryIO,
    evidence: Evidence,
    digest: Digest,
    stamper: CheckedTimeStamper,
    begun: Hash,
    password: str | None,
    reader: PdfFileReader | None,
) -> Made:
    """Add a security store to the document, under a document timestamp; `begun` has taken in the document as it is."""

    def write(writer: Increment, reserved: int | None) -> Made:
        _add_store(writer, evidence)
        # Hexadecimal, and half as much again.
        field, signature = direct.add_timestamp(writer, reserved or even(3 * stamper.octets(digest)))
        return _fill(writer, field, signature, begun.copy(), lambda value, _range: stamper.stamp(digest, value))

    return _in_enough_space(document, reader, password, write)


class _SpaceTooSmallError(Exception):
    def __init__(self, reserved: int) -> None:
        super().__init__(reserved)
        self.reserved = reserved


def _in_enough_space(
    document: BinaryIO,
    reader: PdfFileReader | None,
    password: str | None,
    write: Callable[[Increment, int | None], Made],
) -> Made:
    """Write into the space that a dry run measured; once more into twice as much; else `YinxinError`.

    Tokens of an authority may differ in length from the one of the dry run.
    """
    size = document.seek(0, 2)
    try:
        return write(Increment(document, password, reader), None)
    except _SpaceTooSmallError as first:
        document.truncate(size)
        try:
            return write(Increment(document, password), 2 * first.reserved)
        except _SpaceTooSmallError as second:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the signature did not fit into {reserved} octets").format(reserved=second.reserved // 2),
                remedy=_("check what the time-stamping authority sends; nothing was sealed"),
            ) from second


def _sign(
    writer: Increment,
    order: SignatureOrder,
    value: SignatureValue,
    begun: Hash,
    reserved: int | None,
) -> Made:
    kept = piece_info(writer, value.bound, order.remarks.at) if value.bound else {}
    impression = Impression(writer, order.picture, order.ink, kept, order.archival)
    if reserved is None:
        reserved = value.reserve()
    signature: PdfSignedData
    if direct.suffices(writer, order):
        signature = direct.add_signature(writer, order, value, impression, reserved)
    else:
        signature = _signature_by_pyhanko(writer, order, value, impression, reserved)
    pages = PageTree(writer)
    for number, mark in enumerate(order.marks[1:], 2):
        page = pages.reference(mark.page)
        stamp = impression.stamp(mark, page, order.remarks.name, f"{order.field}.{number}")
        writer.register_annotation(page, writer.add_object(stamp))
    value.complete(signature)
    return _fill(writer, order.field, signature, begun.copy(), value.over)


def _signature_by_pyhanko(
    writer: Increment, order: SignatureOrder, value: SignatureValue, impression: Impression, reserved: int
) -> PdfSignedData:
    """The signature in its field, with all that forms, locks, seed values and certification ask for."""
    style = MarkStyle(impression=impression, mark=order.marks[0])
    signer = PdfSigner(_metadata(order, value), value.signer, stamp_style=style, new_field_spec=_new_field(order))
    session = signer.init_signing_session(writer, existing_fields_only=not order.is_new)
    session.system_time = order.remarks.at
    session.prepare_tbs_document(None, reserved)
    signature: PdfSignedData = session.sig_field["/V"]
    return signature


def _fill(
    writer: Increment,
    field: str,
    signature: PdfSignedData,
    hashing: Hash,
    over: Callable[[bytes, ByteRange], bytes],
) -> Made:
    """Write the increment behind the document's octets, which `hashing` has taken in; then the value into its gap.

    `over` makes the value of digest and byte range.
    """
    document = writer.input_stream
    size = document.seek(0, 2)
    writer.digest_aware_write = True
    writer.write_in_place()
    end = document.tell()
    start, stop = signature.contents.offsets
    signature.byte_range.fill_offsets(document, start, stop, end)
    document.seek(size)
    hashing.update(document.read(start - size))
    document.seek(stop)
    hashing.update(document.read())
    digest = hashing.digest()
    made = Made(field, digest, start, stop, end, over(digest, (0, start, stop, end - stop)))
    written = made.value.hex().upper().encode()
    if len(written) > stop - start - len("<>"):
        raise _SpaceTooSmallError(stop - start - len("<>"))
    document.seek(start + len("<"))
    document.write(written)
    return replace(made, reader=writer.known())


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


def _add_store(writer: Increment, evidence: Evidence) -> None:
    if "/DSS" not in writer.root:
        direct.add_store(writer, evidence)
        return
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,  # no VRI: EN 319 142-1 5.4.2.3 recommends against it
        certs=[x509.Certificate.load(der) for der in evidence.certificates],
        crls=[crl.CertificateList.load(der) for der in evidence.crls],
        ocsps=[ocsp.OCSPResponse.load(der) for der in evidence.ocsp_responses],
    )


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
