"""Operators: who they are, what they may do, and the session in which one of them signs."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import rfc8785
import sqlalchemy as sa
from asn1crypto import x509

from ca.authorities import authority_of
from ca.history import steps_of
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from ca.state import State as CertificateState
from core.algorithms import SM3
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.key_file import open_key_file
from core.keys.signer import Signer
from core.subject import Subject
from ra import records
from ra.moves import Role
from ra.profiles import OPERATOR
from ra.refusals import RefusedError, refusals_recorded
from ra.statements import SignedStatement, Statement, sign_statement, verify_statement

CEREMONY = "ceremony"
"""The actor who appoints at the founding of the centre, when there is no operator yet who could."""

STATEMENT_LIFETIME = timedelta(minutes=10)
"""How far a statement's time may be from ours when it is submitted: none is kept in a drawer for a better day."""

_NAME = re.compile(r"\w[\w.@-]{0,63}")


class OperatorState(StrEnum):
    """Whether an operator may act."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True)
class Operator:
    """An operator as the records have them."""

    name: str
    roles: frozenset[Role]
    state: OperatorState
    authority: str
    serial: int
    certificate: bytes

    @property
    def label(self) -> str:
        """`AUTHORITY/SERIAL` of the certificate."""
        return f"{self.authority}/{serial_text(self.serial)}"

    def require_signature_on(self, signed: SignedStatement) -> None:
        """Return if the statement is by this operator and signed with this certificate; else `RefusedError`."""
        if signed.statement.operator != self.name or signed.certificate != self.certificate:
            raise RefusedError(
                "other-certificate",
                _("the statement is not signed with the certificate of operator {operator}").format(operator=self.name),
                subject=signed.statement.subject,
            )


@dataclass(frozen=True, repr=False)
class OperatorSession:
    """An operator at work: name, certificate, and the key that signs every act."""

    name: str
    certificate: bytes
    signer: Signer

    def sign(self, statement: Statement) -> SignedStatement:
        """The statement, signed."""
        return sign_statement(statement, self.signer, self.certificate)


def add_operator(
    context: Context,
    authority: CertificateAuthority,
    name: str,
    roles: Collection[Role],
    csr: bytes,
    *,
    issuer: str,
    organization: str,
    actor: str = CEREMONY,
) -> Operator:
    """Appoint an operator: have the key in the request certified, and record name, roles and certificate with it.

    `issuer` names the issuing CA. `actor` answers for the appointment; the first operators are appointed by the
    ceremony, and the records say so. `YinxinError` if the name is taken or the request is not sound.
    """
    if not _NAME.fullmatch(name):
        raise YinxinError(
            Kind.INVALID, _("an operator's name has letters, digits, dot, dash, @ and underscore"), subject=name
        )
    if not roles:
        raise YinxinError(
            Kind.INVALID, _("an operator needs a role"), subject=name, remedy=", ".join(role.value for role in Role)
        )
    parse_csr(csr).check_possession()
    granted = sorted(role.value for role in roles)
    with context.storage.reading() as connection:
        if _row(connection, name) is not None:
            raise _taken(name)
    appointment = {"operator": name, "roles": granted, "issuer": issuer, "csr": csr.hex(), "appointed_by": actor}
    request = ApprovedRequest(
        authority=issuer,
        profile=OPERATOR,
        subject=Subject(organization=organization, common_name=name),
        csr=csr,
        approval=Approval(f"operator:{name}", SM3.of(rfc8785.dumps(appointment)), (actor,)),
    )

    def record(connection: sa.Connection, issued: Sequence[IssuedCertificate]) -> None:
        if _row(connection, name) is not None:
            raise _taken(name)
        (certificate,) = issued
        connection.execute(
            sa.insert(records.operators).values(
                name=name,
                roles=" ".join(granted),
                state=OperatorState.ACTIVE.value,
                authority=issuer,
                serial=certificate.serial,
                certificate=certificate.certificate,
                appointed_by=actor,
                appointed_at=context.clock.now(),
            )
        )
        details = {"roles": granted, "authority": issuer, "serial": serial_text(certificate.serial)}
        context.audit.append(connection, Event("ra.operator.add", actor, name, details))

    authority.issue([request], actor=actor, recording=record)
    with context.storage.reading() as connection:
        return find_operator(connection, name)


def suspend_operator(context: Context, name: str, *, actor: str = CEREMONY) -> None:
    """Let the operator do nothing until reinstated. What was stated before keeps its worth."""
    _set_state(context, name, OperatorState.SUSPENDED, "ra.operator.suspend", actor)


def reinstate_operator(context: Context, name: str, *, actor: str = CEREMONY) -> None:
    """Let a suspended operator act again."""
    _set_state(context, name, OperatorState.ACTIVE, "ra.operator.reinstate", actor)


def _set_state(context: Context, name: str, state: OperatorState, act: str, actor: str) -> None:
    with context.storage.transaction() as connection:
        if find_operator(connection, name, lock=True).state is state:
            raise YinxinError(
                Kind.CONFLICT, _("the operator is {state} already").format(state=state.value), subject=name
            )
        connection.execute(
            sa.update(records.operators).where(records.operators.c.name == name).values(state=state.value)
        )
        context.audit.append(connection, Event(act, actor, name))


def open_session(context: Context, name: str, key_file: Path, pin: bytes) -> OperatorSession:
    """Open the operator's key file with the PIN. `RefusedError` if it is another's key or the operator is suspended."""
    signer = open_key_file(key_file, pin)
    # Who is at the machine is not proven yet, so nobody is named as the actor of a refusal.
    with refusals_recorded(context, "ra.session.open", actor="unverified", subject=name):
        with context.storage.reading() as connection:
            operator = find_operator(connection, name)
            require_fit(context, connection, operator)
        if signer.public_key_info != x509.Certificate.load(operator.certificate).public_key.dump():
            raise RefusedError(
                "other-key",
                _("this is not the key of operator {operator}").format(operator=name),
                subject=str(key_file),
                remedy=_("give the key file that the operator was appointed with"),
            )
    return OperatorSession(name, operator.certificate, signer)


def authenticate(context: Context, message: bytes) -> SignedStatement:
    """The statement in a signed message, made by the operator whom it names; else `RefusedError`, and recorded."""
    with refusals_recorded(context, "ra.statement.submit", actor="unverified", subject=SM3.of(message).hex()):
        try:
            signed = verify_statement(message)
        except YinxinError as error:
            raise RefusedError("signature", error.what) from error
        with context.storage.reading() as connection:
            operator = operators_named(connection, {signed.statement.operator}).get(signed.statement.operator)
        if operator is None:
            raise RefusedError("unknown-operator", _("no such operator"), subject=signed.statement.operator)
        operator.require_signature_on(signed)
    return signed


def admit(context: Context, connection: sa.Connection, signed: SignedStatement) -> Operator:
    """The operator who made an authenticated statement, if they may act now; else `RefusedError`."""
    operator = find_operator(connection, signed.statement.operator)
    require_fit(context, connection, operator)
    if abs(context.clock.now() - signed.statement.at) > STATEMENT_LIFETIME:
        raise RefusedError(
            "stale",
            _("the statement was not made just now"),
            subject=signed.statement.subject,
            remedy=_("check the clock, and decide anew"),
        )
    return operator


def require_fit(context: Context, connection: sa.Connection, operator: Operator) -> None:
    """Return if the operator is active and the operator's certificate holds now; else `RefusedError`."""
    if operator.state is not OperatorState.ACTIVE:
        raise RefusedError(
            "suspended",
            _("the operator is suspended"),
            subject=operator.name,
            remedy=_("have the operator reinstated, or another operator do it"),
        )
    if not _certificate_holds(connection, operator, context.clock.now()):
        raise RefusedError(
            "certificate",
            _("the operator's certificate has expired or is revoked"),
            subject=operator.name,
            remedy=_("have the operator appointed anew"),
        )


