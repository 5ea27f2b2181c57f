"""What verification found, as plain records: for programs as JSON, for people as words."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from core.i18n import _
from seals.levels import Level
from seals.ordering import Ordered
from seals.verification.facts import (
    NO_CLAIMS,
    CertificateFacts,
    ChangeFacts,
    Claims,
    ElectronicSealFacts,
    FetchedFacts,
    Place,
    TimestampFacts,
)
from seals.verification.kinds import FileKind
from seals.verification.questions import Check

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
class SignatureReport:
    """One signature."""

    field: str
    """The form field; empty outside a PDF."""
    kind: str
    """`seal` or `document-timestamp`; outside a PDF also `electronic-seal`, `signature` (CMS) and `timestamp`."""
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
    issuers: Sequence[CertificateFacts] = ()
    """The certificates of the chain, nearest first, the trust anchor last."""
    claimed_time: datetime | None = None
    proven_time: datetime | None = None
    revoked_at: datetime | None = None
    timestamps: Sequence[TimestampFacts] = ()
    claims: Claims = NO_CLAIMS
    electronic_seal: ElectronicSealFacts | None = None
    """The seal that it is bound to, if it is bound to one."""
    proven_by: TimestampFacts | None = None
    """The time stamp that proves `proven_time`."""
    checks: Sequence[Check] = ()
    """Question by question."""
    revision: int | None = None
    """The revision of the file that it is part of; the first is 1."""
    places: Sequence[Place] = ()
    """Where it is seen; none if it is invisible."""


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
    kind: FileKind = FileKind.PDF
    revisions: int | None = None
    """How many revisions a PDF has."""
    content: str = ""
    """The name of the file that a detached signature or a time stamp was judged with."""
    fetched: Sequence[FetchedFacts] = ()
    """What was asked for online; nothing, unless somebody chose that."""

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
