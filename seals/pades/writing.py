"""Writing PAdES signatures (ETSI EN 319 142-1) into a PDF: the seal, the security store, the document timestamp."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, PdfTimeStamper
from pyhanko.sign.signers.pdf_byterange import BuildProps
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation import DocumentSecurityStore

from core.algorithms import Digest
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from seals.contracts import Evidence, Timestamper
from seals.pades import boundary
from seals.pades.appearance import PictureStyle, read_picture
from seals.pades.signer import CmsSigner
from seals.pades.timestamper import CheckedTimeStamper
from seals.placement import Box

PRODUCER = "Yinxin"


@dataclass(frozen=True)
class SignatureOrder:
    """What is written into the signature field and dictionary."""

    field: str
    page: int
    """The first is 1."""
    box: Box
    quarter_turns: int
    picture: bytes
    """PNG."""
    name: str
    reason: str | None
    location: str | None
    at: datetime


def sign(
    stream: BinaryIO,
    order: SignatureOrder,
    signer: Signer,
    certificate: bytes,
    chain: Sequence[bytes],
    timestamper: Timestamper | None,
) -> BytesIO:
    """The document with one more signature (ETSI.CAdES.detached), timestamped if there is a timestamper."""
    stamper = CheckedTimeStamper(timestamper) if timestamper else None
    cms_signer = CmsSigner(signer, certificate, chain)
    digest = signer.algorithm.digest
    return _in_enough_space(lambda reserved: _sign(stream, order, cms_signer, digest, stamper, reserved))


def add_evidence(
    stream: BytesIO, chain: Sequence[bytes], evidence: Evidence, digest: Digest, timestamper: Timestamper | None
) -> BytesIO:
    """The document with a security store (DSS), under a document timestamp if there is a timestamper."""
    if timestamper is None:
        output = BytesIO()
        _with_evidence(stream, chain, evidence).write(output)
        return output
    stamper = CheckedTimeStamper(timestamper)
    return _in_enough_space(
        lambda reserved: _timestamp(_with_evidence(stream, chain, evidence), digest, stamper, reserved)
    )


class _SpaceTooSmallError(Exception):
    def __init__(self, reserved: int) -> None:
        super().__init__(reserved)
        self.reserved = reserved


def _in_enough_space(write: Callable[[int | None], Coroutine[Any, Any, BytesIO]]) -> BytesIO:
    """Write into the space that a dry run measured; once more into twice as much; else `YinxinError`.

    Tokens of an authority may differ in length from the one of the dry run.
    """
    try:
        return boundary.run(write(None))
    except _SpaceTooSmallError as first:
        try:
            return boundary.run(write(2 * first.reserved))
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


async def _sign(
    stream: BinaryIO,
    order: SignatureOrder,
    signer: CmsSigner,
    digest: Digest,
    stamper: CheckedTimeStamper | None,
    reserved: int | None,
) -> BytesIO:
    style = PictureStyle(picture=read_picture(order.picture), quarter_turns=order.quarter_turns)
    metadata = PdfSignatureMetadata(
        field_name=order.field,
        md_algorithm=digest.name,
        subfilter=SigSeedSubFilter.PADES,
        name=order.name,
        reason=order.reason,
        location=order.location,
        app_build_props=BuildProps(name=PRODUCER),
    )
    field = SigFieldSpec(
        order.field,
        on_page=order.page - 1,
        box=order.box,  # type: ignore[arg-type]  # floats are written as well as integers
        readable_field_name=order.name,
    )
    writer = IncrementalPdfFileWriter(stream)
    pdf_signer = PdfSigner(metadata, signer, timestamper=stamper, stamp_style=style, new_field_spec=field)
    session = pdf_signer.init_signing_session(writer)
    session.system_time = order.at
    if reserved is None:
        reserved = await session.estimate_signature_container_size(None)
    document = session.prepare_tbs_document(None, reserved)
    prepared, output = document.digest_tbs_document()
    with _noticing_lack_of_space(reserved):
        await document.perform_signature(prepared.document_digest, PdfCMSSignedAttributes(signing_time=order.at))
    assert isinstance(output, BytesIO)  # noqa: S101 - we asked for no other output
    return output


def _with_evidence(stream: BytesIO, chain: Sequence[bytes], evidence: Evidence) -> IncrementalPdfFileWriter:
    writer = IncrementalPdfFileWriter(stream)
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,  # no VRI: EN 319 142-1 5.4.2.3 recommends against it
        certs=[x509.Certificate.load(der) for der in dict.fromkeys((*chain, *evidence.certificates))],
        crls=[crl.CertificateList.load(der) for der in dict.fromkeys(evidence.crls)],
        ocsps=[ocsp.OCSPResponse.load(der) for der in dict.fromkeys(evidence.ocsp_responses)],
    )
    return writer


async def _timestamp(
    writer: IncrementalPdfFileWriter, digest: Digest, stamper: CheckedTimeStamper, reserved: int | None
) -> BytesIO:
    if reserved is None:
        sample = await stamper.async_dummy_response(digest.name)
        reserved = 3 * len(sample.dump())  # hexadecimal, and half as much again
        reserved += reserved % 2
    output = BytesIO()
    with _noticing_lack_of_space(reserved):
        await PdfTimeStamper(stamper).async_timestamp_pdf(writer, digest.name, bytes_reserved=reserved, output=output)
    return output


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
