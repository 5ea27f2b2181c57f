"""People's careers: appointment, change of roles, suspension, renewal, removal, replayed from signed statements. Pure.

What somebody signed is judged by what they were at that moment, so that a later change of their roles or certificate
takes nothing from what they did before.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal

import rfc8785
from asn1crypto import x509
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import statements
from core.algorithms import SM3
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Subject
from ra.applications import Hexadecimal
from ra.moves import OvertakenError
from ra.refusals import RefusedError
from ra.roles import CENTRE, FOUNDERS, Role, require_authority_over, require_combination
from ra.statements import Act, Statement


class PersonState(StrEnum):
    """Whether somebody may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class Appointment(BaseModel):
    """Who becomes what, with which key: everything that an administrator answers for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    operator: Annotated[str, Field(pattern=r"^\w[\w.@-]{0,63}$")]
    roles: tuple[Role, ...]
    """Sorted."""
    branch: Annotated[str, Field(max_length=64)] = CENTRE
    authority: Annotated[str, Field(min_length=1, max_length=64)]
    """Who certifies the key."""
    organization: str
    csr: Hexadecimal
    """PKCS#10, DER."""

    def canonical(self) -> bytes:
        """The bytes that are kept (RFC 8785)."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """SM3 of the canonical bytes, hexadecimal: what statements are about."""
        return SM3.of(self.canonical()).hex()

    @property
    def subject(self) -> Subject:
        """Of the certificate. Founders' certificates name their office (OU), and no other operator's has one: the CA's
        signature is what tells a founder, as no administrator appoints them."""
        founder = FOUNDERS.intersection(self.roles)
        office = next(iter(founder)).value + "-administrator" if founder else None
        return Subject(organization=self.organization, organizational_unit=office, common_name=self.operator)


@lru_cache(maxsize=1024)
def parse_appointment(content: bytes) -> Appointment:
    """Read a stored appointment; `YinxinError` if it is none."""
    try:
        appointment = Appointment.model_validate(json.loads(content))
        if appointment.canonical() == content:
            return appointment
    except (ValidationError, ValueError):
        pass
    raise YinxinError(Kind.INVALID, _("the stored appointment cannot be read"))


def appointment_of(
    name: str, roles: Collection[Role], csr: bytes, *, authority: str, organization: str, branch: str = CENTRE
) -> Appointment:
    """An appointment; `YinxinError` if the name is no name or nobody may have these roles together."""
    require_combination(set(roles), name)
    request = parse_csr(csr)
    request.check_possession()
    try:
        return Appointment(
            operator=name,
            roles=tuple(sorted(set(roles))),
            branch=branch,
            authority=authority,
            organization=organization,
            csr=request.encoded,
        )
    except ValidationError:
        raise YinxinError(
            Kind.INVALID, _("an operator's name has letters, digits, dot, dash, @ and underscore"), subject=name
        ) from None


@dataclass(frozen=True)
class Credential:
    """An operator's certificate."""

    authority: str
    serial: int
    certificate: bytes
    """DER."""


@dataclass(frozen=True)
class Standing:
    """What somebody was from one statement about them to the next."""

    since: datetime
    state: PersonState
    appointment: Appointment
    credential: Credential

    @property
    def roles(self) -> frozenset[Role]:
        """What they might do."""
        return frozenset(self.appointment.roles)


@dataclass(frozen=True)
class PersonMove:
    """From which states a statement about somebody leads where. None: before the appointment."""

    origins: frozenset[PersonState | None]
    result: PersonState


MOVES = {
    Act.FOUND: PersonMove(frozenset({None}), PersonState.ACTIVE),
    Act.APPOINT: PersonMove(frozenset({None}), PersonState.ACTIVE),
    Act.CHANGE: PersonMove(frozenset({PersonState.ACTIVE}), PersonState.ACTIVE),
    Act.RENEW: PersonMove(frozenset({PersonState.ACTIVE}), PersonState.ACTIVE),
    Act.SUSPEND: PersonMove(frozenset({PersonState.ACTIVE}), PersonState.SUSPENDED),
    Act.REINSTATE: PersonMove(frozenset({PersonState.SUSPENDED}), PersonState.ACTIVE),
    Act.REMOVE: PersonMove(frozenset({PersonState.ACTIVE, PersonState.SUSPENDED}), PersonState.REMOVED),
}

ONESELF = frozenset({Act.FOUND, Act.RENEW})
"""What somebody may state about themselves: nobody gets a role by it that the CA or an administrator did not give."""

_NEW_KEY = frozenset({Act.FOUND, Act.APPOINT, Act.RENEW})


