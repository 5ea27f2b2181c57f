"""What goes over the wire about requests and certificates, in both directions: the same models read it and write it.

Of people and branches, see `ra.http_people_models`.
"""

from typing import Annotated

from pydantic import AwareDatetime, Field

from ca.state import State as CertificateState
from core.api.models import Label, Model, Octets, Text
from ra.filters import RequestFilter
from ra.moves import State
from ra.register import MAXIMUM_PAGE, PAGE
from ra.search import By
from ra.statements import Act

LARGEST_ID = 2**63 - 1
MAXIMUM_BATCH = 200

BranchName = Annotated[str, Field(pattern="^[^\\x00]*$", max_length=64)]
"""Empty: the centre."""
Limit = Annotated[int, Field(ge=1, le=MAXIMUM_PAGE)]


class SignedStatement(Model):
    """An operator's statement: CMS SignedData over canonical JSON."""

    statement: Octets


class SignedContent(SignedStatement):
    """A statement, and the canonical content that it is about."""

    content: Octets


class SignedOrders(Model):
    """One operator's orders to issue, carried out together or not at all."""

    statements: Annotated[list[Octets], Field(min_length=1, max_length=MAXIMUM_BATCH)]


class Done(Model):
    """It is done."""


class Ordered(Model):
    """An order about a certificate is carried out."""

    missed: list[str]
    """What ought to have followed, and could not be done."""


class RequestState(Model):
    """Where a request stands now."""

    number: str
    state: State


class RequestQuery(Model):
    """Which requests."""

    state: State | None = None
    profile: Label | None = None
    unit: Text | None = None
    branch: BranchName | None = None
    operator: Label | None = None
    act: Act = Act.ENTER
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    expires_from: AwareDatetime | None = None
    expires_before: AwareDatetime | None = None

    def filter(self) -> RequestFilter:
        """As the verbs take it."""
        return RequestFilter(**{name: getattr(self, name) for name in RequestQuery.model_fields})


class ListQuery(RequestQuery):
    """Which page of which requests."""

    after: Label | None = None
    limit: Limit = PAGE


class EntryModel(Model):
    """A request in a list."""

    number: str
    state: State
    authority: str
    profile: str
    holder: str


class RequestPage(Model):
    """Some requests, in the order of their entry."""

    entries: list[EntryModel]
    next: str | None
    """The number to go on after."""


class Issued(Model):
    """A certificate that was issued."""

    number: str
    authority: str
    serial: str


class IssuedList(Model):
    """In the order of the orders."""

    issued: list[Issued]


class StoredModel(Model):
    """A certificate of a request."""

    authority: str
    serial: str
    certificate: Octets
    envelope: Octets | None = None


class RequestRecord(Model):
    """One request with everything that belongs to it."""

    entry: EntryModel
    digest: str
    content: Octets
    earlier: list[Octets]
    statements: list[Octets]
    certificates: list[StoredModel]
    intact: bool


class PlacesQuery(Model):
    """Which requests."""

    number: Annotated[list[Label], Field(min_length=1, max_length=MAXIMUM_BATCH)]


class Place(Model):
    """Where the next statement about something belongs, and what it is about."""

    subject: str
    sequence: int
    digest: str


class Places(Model):
    """In the order in which they were asked for."""

    places: list[Place]


class Delivered(Model):
    """The certificates handed over."""

    number: str
    certificates: list[StoredModel]


class CertificateQuery(RequestQuery):
    """Which certificates, and of which requests."""

    certificate_state: CertificateState | None = None
    certificate_profile: Label | None = None
    certificate_expires_from: AwareDatetime | None = None
    certificate_expires_before: AwareDatetime | None = None
    after: Annotated[int, Field(ge=0, le=LARGEST_ID)] = 0
    limit: Limit = MAXIMUM_PAGE


class Rows(Model):
    """Rows of an export."""

    rows: list[dict[str, str]]
    next: int | None
    """To go on after."""


class SearchQuery(Model):
    """What is searched for."""

    by: By
    what: Text
    after: Annotated[int, Field(ge=0, le=LARGEST_ID)] | None = None
    limit: Limit = PAGE


class FoundModel(Model):
    """A certificate that was found."""

    id: int
    number: str
    authority: str
    serial: str
    holder: str
    unit: str
    expires: AwareDatetime


class FindingsModel(Model):
    """Some certificates, in the order of what was searched for."""

    found: list[FoundModel]
    next: int | None


class OrderQuery(Model):
    """Which certificate."""

    serial: Annotated[str, Field(pattern="^[0-9A-Fa-fXx: ]+$", max_length=128)]
    authority: Label | None = None


class OrderPlace(Place):
    """Where the next order about a certificate belongs."""

    authority: str
    serial: str
    request: str
    """The number of the request that it came of."""


class Chain(Model):
    """An authority's certificate and those above it."""

    certificates: list[Octets]


class RowModel(Model):
    """A row of a list."""

    number: Annotated[int, Field(ge=1, le=2**31)]
    cells: Annotated[list[Annotated[str, Field(max_length=8192)]], Field(max_length=64)]


class ProblemModel(Model):
    """What is wrong with a list, and where."""

    row: Annotated[int, Field(ge=0, le=2**31)]
    column: Annotated[int, Field(ge=0, le=2**31)]
    what: Text


class ListToExamine(Model):
    """A list of holders, and the requests (CSR) that its rows name."""

    rows: Annotated[list[RowModel], Field(min_length=1, max_length=20_000)]
    problems: list[ProblemModel] = Field(default_factory=list)
    profile: Label | None = None
    authority: Label | None = None
    files: dict[str, Octets] = Field(default_factory=dict)
    unread: dict[str, Text] = Field(default_factory=dict)
    """Files that could not be read, and why."""


class CandidateModel(Model):
    """A row that can be entered."""

    row: int
    content: Octets


class OutcomeModel(Model):
    """A row that is in the books."""

    row: int
    number: str
    state: State


class ExaminedList(Model):
    """What came of examining a list."""

    candidates: list[CandidateModel]
    known: list[OutcomeModel]
    problems: list[ProblemModel]
