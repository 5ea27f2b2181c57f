"""Destroying private keys at the end of their term: one officer orders it, another confirms, and there is no way back.

The officers sign what the centre vouched for when it allotted the key: whose it is, and until when it is kept.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ca.kmc import records
from ca.kmc.allotment import holder_of
from ca.kmc.history import EscrowedKey, advance, find_key
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.standing import require_standing
from ca.kmc.state import Move, Pool, pool_after
from ca.kmc.statements import Act, OfficerSession, Statement
from core.algorithms import SM3
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _


@dataclass(frozen=True)
class DueKey:
    """A historical key whose term is over."""

    number: str
    keep_until: datetime
    officer: str | None
    """Who ordered its destruction; None: nobody yet."""


def due_for_destruction(context: Context) -> list[DueKey]:
    """The keys whose term is over, in the order of their making."""
    keys, allotments, orders = records.keys, records.allotments, records.destruction_statements
    query = (
        sa.select(keys.c.number, allotments.c.keep_until, orders.c.officer)
        .join(allotments, allotments.c.key_id == keys.c.id)
        .outerjoin(orders, orders.c.key_id == keys.c.id)
        .where(keys.c.pool == Pool.HISTORICAL.value, allotments.c.keep_until <= context.clock.now())
        .order_by(keys.c.id)
    )
    with context.storage.reading() as connection:
        return [DueKey(row.number, row.keep_until, row.officer) for row in connection.execute(query)]


def destroy(desk: RecoveryDesk, session: OfficerSession, number: str) -> bool:
    """Order a key's destruction, or confirm another officer's order: then it is done, and True is returned.

    `YinxinError` (conflict) before the end of the term or while the key is in use, (forbidden) for the officer who
    ordered it. Copies in backups are the operator's to destroy.
    """
    with desk.context.storage.transaction() as connection:
        key = find_key(connection, number, lock=True)
        pool_after(key.pool, Move.DESTROY, subject=number)
        digest = _digest_of_due(desk, connection, key)
        require_standing(connection, session.certificate, subject=session.name)
        orders = _orders(desk, connection, key, digest)
        for order in orders:
            _require_another(desk, connection, session, order)
        statement = Statement(
            act=Act.DESTROY,
            subject=number,
            sequence=len(orders) + 1,
            digest=digest,
            at=desk.context.clock.now(),
            officer=session.name,
        )
        _keep(desk, connection, key, session.sign(statement))
        if orders:
            reference = f"order of {orders[0].officer}"
            advance(desk.context, connection, key, Move.DESTROY, actor=session.name, reference=reference)
        return bool(orders)


def _digest_of_due(desk: RecoveryDesk, connection: sa.Connection, key: EscrowedKey) -> str:
    vouched = holder_of(connection, desk.custodian, key)
    if desk.context.clock.now() < vouched.keep_until:
        raise YinxinError(
            Kind.CONFLICT,
            _("the key is to be kept until {moment}").format(moment=vouched.keep_until.isoformat()),
            subject=key.number,
        )
    return SM3.of(vouched.vouched(key.number)).hex()


def _orders(desk: RecoveryDesk, connection: sa.Connection, key: EscrowedKey, digest: str) -> list[Statement]:
    """What officers signed about this key before, verified again; at most one, since the second destroys it."""
    table = records.destruction_statements
    messages = connection.scalars(
        sa.select(table.c.statement).where(table.c.key_id == key.id).order_by(table.c.sequence)
    )
    orders = [desk.officers.verify(message) for message in messages]
    for place, order in enumerate(orders, start=1):
        said = (order.act, order.subject, order.sequence, order.digest)
        if said != (Act.DESTROY, key.number, place, digest):
            raise YinxinError(Kind.CONFLICT, _("the statement is about something else"), subject=key.number)
    return orders


def _require_another(desk: RecoveryDesk, connection: sa.Connection, session: OfficerSession, order: Statement) -> None:
    """Two names with one key are one person; an order does not outlast its officer's certificate."""
    if desk.officers.key_of(order.officer) == desk.officers.key_of(session.name):
        raise YinxinError(
            Kind.FORBIDDEN,
            _("whoever ordered the destruction cannot confirm it"),
            subject=order.subject,
            remedy=_("have another officer confirm it"),
        )
    require_standing(connection, desk.officers.certificate_of(order.officer), subject=order.officer)


def _keep(desk: RecoveryDesk, connection: sa.Connection, key: EscrowedKey, message: bytes) -> None:
    statement = desk.officers.verify(message)
    connection.execute(
        sa.insert(records.destruction_statements).values(
            key_id=key.id,
            sequence=statement.sequence,
            officer=statement.officer,
            at=statement.at,
            statement=message,
        )
    )
    act = "order" if statement.sequence == 1 else "confirm"
    details = {"digest": statement.digest, "statement": SM3.of(message).hex()}
    desk.context.audit.append(connection, Event(f"kmc.destruction.{act}", statement.officer, key.number, details))
