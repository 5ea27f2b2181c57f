"""What goes over the wire about people, branches and the office itself."""

from pydantic import AwareDatetime

from core.api.models import Model, Octets
from core.certificates import serial_text
from ra.appointments import PersonState
from ra.http_models import BranchName, SignedStatement
from ra.operators import Operator
from ra.roles import Role


class SignedDecision(SignedStatement):
    """A decision on somebody; with the canonical appointment where it changes."""

    content: Octets | None = None


class Person(Model):
    """What somebody is now."""

    name: str
    roles: list[Role]
    state: PersonState
    branch: str
    authority: str
    serial: str
    certificate: Octets

    @classmethod
    def of(cls, operator: Operator) -> "Person":
        """The operator, for the wire."""
        return cls(**(vars(operator) | {"roles": sorted(operator.roles), "serial": serial_text(operator.serial)}))

    def operator(self) -> Operator:
        """The same, from the wire."""
        return Operator(
            self.name,
            frozenset(self.roles),
            self.state,
            self.branch,
            self.authority,
            int(self.serial, 16),
            self.certificate,
        )


class PersonRecord(Person):
    """Somebody, with what the next decision on them is about."""

    appointment: Octets
    """Canonical."""
    statements: int
    """So many were made about them."""


class PeopleQuery(Model):
    """Whose."""

    branch: BranchName | None = None


class People(Model):
    """By name."""

    people: list[Person]


class BranchModel(Model):
    """A branch."""

    branch: str
    title: str
    administrator: str


class Branches(Model):
    """By name."""

    branches: list[BranchModel]


class ProfileModel(Model):
    """What can be applied for."""

    name: str
    title: str
    approvals: int


class Office(Model):
    """What a client has to know before it signs anything."""

    me: Person
    now: AwareDatetime
    decide_days: int
    organization: str
    """The centre's name."""
    profiles: list[ProfileModel]
