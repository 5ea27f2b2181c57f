"""What goes over the wire of the sealing interface, in both directions."""

from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, ConfigDict, Field

from core.api.models import Label, Model, Octets
from core.api.operation import File
from seals.api.api_keys import Scope
from seals.batches.batches import MAXIMUM_DOCUMENTS, DocumentState
from seals.batches.batches import State as BatchState
from seals.forms import Form
from seals.levels import Level
from seals.register.kinds import SealKind
from seals.register.life import State
from seals.register.uses import UseRecord
from seals.terms import Name, SealingTerms, Words

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Limit = Annotated[int, Field(ge=1, le=1000)]
Position = Annotated[int, Field(ge=0, le=MAXIMUM_DOCUMENTS)]


class Pdf(File):
    """A PDF document."""

    media_type: ClassVar[str] = "application/pdf"


class SealEntry(Model):
    """A seal that the caller may use."""

    name: str
    owner: str
    kind: SealKind
    state: State
    valid_until: AwareDatetime | None


class SealList(Model):
    """The seals, and what the caller may do with them."""

    seals: list[SealEntry]
    scopes: list[Scope]


class SealMaterial(Model):
    """What a document is prepared with where it lies; all octets are public."""

    entry: SealEntry
    algorithm: str
    """Such as sm2-sm3: the digest of byte ranges goes with it."""
    certificate: Octets
    chain: list[Octets]
    picture: Octets
    """PNG with alpha."""
    width_mm: float
    structure: Octets | None
    """The electronic seal (SESeal), DER."""
    form: Form = Form.PADES
    """What the value of its signatures is: CMS, or SES_Signature."""


class UsesQuery(Model):
    """Which uses."""

    before: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    limit: Limit = 100


class UseEntry(Model):
    """A use that the caller made of a seal."""

    ordinal: int
    """Counts the uses of the seal without gaps, those of others included."""
    at: AwareDatetime
    person: str
    document_type: str
    purpose: str
    level: str
    page: int
    place: str
    revision: int
    """The version of the seal."""
    sha256_before: str
    sha256_after: str
    """Empty: a seal over a digest."""
    token_sha256: str | None

    @classmethod
    def of(cls, record: UseRecord) -> "UseEntry":
        """As the book has it."""
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class UsePage(Model):
    """The newest uses, or the newest before a number."""

    uses: list[UseEntry]


class DigestToSign(Model):
    """The digest of a prepared byte range, and what is told of its document."""

    digest: Octets
    sha256_before: Sha256
    page: Annotated[int, Field(ge=1, le=999_999)]
    level: Level = Level.B_LTA
    purpose: Words = ""
    person: Name = ""
    type: Name = ""
    place: Words = ""
    """On the page, in words for auditors."""
    byte_range: Annotated[list[Annotated[int, Field(ge=0, le=10**10)]], Field(min_length=4, max_length=4)] | None = None
    """What the digest is of; a seal of the form gm signs it as well."""


class EvidenceModel(Model):
    """Validation material, each item in DER."""

    certificates: list[Octets]
    crls: list[Octets]
    ocsp_responses: list[Octets]


class DigestSignature(Model):
    """What goes into the document."""

    number: str
    value: Octets
    evidence: EvidenceModel


class DigestToStamp(Model):
    """The digest of the byte range of a document timestamp."""

    digest: Octets
    nonce: Annotated[str, Field(pattern="^[0-9a-f]{1,16}$")] | None = None
    """Hexadecimal."""


class Stamped(Model):
    """A document timestamp."""

    token: Octets


class Finished(Model):
    """What document came of it."""

    sha256: Sha256


class Noted(Model):
    """It is in the books."""


class BatchToOpen(Model):
    """How the documents of a batch are to be sealed."""

    seal: Label
    terms: SealingTerms


class BatchEntry(Model):
    """Where a batch stands."""

    number: str
    seal: str
    state: BatchState
    made_at: AwareDatetime
    finished_at: AwareDatetime | None
    counts: dict[str, int]


class BatchesQuery(Model):
    """Which batches."""

    before: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    limit: Limit = 100


class BatchPage(Model):
    """The newest batches, or the newest before a number."""

    batches: list[BatchEntry]


class DocumentQuery(Model):
    """What the caller calls a document."""

    name: Words = ""


class Added(Model):
    """Where the document stands in the batch; the first is 1."""

    position: int


class DocumentsQuery(Model):
    """Which documents of a batch."""

    after: Position = 0
    limit: Limit = 100


class DocumentEntry(Model):
    """What became of a document."""

    position: int
    name: str
    state: DocumentState
    sha256_before: str
    sha256_after: str | None
    problem: dict[str, str] | None


class DocumentPage(Model):
    """Documents in their order."""

    documents: list[DocumentEntry]


class WebhookKey(Model):
    """What the requests to webhooks are checked with."""

    key_id: str
    algorithm: str
    public_key: str
    """PEM."""


class ReportModel(Model):
    """yinxin-seal-report/1 (docs/api.md)."""

    model_config = ConfigDict(extra="allow")

    verdict: str

    @classmethod
    def of(cls, report: dict[str, Any]) -> "ReportModel":
        """The report, as it stands."""
        return cls(**report)
