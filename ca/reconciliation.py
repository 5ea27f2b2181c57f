"""After a crash: intents without a result may have been signed, so they are presumed issued, and can be revoked."""

from dataclasses import dataclass

import sqlalchemy as sa

from ca.books import ALL_BOOKS, Books
from ca.history import advance
from ca.records import authorities
from ca.state import Move
from core.audit import Event
from core.certificates import serial_text
from core.context import Context


@dataclass(frozen=True)
class Presumed:
    """A certificate that may exist."""

    authority: str
    serial: int
    approval_reference: str


def reconcile(context: Context, *, actor: str = "system") -> list[Presumed]:
    """Enter every intent without result or event as presumed issued; those that were entered now.

    To be called when services start. Doing it again does nothing. An intent whose process still lives is confirmed by
    its result afterwards.
    """
    with context.storage.transaction() as connection:
        return [one for books in ALL_BOOKS for one in _presume(context, connection, books, actor)]


def _presume(context: Context, connection: sa.Connection, books: Books, actor: str) -> list[Presumed]:
    issued, events = books.issued, books.events
    orphans = (
        sa.select(issued.c.authority_id, issued.c.serial, issued.c.approval_reference)
        .add_columns(authorities.c.name)
        .join(authorities, authorities.c.id == issued.c.authority_id)
        .where(
            issued.c.certificate.is_(None),
            ~sa.exists().where(events.c.authority_id == issued.c.authority_id, events.c.serial == issued.c.serial),
        )
        .order_by(issued.c.id)
    )
    rows = connection.execute(orphans).all()
    now = context.clock.now()
    for row in rows:
        advance(connection, row.authority_id, [row.serial], Move.PRESUME, at=now, actor=actor, books=books)
    context.audit.extend(
        connection,
        (
            Event(
                f"{books.subject}.presume",
                actor,
                serial_text(row.serial),
                {"authority": row.name, "approval": row.approval_reference},
            )
            for row in rows
        ),
    )
    return [Presumed(row.name, row.serial, row.approval_reference) for row in rows]
