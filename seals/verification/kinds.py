"""What a file is, recognised from its octets and never from its name."""

from enum import StrEnum

from asn1crypto import cms, core, pem, tsp

from core.asn1.ers import EvidenceRecord
from core.asn1.ses import parse_seal, parse_signature
from core.cms import GM_SIGNED_DATA, SIGNED_DATA
from core.errors import YinxinError
from core.i18n import _
from seals.tokens import TST_INFO


class FileKind(StrEnum):
    """What a file is, recognised from its octets."""

    PDF = "pdf"
    SEAL = "electronic-seal"
    """SESeal, an `.esl` file."""
    SEAL_SIGNATURE = "seal-signature"
    """SES_Signature outside a PDF."""
    CMS = "cms"
    TIMESTAMP = "timestamp"
    """TimeStampToken, or TimeStampResp with one."""
    EVIDENCE_RECORD = "evidence-record"
    """RFC 4998."""
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """In the reader's language."""
        return {
            FileKind.PDF: _("PDF document"),
            FileKind.SEAL: _("electronic seal (SESeal)"),
            FileKind.SEAL_SIGNATURE: _("signature made with an electronic seal (SES_Signature)"),
            FileKind.CMS: _("signature (CMS)"),
            FileKind.TIMESTAMP: _("time stamp (RFC 3161)"),
            FileKind.EVIDENCE_RECORD: _("evidence record (RFC 4998)"),
            FileKind.UNKNOWN: _("not known"),
        }[self]


def recognised(data: bytes) -> tuple[FileKind, bytes]:
    """What the octets are, and the DER in them: PEM is taken off, and the answer around a time stamp."""
    if data.startswith(b"%PDF-"):
        return FileKind.PDF, data
    try:
        content: bytes = pem.unarmor(data)[2] if pem.detect(data) else data
    except ValueError:
        return FileKind.UNKNOWN, data
    for kind, reader in _READERS:
        found = reader(content)
        if found is not None:
            return kind, found
    return FileKind.UNKNOWN, data


def _cms(data: bytes) -> bytes | None:
    return data if _content_type(data) not in (None, TST_INFO) else None


def _token(data: bytes) -> bytes | None:
    return data if _content_type(data) == TST_INFO else None


def _content_type(data: bytes) -> str | None:
    """Of what a SignedData encloses, or ought to."""
    try:
        message = cms.ContentInfo.load(data, strict=True)
        if message["content_type"].dotted not in (SIGNED_DATA, GM_SIGNED_DATA):
            return None
        dotted: str = message["content"]["encap_content_info"]["content_type"].dotted
    except _UNREADABLE:
        return None
    return dotted


def _response(data: bytes) -> bytes | None:
    """The token in an answer of a time-stamping authority (TimeStampResp)."""
    try:
        token = tsp.TimeStampResp.load(data, strict=True)["time_stamp_token"]
        found = None if token is core.VOID else bytes(token.dump())
    except _UNREADABLE:
        return None
    return found and _token(found)


def _seal(data: bytes) -> bytes | None:
    try:
        return parse_seal(data).original
    except YinxinError:
        return None


def _seal_signature(data: bytes) -> bytes | None:
    try:
        parse_signature(data)
    except YinxinError:
        return None
    return data


def _record(data: bytes) -> bytes | None:
    try:
        is_record = EvidenceRecord.load(data, strict=True)["version"].native is not None
    except _UNREADABLE:
        return None
    return data if is_record else None


_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError, RecursionError)
_READERS = (
    (FileKind.CMS, _cms),
    (FileKind.TIMESTAMP, _token),
    (FileKind.TIMESTAMP, _response),
    (FileKind.SEAL_SIGNATURE, _seal_signature),
    (FileKind.SEAL, _seal),
    (FileKind.EVIDENCE_RECORD, _record),
)
