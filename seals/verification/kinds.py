"""What a file is, recognised from its octets and never from its name."""

from enum import StrEnum

from core.i18n import _


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