def _certificate_holds(connection: sa.Connection, operator: Operator, now: datetime) -> bool:
    validity = x509.Certificate.load(operator.certificate)["tbs_certificate"]["validity"]
    if not validity["not_before"].native <= now <= validity["not_after"].native:
        return False
    steps = steps_of(connection, authority_of(connection, operator.authority).id, operator.serial)
    return bool(steps) and steps[-1].state is CertificateState.VALID


def operators_named(connection: sa.Connection, names: Collection[str]) -> dict[str, Operator]:
    """The operators of these names, those that exist."""
    rows = connection.execute(sa.select(records.operators).where(records.operators.c.name.in_(names)))
    return {row.name: _operator(row) for row in rows}


def find_operator(connection: sa.Connection, name: str, *, lock: bool = False) -> Operator:
    """The operator of this name, locked against change until the transaction ends if asked; `YinxinError` if none."""
    row = _row(connection, name, lock=lock)
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no such operator"), subject=name, remedy=_("see: yinxin ra operator list"))
    return _operator(row)


def list_operators(context: Context) -> list[Operator]:
    """Every operator, by name."""
    with context.storage.reading() as connection:
        rows = connection.execute(sa.select(records.operators).order_by(records.operators.c.name))
        return [_operator(row) for row in rows]


def _row(connection: sa.Connection, name: str, *, lock: bool = False) -> sa.Row[tuple[object, ...]] | None:
    query = sa.select(records.operators).where(records.operators.c.name == name)
    return connection.execute(query.with_for_update() if lock else query).first()


def _operator(row: sa.Row[tuple[object, ...]]) -> Operator:
    return Operator(
        row.name,
        frozenset(Role(role) for role in row.roles.split()),
        OperatorState(row.state),
        row.authority,
        row.serial,
        row.certificate,
    )


def _taken(name: str) -> YinxinError:
    return YinxinError(
        Kind.CONFLICT, _("there is an operator of this name already"), subject=name, remedy=_("choose another name")
    )
