"""Ordering: every committed entry gets a place in the tree, once and for good, however many write and sequence.

Numbers of entries are given when they are written and seen when their transaction commits, so that on PostgreSQL a
smaller number can appear after a larger one. Whatever has no place yet is therefore looked for from `decided` on: the
number up to which nothing can appear any more. It moves when every transaction that could write entries at a moment has
ended; which those are, PostgreSQL says by the locks that they hold. An act that follows another has the larger number
and is never placed before it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from audit.key import fingerprint
from audit.merkle import leaf_hash
from audit.records import ONLY_ROW, checkpoints, log, sequence
from audit.tiles import StoredTree
from core.algorithms import DIGESTS, Digest
from core.audit import Event, entries
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.prepared import insert_absent

BATCH = 4096
"""Entries of one transaction: SQLite lets nobody else write meanwhile, for some hundredths of a second."""
BEGIN = "audit.log.begin"
"""The entry before which nothing was sequenced when it was made."""

_WRITERS = sa.text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted"
    " AND relation = 'audit_entries'::regclass AND pid IS DISTINCT FROM pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@dataclass(frozen=True)
class Log:
    """The log as it stands."""

    origin: str
    digest: Digest
    size: int
    decided: int


def begin(context: Context, origin: str, digest: str, public_key_info: bytes) -> None:
    """Begin the log, unless it has begun: its name and digest never change afterwards. The first entry says so."""
    with context.storage.transaction() as connection:
        row = {"id": ONLY_ROW, "origin": f"{origin}/{secrets.token_hex(4)}", "digest": digest}
        row |= {"size": 0, "decided": 0, "begun_at": context.clock.now()}
        if insert_absent(connection, log, [row]):
            before = connection.scalar(sa.select(sa.func.count()).select_from(entries))
            details = {"digest": digest, "entries_before": before, "key": fingerprint(public_key_info)}
            context.audit.append(connection, Event(BEGIN, "system", str(row["origin"]), details))


def read_log(connection: sa.Connection, *, lock: bool = False) -> Log:
    """The log; `YinxinError` (not found) before it has begun."""
    query = sa.select(log)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("the audit log of this installation is not sequenced yet"),
            remedy=_("run: yinxin migrate"),
        )
    return Log(row.origin, DIGESTS[row.digest], row.size, row.decided)


class Sequencer:
    """Puts entries in their order. Several at once do no harm: the lock on the log makes them take turns."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._undecided: tuple[int, frozenset[str]] | None = None
        """The largest number seen at a moment, and who could still write smaller ones then."""

    def sequence(self) -> int:
        """Give everything that is committed its place; how many entries that were."""
        done, reached, certain = 0, 0, None
        while True:
            count, reached, certain = self._round(reached, certain)
            done += count
            if count < BATCH:
                return done

    def _round(self, reached: int, certain: int | None) -> tuple[int, int, int]:
        """The next entries after the number reached. What is certain is found out before the first are looked for."""
        with self._context.storage.transaction() as connection:
            present = read_log(connection, lock=True)
            if certain is None:
                # In this order: whoever can still write a number below the newest holds its lock when they are asked.
                newest = connection.scalar(sa.select(sa.func.max(entries.c.id))) or 0
                certain = self._decide(newest, _writers(connection))
            rows = connection.execute(_unplaced(max(present.decided, reached))).all()
            if len(rows) == BATCH:
                reached = rows[-1].id
            decided = max(present.decided, min(certain, reached) if len(rows) == BATCH else certain)
            changes: dict[str, Any] = {} if decided == present.decided else {"decided": decided}
            if rows:
                places = [{"position": present.size + at, "entry_id": row.id} for at, row in enumerate(rows)]
                connection.execute(sa.insert(sequence), places)
                tree = StoredTree(connection, present.digest, present.size)
                tree.append([leaf_hash(present.digest, row.entry) for row in rows])
                changes["size"] = tree.size
            if changes:
                connection.execute(sa.update(log).values(changes))
        return len(rows), reached, certain

    def _decide(self, newest: int, writers: frozenset[str]) -> int:
        """The number up to which everything is in this transaction's sight; 0 if nothing new is certain."""
        if self._undecided is None:
            self._undecided = newest, writers
        number, open_then = self._undecided
        if open_then & writers:
            return 0
        self._undecided = None
        return number


def _writers(connection: sa.Connection) -> frozenset[str]:
    if connection.dialect.name != "postgresql":
        return frozenset()  # SQLite has one writer, which is this transaction
    return frozenset(connection.scalars(_WRITERS))


def _unplaced(decided: int) -> sa.Select[Any]:
    placed = sequence.c.entry_id == entries.c.id
    return (
        sa.select(entries.c.id, entries.c.entry)
        .outerjoin(sequence, placed)
        .where(entries.c.id > decided, sequence.c.entry_id.is_(None))
        .order_by(entries.c.id)
        .limit(BATCH)
    )


def latest_checkpoint(connection: sa.Connection) -> sa.Row[Any] | None:
    """The row of the newest checkpoint; None before the first."""
    return connection.execute(sa.select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)).one_or_none()


def key_in_force(connection: sa.Connection) -> bytes | None:
    """The audit key (SPKI, DER) that the checkpoints name last; None: the first."""
    named = sa.select(checkpoints.c.next_key).where(checkpoints.c.next_key.is_not(None))
    key: bytes | None = connection.scalar(named.order_by(checkpoints.c.size.desc()).limit(1))
    return key


def key_notes(connection: sa.Connection) -> list[bytes]:
    """The checkpoints in which a key succeeds another."""
    named = sa.select(checkpoints.c.note).where(checkpoints.c.next_key.is_not(None))
    return list(connection.scalars(named.order_by(checkpoints.c.size)))


def oldest_uncovered(connection: sa.Connection, size: int) -> datetime | None:
    """Since when an entry waits for a checkpoint, where the newest is over so many; None if none waits."""
    placed = sa.select(entries.c.at).join(sequence, sequence.c.entry_id == entries.c.id)
    at: datetime | None = connection.scalar(placed.where(sequence.c.position == size))
    if at is None:
        waiting = _unplaced(read_log(connection).decided).limit(1).with_only_columns(entries.c.at)
        at = connection.scalar(waiting)
    return at