@dataclass(frozen=True)
class Career:
    """Somebody's standings, in the order of the statements that made them."""

    name: str
    standings: tuple[Standing, ...] = ()

    @property
    def present(self) -> Standing:
        """The last standing."""
        return self.standings[-1]

    @property
    def subject(self) -> str:
        """What statements about this person are about."""
        return f"operator:{self.name}"

    def when_signing(self, signed: statements.SignedStatement[Any]) -> tuple[Standing, ...]:
        """The standings in which this statement can have been signed: active, and with the certificate they had.

        More than one only where the standing changed at that very moment; none, where it is not theirs.
        """
        if signed.statement.operator != self.name or not _covers(signed.certificate, signed.statement.at):
            return ()
        ends = [*(standing.since for standing in self.standings[1:]), None]
        return tuple(
            standing
            for standing, end in zip(self.standings, ends, strict=True)
            if standing.state is PersonState.ACTIVE
            and standing.credential.certificate == signed.certificate
            and standing.since <= signed.statement.at
            and (end is None or signed.statement.at <= end)
        )

    def after(
        self,
        statement: Statement,
        administrators: Sequence[Standing],
        appointment: Appointment | None,
        credential: Credential | None,
    ) -> "Career":
        """The career with this statement added to it, by an administrator who was one of these standings.

        `appointment`: what a new key or other roles are stated with; `credential`: the certificate of a new key, None
        until it is issued. `RefusedError` where a rule forbids it, `YinxinError` (conflict) where the state does.
        """
        move = MOVES.get(statement.act)
        if move is None or statement.subject != self.subject:
            raise RefusedError("other-subject", _("the statement is about something else"), subject=self.name)
        state = self.present.state if self.standings else None
        if state not in move.origins:
            raise _wrong_state(self.name, state)
        if statement.sequence != len(self.standings) + 1:
            raise OvertakenError(self.name)
        if self.standings and statement.at < self.present.since:
            raise RefusedError("stale", _("the statement is older than the last one"), subject=self.name)
        wanted = appointment or self.present.appointment
        if wanted.operator != self.name or statement.digest != wanted.digest:
            raise RefusedError("other-content", _("the statement is about another appointment"), subject=self.name)
        require_combination(set(wanted.roles), self.name)
        self._check_right(statement, administrators, wanted)
        if credential is None:
            credential = self.present.credential if self.standings else Credential(wanted.authority, 0, b"")
        elif not _bears(credential, wanted):
            raise RefusedError("other-key", _("the certificate is not that of the appointment"), subject=self.name)
        return Career(self.name, (*self.standings, Standing(statement.at, move.result, wanted, credential)))

    def _check_right(self, statement: Statement, administrators: Sequence[Standing], wanted: Appointment) -> None:
        """The rights of whoever states it over what the person was and over what the person becomes."""
        if statement.act is Act.FOUND:
            if statement.operator != self.name or not FOUNDERS.issuperset(wanted.roles) or wanted.branch != CENTRE:
                raise RefusedError("not-founded", _("only the two administrators are founded"), subject=self.name)
            return
        before = self.present.appointment if self.standings else wanted
        if statement.act is Act.RENEW and wanted.model_copy(update={"csr": before.csr}) != before:
            raise RefusedError("renewal", _("a renewal changes the key and nothing else"), subject=self.name)
        if statement.act is Act.CHANGE and wanted.model_copy(update={"roles": before.roles}) != before:
            raise RefusedError("change", _("a change of roles changes nothing else"), subject=self.name)
        if statement.operator == self.name:
            if statement.act not in ONESELF:
                raise RefusedError(
                    "oneself",
                    _("nobody decides on their own roles"),
                    subject=self.name,
                    remedy=_("have it done by another administrator"),
                )
            return
        refusal: RefusedError | None = None
        for standing in administrators:
            try:
                for one in (before, wanted):
                    require_authority_over(
                        standing.roles, standing.appointment.branch, set(one.roles), one.branch, self.name
                    )
                return
            except RefusedError as error:
                refusal = error
        raise refusal or RefusedError("role", _("no administrator said this"), subject=self.name)


def needs_new_certificate(act: Act) -> bool:
    """Whether a statement of this act comes with a key to be certified."""
    return act in _NEW_KEY


@lru_cache(maxsize=4096)
def _covers(certificate: bytes, moment: datetime) -> bool:
    validity = x509.Certificate.load(certificate)["tbs_certificate"]["validity"]
    covers: bool = validity["not_before"].native <= moment <= validity["not_after"].native
    return covers


@lru_cache(maxsize=4096)
def _bears(credential: Credential, appointment: Appointment) -> bool:
    """Whether the certificate is for the key and under the name of the appointment."""
    certificate = x509.Certificate.load(credential.certificate)
    same_key: bool = certificate.public_key.dump() == parse_csr(appointment.csr).public_key_info
    same_name: bool = certificate.subject.dump() == appointment.subject.name()
    return (
        credential.authority == appointment.authority
        and certificate.serial_number == credential.serial
        and same_key
        and same_name
    )


def _wrong_state(name: str, state: PersonState | None) -> YinxinError:
    if state is None:
        return YinxinError(
            Kind.NOT_FOUND, _("no such operator"), subject=name, remedy=_("see: yinxin ra operator list")
        )
    return YinxinError(
        Kind.CONFLICT,
        _("the operator is {state} already").format(state=state.value),
        subject=name,
        remedy=_("choose another name") if state is PersonState.REMOVED else "",
    )
