"""What goes over the wire about orders to revoke many certificates, and about certificates that end soon."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from ca.state import Reason
from ca.state import State as CertificateState
from core.api.models import Label, Model, Octets, Text
from core.certificates import serial_text
from ra.applications import Contact
from ra.expiry import Expiring, ExpiryFilter
from ra.http_models import LARGEST_ID, BranchName, Limit
from ra.moves import State
from ra.register import PAGE
from ra.revocation_orders import MAXIMUM, Line
from ra.revocation_selection import Listed, Selection
from ra.search import By


class ExpiringQuery(Model):
    """Which certificates."""

    within_days: Annotated[int, Field(ge=1, le=36_500)] = 60
    unit: Text | None = None
    profile: Label | None = None
    branch: BranchName | None = None
    after: Annotated[int, Field(ge=0, le=LARGEST_ID)] | None = None
    limit: Limit = PAGE

    def filter(self) -> ExpiryFilter:
        """As the verbs take it."""
        return ExpiryFilter(self.unit, self.profile, self.branch)


class ExpiringModel(Model):
    """A certificate that ends soon."""

    id: int
    number: str
    authority: str
    serial: str
    profile: str
    branch: str
    holder: str
    unit: str
    expires: AwareDatetime
    email: str | None
    unit_email: str | None

    @classmethod
    def of(cls, one: Expiring) -> Self:
        """For the wire."""
        given = vars(one) | {"serial": serial_text(one.serial), **one.contact.model_dump()}
        return cls(**{name: given[name] for name in cls.model_fields})

    def expiring(self) -> Expiring:
        """The same, from the wire."""
        given = self.model_dump(exclude={"email", "unit_email"}) | {"serial": int(self.serial, 16)}
        return Expiring(**given, contact=Contact(email=self.email, unit_email=self.unit_email))


class ExpiringCertificates(Model):
    """The first to end first."""

    found: list[ExpiringModel]
    next: int | None
    """To go on after."""


class ListedModel(Model):
    """A row of a list of certificates."""

    row: Annotated[int, Field(ge=1, le=2**31)]
    serial: Annotated[str, Field(min_length=1, max_length=128, pattern="^[^\\x00]*$")]
    authority: Annotated[str, Field(max_length=64, pattern="^[^\\x00]*$")] = ""


class SearchedModel(Model):
    """Everything that a search finds."""

    by: By
    what: Text


class RevocationSelection(Model):
    """What an order shall be about: one of `listed`, `unit`, `searched`."""

    reason: Reason
    listed: Annotated[list[ListedModel], Field(max_length=MAXIMUM)] | None = None
    unit: Text | None = None
    searched: SearchedModel | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.listed, self.unit, self.searched)) != 1:
            raise ValueError("give one of: listed, unit, searched")
        return self

    @classmethod
    def of(cls, reason: Reason, selection: Selection) -> Self:
        """For the wire."""
        if selection.listed is not None:
            return cls(reason=reason, listed=[ListedModel(**vars(one)) for one in selection.listed])
        if selection.unit is not None:
            return cls(reason=reason, unit=selection.unit)
        return cls(reason=reason, searched=SearchedModel(by=selection.by, what=selection.what))

    def selection(self) -> Selection:
        """As the verbs take it."""
        if self.searched is not None:
            return Selection(by=self.searched.by, what=self.searched.what)
        listed = None if self.listed is None else tuple(Listed(**vars(one)) for one in self.listed)
        return Selection(listed, self.unit)


class LineModel(Model):
    """A certificate of an order, as it stands now."""

    authority: str
    serial: str
    holder: str
    unit: str
    state: CertificateState | None

    @classmethod
    def of(cls, line: Line) -> Self:
        """For the wire."""
        return cls(**(vars(line) | {"serial": serial_text(line.serial)}))

    def line(self) -> Line:
        """The same, from the wire."""
        return Line(self.authority, int(self.serial, 16), self.holder, self.unit, self.state)


class RevocationDraft(Model):
    """An order that nobody has entered yet: what is to be signed about, and a line for each certificate."""

    content: Octets
    lines: list[LineModel]


class RevocationEntry(Model):
    """An order in a list."""

    number: str
    state: State
    reason: Reason
    certificates: int
    digest: str


class RevocationList(Model):
    """The newest first."""

    orders: list[RevocationEntry]


class RevocationRecord(RevocationDraft):
    """An order with everything that belongs to it."""

    number: str
    state: State
    statements: list[Octets]


class RevocationState(Model):
    """Where an order stands now."""

    number: str
    state: State


class RevocationOutcome(RevocationState):
    """What a decision did."""

    reason: Reason
    revoked: int
    passed_over: int
    """Revoked already."""
    authorities: list[str]
    missed: list[str]
    """What ought to have followed, and could not be done."""
