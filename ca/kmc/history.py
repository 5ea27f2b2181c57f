"""The append-only history of escrowed keys: the one place that writes events and moves keys between pools."""

from dataclasses import dataclass

import sqlalchemy as sa

from ca.kmc import records
from ca.kmc.custody import KeptKey
from ca.kmc.state import Move, Pool, pool_after
from core.algorithms import KeyKind
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _


@dataclass(frozen=True)
class EscrowedKey:
    """A key in the books, with where its history says that it is."""

    id: int
    number: str
    kind: KeyKind
    public_key_info: bytes
    wrapped: bytes | None
    voucher: bytes
    pool: Pool
    sequence: int
    """Of its last event."""

    def kept(self) -> KeptKey:
        """For opening; `YinxinError` (conflict) if it was destroyed."""
        if self.wrapped is None:
            raise YinxinError(Kind.CONFLICT, _("the private key was destroyed"), subject=self.number)
        return KeptKey(self.number, self.public_key_info, self.wrapped, self.voucher)


def find_key(connection: sa.Connection, number: str, *, lock: bool = False) -> EscrowedKey:
    """The key of this number, locked against change if asked; `YinxinError` if there is none."""
    query = sa.select(records.keys).where(records.keys.c.number == number)
    return read_key(connection, connection.execute(query.with_for_update() if lock else query).first(), number)


def read_key(connection: sa.Connection, row: sa.Row[tuple[object, ...]] | None, number: str) -> EscrowedKey:
    """The key of a row of `kmc_keys`."""
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND, _("no such escrowed key"), subject=number, remedy=_("see: yinxin ca kmc keys")
        )
    events = records.key_events
    last = connection.execute(
        sa.select(events.c.pool, events.c.sequence)
        .where(events.c.key_id == row.id)
        .order_by(events.c.sequence.desc())
        .limit(1)
    ).one()
    return EscrowedKey(
        row.id,
        row.number,
        KeyKind(row.kind),
        row.public_key_info,
        row.wrapped,
        row.voucher,
        Pool(last.pool),
        last.sequence,
    )


def advance(
    context: Context, connection: sa.Connection, key: EscrowedKey, move: Move, *, actor: str, reference: str
) -> Pool:
    """Make the move in the caller's transaction, with its audit entry; the pool after.

    The unique sequence is the last line: two moves from the same state cannot both be kept.
    """
    pool = pool_after(key.pool, move, subject=key.number)
    try:
        with connection.begin_nested():
            connection.execute(
                sa.insert(records.key_events).values(
                    key_id=key.id,
                    sequence=key.sequence + 1,
                    move=move.value,
                    pool=pool.value,
                    at=context.clock.now(),
                    actor=actor,
                    reference=reference,
                )
            )
    except sa.exc.IntegrityError:
        raise YinxinError(
            Kind.CONFLICT, _("the key was just moved by somebody else"), subject=key.number, remedy=_("try again")
        ) from None
    values: dict[str, object] = {"pool": pool.value}
    if pool is Pool.DESTROYED:
        values["wrapped"] = None
    connection.execute(sa.update(records.keys).where(records.keys.c.id == key.id).values(values))
    context.audit.append(connection, Event(f"kmc.key.{move.value}", actor, key.number, {"reference": reference}))
    return pool
