"""Revoking, holding and resuming holders' certificates on an operator's signed order, kept beside the CA's event."""

from dataclasses import dataclass

import sqlalchemy as sa

import ca.revocation
from ca.importing.certificates import imported_certificate
from ca.register import find
from ca.state import Reason
from core.algorithms import SM3
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import records
from ra.applications import parse_application
from ra.attribute_applications import parse_attribute_application
from ra.attribute_records import attribute_requests
from ra.moves import OvertakenError, again_if_overtaken
from ra.operators import (
    OperatorSession,
    admit,
    admit_reader,
    authenticate,
    require_in_sight,
    require_own_branch,
)
from ra.refusals import RefusedError, refusals_recorded
from ra.roles import CENTRE, Role, require_role
from ra.statements import Act, SignedStatement, Statement

REASONS_OF_ROLE = {
    Role.REVIEW: frozenset(
        {
            Reason.UNSPECIFIED,
            Reason.KEY_COMPROMISE,
            Reason.AFFILIATION_CHANGED,
            Reason.SUPERSEDED,
            Reason.CESSATION_OF_OPERATION,
            Reason.PRIVILEGE_WITHDRAWN,
        }
    ),
}
"""Who may revoke, and what they may give as the reason (RFC 5280 5.3.1); the others are about authorities, or are not
revocations. Roles that are not here revoke nothing."""
REASONS = frozenset[Reason]().union(*REASONS_OF_ROLE.values())


def revoke(context: Context, session: OperatorSession, authority: str, serial: int, reason: Reason) -> None:
    """Revoke a holder's certificate for good."""
    _order(context, session, authority, serial, Act.REVOKE, reason.value)


def hold(context: Context, session: OperatorSession, authority: str, serial: int) -> None:
    """Suspend a holder's certificate (certificateHold)."""
    _order(context, session, authority, serial, Act.HOLD)


def resume(context: Context, session: OperatorSession, authority: str, serial: int) -> None:
    """Let a suspended certificate hold again."""
    _order(context, session, authority, serial, Act.RESUME)


def _order(
    context: Context, session: OperatorSession, authority: str, serial: int, act: Act, decision: str = ""
) -> None:
    def attempt() -> None:
        with context.storage.reading() as connection:
            certificate = _certificate(connection, authority, serial)
            sequence = _orders_given(connection, authority, serial) + 1
        statement = Statement(
            act=act,
            subject=f"{authority}/{serial_text(serial)}",
            sequence=sequence,
            digest=SM3.of(certificate).hex(),
            decision=decision,
            at=context.clock.now(),
            operator=session.name,
        )
        submit_order(context, session.sign(statement).message)

    again_if_overtaken(attempt)


@dataclass(frozen=True)
class OrderPlace:
    """Where the next order about a certificate belongs."""

    authority: str
    serial: int
    sequence: int
    digest: str
    """SM3 of the certificate."""
    request: str
    """The number of the request that it came of."""

    @property
    def subject(self) -> str:
        """What the order is about."""
        return f"{self.authority}/{serial_text(self.serial)}"


def next_order(context: Context, session: OperatorSession, serial: str, authority: str | None) -> OrderPlace:
    """For an operator who may see the certificate with this serial number, decimal or hexadecimal."""
    found = find(context.storage, serial, authority)
    with (
        refusals_recorded(context, "ra.certificate.read", actor=session.name, subject=serial),
        context.storage.reading() as connection,
    ):
        operator = admit_reader(context, connection, session)
        certificate = _certificate(connection, found.authority, found.serial)
        require_in_sight(operator, _branch(connection, found.authority, found.serial), serial)
        sequence = _orders_given(connection, found.authority, found.serial) + 1
    return OrderPlace(found.authority, found.serial, sequence, SM3.of(certificate).hex(), found.approval_reference)


def submit_order(context: Context, message: bytes) -> None:
    """Carry out the signed order about a certificate, and keep it: both in one transaction, or neither."""
    signed = authenticate(context, message)
    statement = signed.statement
    act = f"ra.certificate.{statement.act.value}"
    with refusals_recorded(context, act, actor=statement.operator, subject=statement.subject):
        authority, serial = _parse_subject(statement.subject)

        def record(connection: sa.Connection) -> None:
            _record(context, connection, signed, authority, serial)

        # Before the CA is asked too, so that a refusal does not depend on the certificate's state.
        with context.storage.reading() as connection:
            _check(context, connection, signed, authority, serial)
        match statement.act:
            case Act.REVOKE:
                reason = _reason(statement)
                ca.revocation.revoke(context, authority, serial, reason, actor=statement.operator, recording=record)
            case Act.HOLD:
                ca.revocation.hold(context, authority, serial, actor=statement.operator, recording=record)
            case Act.RESUME:
                ca.revocation.resume(context, authority, serial, actor=statement.operator, recording=record)
            case _:
                raise RefusedError("other-act", _("the statement is about something else"), subject=statement.subject)


