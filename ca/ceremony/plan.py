"""The plan of a ceremony: one file that everybody reviews before, and that the transcript holds afterwards."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ca.profiles import NAME, Profile
from core import files
from core.algorithms import SM3, KeyKind
from core.certificates import read_certificates
from core.complaints import complaint
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Subject

Words = Annotated[str, Field(min_length=1, max_length=64)]


class Role(StrEnum):
    """What somebody is there for."""

    LEADER = "leader"
    """Leads through the ceremony, and does nothing at the machine."""
    OPERATOR = "operator"
    """Sits at the machine."""
    CUSTODIAN = "custodian"
    """Takes a share of the passphrase away."""
    AUDITOR = "auditor"
    """Sees that the plan is kept."""
    WITNESS = "witness"
    """Sees it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Part):
    """Somebody present."""

    name: Words
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    unit: Annotated[str, Field(max_length=64)] = ""
    certificate: str = ""
    """File, beside the plan; empty: signs the transcript by hand."""


class CustodyTerms(_Part):
    """How the passphrase is split. The shares go to the custodians in the order of the file."""

    needed: Annotated[int, Field(ge=2, le=15)] = 3
    delivery: Literal["sheets", "encrypted"] = "sheets"
    """On paper, or encrypted to each custodian's certificate."""


class RootTerms(_Part):
    """One root."""

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    key: KeyKind
    subject: Subject
    validity_days: Annotated[int, Field(ge=365, le=36525)] = 7300
    path_length: Annotated[int, Field(ge=0, le=9)] | None = None
    """pathLenConstraint; left out: no limit."""
    list_days: Annotated[int, Field(ge=1, le=400)] = 180
    """How long its first revocation list holds."""

    def profile(self, base: Profile) -> Profile:
        """The profile `root` with what this plan says."""
        changes = {"name": self.name, "validity_days": self.validity_days, "path_length": self.path_length}
        return Profile.model_validate(base.model_dump() | changes)


class Outputs(_Part):
    """Where things go; folders beside the plan that must not exist yet."""

    folder: str = "ceremony"
    """Certificates, lists, transcript: public."""
    sheets: str = "/dev/shm/ceremony-sheets"  # noqa: S108 - in memory is what is wanted
    """The sheets with the shares, until they are printed: a file system in memory."""


class Plan(_Part):
    """A ceremony."""

    title: Words
    place: Words
    organization: Words
    """Whose authority it is."""
    address: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
    """Where certificates and lists of the roots will be published: what certificates under them say."""
    present: Annotated[tuple[Person, ...], Field(min_length=2)]
    roots: Annotated[tuple[RootTerms, ...], Field(min_length=1, max_length=8)]
    custody: CustodyTerms = CustodyTerms()
    outputs: Outputs = Outputs()

    @property
    def custodians(self) -> tuple[Person, ...]:
        """Who takes a share away, in the order of the shares."""
        return tuple(one for one in self.present if Role.CUSTODIAN in one.roles)

    @field_validator("address")
    @classmethod
    def _without_slash(cls, address: str) -> str:
        return address.rstrip("/")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """What contradicts itself is no plan."""
        custodians = self.custodians
        complaints = {
            _("two people of the same name"): len({one.name for one in self.present}) != len(self.present),
            _("two roots of the same name"): len({one.name for one in self.roots}) != len(self.roots),
            _("fewer custodians are present than shares are needed"): len(custodians) < self.custody.needed,
            _("more than 15 custodians"): len(custodians) > 15,
            _("to be sent a share encrypted, each custodian needs a certificate"): self.custody.delivery == "encrypted"
            and not all(one.certificate for one in custodians),
            _("somebody must lead, and somebody else see to it (auditor or witness)"): not self._is_watched(),
        }
        for objection, holds in complaints.items():
            if holds:
                raise ValueError(objection)
        return self

    def _is_watched(self) -> bool:
        leaders = {one.name for one in self.present if Role.LEADER in one.roles}
        watching = {one.name for one in self.present if {Role.AUDITOR, Role.WITNESS} & set(one.roles)}
        return bool(leaders and watching - leaders)


@dataclass(frozen=True)
class ReadPlan:
    """A plan as it lay in its file."""

    plan: Plan
    path: Path
    octets: bytes

    @property
    def digest(self) -> str:
        """SM3 of the file."""
        return SM3.of(self.octets).hex()

    def beside(self, name: str) -> Path:
        """A path that the plan names."""
        return self.path.parent / name

    def certificates(self) -> dict[str, bytes]:
        """The certificates (DER) of those who have one, by name. `YinxinError` if one cannot be read."""
        return {
            one.name: read_certificates(self.beside(one.certificate))[0] for one in self.plan.present if one.certificate
        }


def load_plan(path: Path) -> ReadPlan:
    """The plan in a file (TOML). `YinxinError` (invalid) names the key that is wrong."""
    octets = files.read(path)
    return ReadPlan(parse_plan(octets, str(path)), path, octets)


def parse_plan(octets: bytes, subject: str) -> Plan:
    """The plan in these octets; errors as of `load_plan`."""
    try:
        return Plan.model_validate(tomllib.loads(octets.decode()))
    except ValidationError as error:
        raise YinxinError(
            Kind.INVALID, str(complaint(error)), subject=subject, remedy=_("correct the plan and review it again")
        ) from error
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("not TOML: {reason}").format(reason=error), subject=subject) from error


def profiles_of(plan: Plan, base: Profile) -> Sequence[Profile]:
    """One for each root. `YinxinError` (invalid) if a root cannot be as the plan has it."""
    profiles = []
    for root in plan.roots:
        try:
            root.subject.name()
            profiles.append(root.profile(base))
        except (ValidationError, YinxinError) as error:
            what = str(complaint(error)) if isinstance(error, ValidationError) else str(error)
            raise YinxinError(
                Kind.INVALID, what, subject=root.name, remedy=_("correct the plan and review it again")
            ) from error
    return profiles
