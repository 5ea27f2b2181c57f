"""What verification found, as plain records: for programs as JSON, for people as words."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from asn1crypto import x509

from core.asn1.names import describe_name
from core.certificates import serial_text
from core.i18n import _
from seals.levels import Level
from seals.ordering import Ordered

SCHEMA = "yinxin-seal-report/1"


class Verdict(Ordered):
    """The four answers, from good to bad."""

    VALID = "valid"
    REMARKS = "valid with remarks"
    INDETERMINATE = "indeterminate"
    INVALID = "invalid"

    @property
    def exit_code(self) -> int:
        """What the command returns: 0 to 3."""
        return self.rank

    @property
    def words(self) -> str:
        """The verdict in the reader's language."""
        return {
            Verdict.VALID: _("valid"),
            Verdict.REMARKS: _("valid with remarks"),
            Verdict.INDETERMINATE: _("indeterminate"),
            Verdict.INVALID: _("invalid"),
        }[self]


@dataclass(frozen=True)
class Finding:
    """Something that keeps a verdict from being better."""

    code: str
    """For programs; never changes."""
    text: str
    """For people."""
    verdict: Verdict
    """The best verdict that it allows."""


@dataclass(frozen=True)
class CertificateFacts:
    """What people recognise a certificate by."""

    subject: str
    issuer: str
    serial_number: str
    """Hexadecimal."""
    not_before: datetime
    not_after: datetime
    sha256: str
    """Hexadecimal."""

    @classmethod
    def of(cls, certificate: bytes) -> "CertificateFacts":
        """The facts of a certificate in DER."""
        body = x509.Certificate.load(certificate)
        return cls(
            describe_name(body.subject.dump()),
            describe_name(body.issuer.dump()),
            serial_text(body.serial_number),
            body.not_valid_before,
            body.not_valid_after,
            body.sha256.hex(),
        )


@dataclass(frozen=True)
class TimestampFacts:
    """A timestamp, over the signature value or over the document."""

    kind: str
    """`signature` or `document`."""
    at: datetime
    authority: CertificateFacts | None
    trusted: bool


@dataclass(frozen=True)
class ChangeFacts:
    """What happened to the document after the signature."""

    level: str
    """`none`, `permitted` or `suspicious`."""
    rule: str
    """The rule that permits or forbids it."""
    text: str


@dataclass(frozen=True)
class Claims:
    """What the signature dictionary says in words; nothing proves it but the signer's own signature."""

    name: str | None = None
    reason: str | None = None
    location: str | None = None


@dataclass(frozen=True)
class ElectronicSealFacts:
    """The electronic seal (SESeal) that a signature was made with."""

    identifier: str
    name: str
    version: int
    """Of the structure: 4 is GB/T 38540-2020, 5 GM/T 0031-2025, 1 GM/T 0031-2014."""
    maker: CertificateFacts
    maker_trusted: bool
    """Whether the maker's certificate leads to a trusted authority; its revocation is not looked at."""
    created: datetime
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True)
class SignatureReport:
    """One signature."""

    field: str
    kind: str
    """`seal` or `document-timestamp`."""
    verdict: Verdict
    findings: Sequence[Finding] = ()
    sub_filter: str = ""
    intact: bool = False
    """What it signs is untouched, and it was made with the key in the certificate."""
    whole_document: bool = False
    """Nothing was added to the file after it."""
    changes: ChangeFacts | None = None
    algorithm: str = ""
    level: Level | None = None
    """The PAdES level that was reached; None if it is none of them."""
    signer: CertificateFacts | None = None
    chain: Sequence[str] = ()
    """The issuers' subjects, up to the trust anchor; empty if none was reached."""
    anchor: str | None = None
    claimed_time: datetime | None = None
    proven_time: datetime | None = None
    revoked_at: datetime | None = None
    timestamps: Sequence[TimestampFacts] = ()
    claims: Claims = Claims()
    electronic_seal: ElectronicSealFacts | None = None
    """The seal that it is bound to, if it is bound to one."""


@dataclass(frozen=True)
class Report:
    """A document and all its signatures."""

    document: str
    """Its name, if it has one."""
    sha256: str
    size: int
    """Octets."""
    checked_at: datetime
    """The moment as of which it was judged."""
    verdict: Verdict
    findings: Sequence[Finding] = ()
    """About the document as a whole."""
    signatures: Sequence[SignatureReport] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The report for programs, in the schema `yinxin-seal-report/1`: JSON values only."""
        content: dict[str, Any] = plain(self)
        return {"schema": SCHEMA, "verdict": content.pop("verdict"), **content}

    def all_findings(self) -> list[Finding]:
        """The findings about the document and about every signature."""
        return [*self.findings, *(finding for signature in self.signatures for finding in signature.findings)]


def plain(value: Any) -> Any:
    """A record as JSON values."""
    match value:
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case list() | tuple():
            return [plain(item) for item in value]
        case _ if is_dataclass(value):
            return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
        case _:
            return value