def orders_about(context: Context, authority: str, serial: int) -> list[bytes]:
    """Every signed order about a certificate, in their order."""
    table = records.certificate_orders
    with context.storage.reading() as connection:
        query = sa.select(table.c.statement).where(table.c.authority == authority, table.c.serial == serial)
        return list(connection.scalars(query.order_by(table.c.sequence)))


def _check(context: Context, connection: sa.Connection, signed: SignedStatement, authority: str, serial: int) -> None:
    statement = signed.statement
    operator = admit(context, connection, signed)
    require_role(operator.roles, Role.REVIEW, operator.name, statement.subject)
    require_own_branch(operator, _branch(connection, authority, serial), statement.subject)
    if statement.digest != SM3.of(_certificate(connection, authority, serial)).hex():
        raise RefusedError("other-content", _("the order is about another certificate"), subject=statement.subject)
    if statement.sequence != _orders_given(connection, authority, serial) + 1:
        raise OvertakenError(statement.subject)


def _record(context: Context, connection: sa.Connection, signed: SignedStatement, authority: str, serial: int) -> None:
    _check(context, connection, signed, authority, serial)
    statement = signed.statement
    connection.execute(
        sa.insert(records.certificate_orders).values(
            authority=authority,
            serial=serial,
            sequence=statement.sequence,
            act=statement.act.value,
            operator=statement.operator,
            at=statement.at,
            statement=signed.message,
        )
    )
    details = {"decision": statement.decision, "statement": signed.digest}
    event = Event(f"ra.certificate.{statement.act.value}", statement.operator, statement.subject, details)
    context.audit.append(connection, event)


def _certificate(connection: sa.Connection, authority: str, serial: int) -> bytes:
    """A certificate that was issued for a request, or imported: services and authorities are not the RA's to revoke."""
    for table in (records.request_certificates, attribute_requests):
        query = sa.select(table.c.certificate).where(table.c.authority == authority, table.c.serial == serial)
        certificate = connection.scalar(query)
        if certificate is not None:
            break
    else:
        certificate = imported_certificate(connection, authority, serial)
    if certificate is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no certificate of this number was issued here for a holder"),
            subject=f"{authority}/{serial_text(serial)}",
            remedy=_("check the serial number and the authority"),
        )
    return bytes(certificate)


def _branch(connection: sa.Connection, authority: str, serial: int) -> str:
    """Whose operators had it made."""
    table, requests, attributes = records.request_certificates, records.requests, attribute_requests
    content = connection.scalar(
        sa.select(requests.c.content)
        .join(table, table.c.request_id == requests.c.id)
        .where(table.c.authority == authority, table.c.serial == serial)
    )
    if content is not None:
        return parse_application(bytes(content)).branch
    content = connection.scalar(
        sa.select(attributes.c.content).where(attributes.c.authority == authority, attributes.c.serial == serial)
    )
    if content is None:
        return CENTRE  # imported: nobody here had it made
    return parse_attribute_application(bytes(content)).branch


def _orders_given(connection: sa.Connection, authority: str, serial: int) -> int:
    table = records.certificate_orders
    query = sa.select(sa.func.count()).select_from(table)
    return connection.scalar(query.where(table.c.authority == authority, table.c.serial == serial)) or 0


def _parse_subject(subject: str) -> tuple[str, int]:
    authority, _slash, serial = subject.rpartition("/")
    try:
        return authority, int(serial, 16)
    except ValueError:
        raise YinxinError(Kind.INVALID, _("not a certificate: AUTHORITY/SERIAL"), subject=subject) from None


def require_reason_of_role(role: Role, reason: str, subject: str) -> None:
    """Return if operators with this role revoke for this reason; else `RefusedError`."""
    allowed = REASONS_OF_ROLE.get(role, frozenset())
    if reason not in allowed:
        raise RefusedError(
            "reason",
            _("an operator cannot revoke for this reason: {reason}").format(reason=reason),
            subject=subject,
            remedy=_("one of: {reasons}").format(reasons=", ".join(sorted(one.value for one in allowed))),
        )


def _reason(statement: Statement) -> Reason:
    require_reason_of_role(Role.REVIEW, statement.decision, statement.subject)
    return Reason(statement.decision)
