"""People with seals, as the registration authority knows them: what `seals.contracts.People` asks."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from werkzeug.wrappers import Request

from ca import register
from ca.state import State
from core.algorithms import SM3
from core.context import Context
from core.errors import YinxinError
from core.i18n import _
from core.refusals import RefusedError
from core.statements import SignedStatement
from core.words import in_words
from ra import operators
from ra.http_access import admit_caller, session_of
from ra.operators import Roster
from ra.roles import Role
from seals.contracts import Duty, Official, Session

_DUTIES = {Role.SEAL_ADMINISTRATOR: Duty.MANAGE, Role.SEAL_CUSTODIAN: Duty.USE, Role.AUDITOR: Duty.AUDIT}
_KEPT = 4096


@dataclass
class SealPeople:
    """The operators of an installation, and what they do with seals."""

    context: Context
    _then: dict[tuple[bytes, str], frozenset[Duty]] = field(default_factory=dict)
    """What somebody was when they signed a statement stays so, whatever becomes of them."""

    def admit_request(self, request: Request, body: bytes, edge_addresses: tuple[str, ...]) -> Session:
        """The operator who sends a request."""
        return session_of(admit_caller(self.context, request, body, edge_addresses))

    def open_session(self, name: str, key_file: Path, pin: bytes) -> Session:
        """Open somebody's key file."""
        return operators.open_session(self.context, name, key_file, pin)

    def identify(self, connection: sa.Connection, signed: SignedStatement[Any]) -> None:
        """Return if the statement is signed with the certificate of the operator whom it names."""
        try:
            operator = operators.find_operator(connection, signed.statement.operator)
        except YinxinError as error:
            raise RefusedError("unknown-operator", error.what, subject=signed.statement.operator) from error
        operator.require_signature_on(signed)

    def admit(self, connection: sa.Connection, signed: SignedStatement[Any]) -> Official:
        """The operator who made the statement, if they may act now."""
        operator = operators.admit(self.context, connection, signed)
        return Official(_duties(operator.roles), operator.branch)

    def admit_reader(self, connection: sa.Connection, session: Session) -> Official:
        """The operator at work, if they may act now."""
        operator = operators.find_operator(connection, session.name)
        operators.require_fit(self.context, connection, operator)
        if session.certificate != operator.certificate:
            raise operators.replaced_certificate(session.name)
        return Official(_duties(operator.roles), operator.branch)

    def require_standing(self, connection: sa.Connection, certificate: bytes) -> None:
        """Return unless the certificate is one of ours, and held or revoked."""
        state = register.state_of(connection, certificate)
        if state in (State.HELD, State.REVOKED):
            raise RefusedError(
                "certificate",
                _("the certificate of the seal is {state}").format(state=in_words(state.value)),
                remedy=_("have the certificate resumed, or apply for another version of the seal with a new one"),
            )

    def require_maker(self, connection: sa.Connection, certificate: bytes, moment: datetime) -> bool:
        """Whether the certificate is one of ours; refused if it was held or revoked at this moment."""
        state = register.state_of(connection, certificate, moment)
        if state in (State.HELD, State.REVOKED):
            raise RefusedError(
                "maker",
                _("the seal maker's certificate was {state} when the seal was made").format(
                    state=in_words(state.value)
                ),
                remedy=_("have the seal made by a maker whose certificate is in force"),
            )
        return state is not None

    def duties_when_signing(
        self, connection: sa.Connection, signed: SignedStatement[Any], branch: str
    ) -> frozenset[Duty]:
        """What whoever signed might do in this branch then."""
        place = (SM3.of(signed.message), branch)
        if place not in self._then:
            if len(self._then) >= _KEPT:
                self._then.clear()
            self._then[place] = _duties(Roster(connection).roles_when_signing(signed, branch))
        return self._then[place]


def _duties(roles: frozenset[Role]) -> frozenset[Duty]:
    return frozenset(_DUTIES[role] for role in roles if role in _DUTIES)
