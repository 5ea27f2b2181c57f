"""Keys made in advance, and counted."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ca.escrow import KeyRequest
from ca.kmc import records
from ca.kmc.custody import Custodian
from ca.kmc.history import advance, read_key
from ca.kmc.state import Move, Pool
from core.algorithms import SM3, KeyKind
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import generate as generate_key

ESCROWED_KINDS = (KeyKind.SM2, KeyKind.RSA_2048, KeyKind.RSA_3072, KeyKind.RSA_4096)
"""Keys that encrypt; ECDSA keys are for signing, and signing keys are never escrowed."""
RETENTION = timedelta(days=3650)
"""How long a key is kept after its certificate's end, unless the centre is told otherwise."""
BATCH = 100
"""Keys in one transaction."""


@dataclass(frozen=True)
class PoolCount:
    """How many keys of a kind are in a pool."""

    kind: KeyKind
    pool: Pool
    count: int


@dataclass(frozen=True)
class Level:
    """When the spare pool of a kind is refilled, and how far."""

    least: int = 20
    full: int = 100


def generate(context: Context, custodian: Custodian, kind: KeyKind, count: int, *, actor: str) -> Iterator[str]:
    """Make spare keys, a transaction for each batch; yields their numbers once they are kept."""
    if kind not in ESCROWED_KINDS:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("keys of kind {kind} only sign, and signing keys are never escrowed").format(kind=kind.value),
            remedy=", ".join(one.value for one in ESCROWED_KINDS),
        )
    for start in range(0, count, BATCH):
        yield from _generate_batch(context, custodian, kind, min(BATCH, count - start), actor)


def _generate_batch(context: Context, custodian: Custodian, kind: KeyKind, count: int, actor: str) -> list[str]:
    kept = [custodian.keep(f"K{secrets.token_hex(12)}", generate_key(kind)) for _number in range(count)]
    now = context.clock.now()
    with context.storage.transaction() as connection:
        for key in kept:
            row = {
                "number": key.number,
                "kind": kind.value,
                "public_key_info": key.public_key_info,
                "public_key_digest": SM3.of(key.public_key_info),
                "wrapped": key.wrapped,
                "voucher": key.voucher,
                "pool": Pool.SPARE.value,
            }
            (identifier,) = connection.execute(sa.insert(records.keys).values(row)).inserted_primary_key or (0,)
            event = {"key_id": identifier, "sequence": 1, "move": Move.GENERATE.value, "pool": Pool.SPARE.value}
            connection.execute(
                sa.insert(records.key_events).values(event | {"at": now, "actor": actor, "reference": ""})
            )
        events = (Event("kmc.key.generate", actor, key.number, {"kind": kind.value}) for key in kept)
        context.audit.extend(connection, events)
    return [key.number for key in kept]


def refill(context: Context, custodian: Custodian, kind: KeyKind, level: Level, *, actor: str) -> list[str]:
    """Fill the spare pool if it is below its threshold; the numbers of the new keys."""
    present = next((one.count for one in statistics(context) if (one.kind, one.pool) == (kind, Pool.SPARE)), 0)
    if present >= level.least:
        return []
    return list(generate(context, custodian, kind, level.full - present, actor=actor))


def provide(context: Context, custodian: Custodian, request: KeyRequest, *, actor: str) -> None:
    """Make a key for a request that would find no spare one: nobody waits for the next refill."""
    keys, allotments = records.keys.c, records.allotments.c
    served = sa.select(allotments.id).where(allotments.reference == request.reference)
    spare = sa.select(keys.id).where(keys.kind == request.kind.value, keys.pool == Pool.SPARE.value).limit(1)
    with context.storage.reading() as connection:
        if any(connection.scalar(query) is not None for query in (served, spare)):
            return
    list(generate(context, custodian, request.kind, 1, actor=actor))


def discard_spare(context: Context, connection: sa.Connection, *, actor: str, reference: str) -> int:
    """Destroy every spare key, in the caller's transaction; how many.

    After the books were restored from an earlier state: somebody may have been given them since, and nobody else may
    get the same.
    """
    spare = sa.select(records.keys).where(records.keys.c.pool == Pool.SPARE.value).order_by(records.keys.c.id)
    rows = connection.execute(spare).all()
    for row in rows:
        key = read_key(connection, row, row.number)
        advance(context, connection, key, Move.DISCARD, actor=actor, reference=reference)
    return len(rows)


def statistics(context: Context) -> list[PoolCount]:
    """How many keys are in each pool, by kind."""
    query = (
        sa.select(records.keys.c.kind, records.keys.c.pool, sa.func.count())
        .group_by(records.keys.c.kind, records.keys.c.pool)
        .order_by(records.keys.c.kind, records.keys.c.pool)
    )
    with context.storage.reading() as connection:
        return [PoolCount(KeyKind(kind), Pool(pool), count) for kind, pool, count in connection.execute(query)]


@dataclass(frozen=True)
class KeyEntry:
    """A line of the list of keys."""

    row: int
    number: str
    kind: KeyKind
    pool: Pool
    reference: str | None
    """The request that it was allotted for."""
    keep_until: datetime | None


def list_keys(context: Context, *, pool: Pool | None = None, after: int = 0, limit: int = 100) -> list[KeyEntry]:
    """Keys in the order of their making, a page at a time: those behind row `after`."""
    query = (
        sa.select(records.keys, records.allotments.c.reference, records.allotments.c.keep_until)
        .outerjoin(records.allotments, records.allotments.c.key_id == records.keys.c.id)
        .where(records.keys.c.id > after)
        .order_by(records.keys.c.id)
        .limit(limit)
    )
    if pool is not None:
        query = query.where(records.keys.c.pool == pool.value)
    with context.storage.reading() as connection:
        return [
            KeyEntry(row.id, row.number, KeyKind(row.kind), Pool(row.pool), row.reference, row.keep_until)
            for row in connection.execute(query)
        ]
