"""After a crash: intents without a result may have been signed, so they are presumed issued, and can be revoked."""

from dataclasses import dataclass

import sqlalchemy as sa

from ca.history import advance
from ca.records import authorities, certificates, events
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
    orphans = (
        sa.select(certificates.c.authority_id, certificates.c.serial, certificates.c.approval_reference)
        .add_columns(authorities.c.name)
        .join(authorities, authorities.c.id == certificates.c.authority_id)
        .where(
            certificates.c.certificate.is_(None),
            ~sa.exists().where(
                events.c.authority_id == certificates.c.authority_id, events.c.serial == certificates.c.serial
            ),
        )
        .order_by(certificates.c.id)
    )
    with context.storage.transaction() as connection:
        rows = connection.execute(orphans).all()
        now = context.clock.now()
        for row in rows:
            advance(connection, row.authority_id, [row.serial], Move.PRESUME, at=now, actor=actor)
        context.audit.extend(
            connection,
            (
                Event(
                    "ca.certificate.presume",
                    actor,
                    serial_text(row.serial),
                    {"authority": row.name, "approval": row.approval_reference},
                )
                for row in rows
            ),
        )
    return [Presumed(row.name, row.serial, row.approval_reference) for row in rows]
