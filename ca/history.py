"""The append-only history of certificates: the one place that writes events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ca.books import ALL_BOOKS, CERTIFICATES, Books
from ca.state import Move, Reason, State, state_after
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from core.prepared import insert_absent


class _Statements:
    """Built once: building a statement takes as long as carrying it out, and issuance carries these out each time."""

    def __init__(self, books: Books) -> None:
        issued, events = books.issued, books.events
        of: sa.BindParameter[int] = sa.bindparam("of")
        serials: sa.BindParameter[int] = sa.bindparam("numbers", expanding=True)
        self.steps = (
            sa.select(events)
            .where(events.c.authority_id == of, events.c.serial == sa.bindparam("number"))
            .order_by(events.c.sequence)
        )
        self.lock = (
            sa.select(issued.c.serial)
            .where(issued.c.authority_id == of, issued.c.serial.in_(serials))
            .order_by(issued.c.serial)
            .with_for_update()
        )
        self.last = (
            sa.select(events.c.serial, events.c.sequence, events.c.state)
            .where(events.c.authority_id == of, events.c.serial.in_(serials))
            .order_by(events.c.sequence)
        )
        self.enter = sa.insert(events)


_STATEMENTS = {books.kind: _Statements(books) for books in ALL_BOOKS}
_EVENTS_LOCK = 0x59584556
"""Any number that nobody else locks by."""


@dataclass(frozen=True)
class Step:
    """One event of one certificate."""

    sequence: int
    move: Move
    state: State
    reason: Reason | None
    at: datetime
    actor: str


@dataclass(frozen=True)
class Imported:
    """What another program's records tell of a certificate."""

    serial: int
    issued_at: datetime
    ended_at: datetime | None = None
    """When it was revoked, or held."""
    reason: Reason | None = None


def steps_of(connection: sa.Connection, authority_id: int, serial: int, books: Books = CERTIFICATES) -> list[Step]:
    """Every event of a certificate, in order."""
    rows = connection.execute(_STATEMENTS[books.kind].steps, {"of": authority_id, "number": serial})
    return [
        Step(
            row.sequence,
            Move(row.move),
            State(row.state),
            Reason(row.reason) if row.reason else None,
            row.at,
            row.actor,
        )
        for row in rows
    ]


def latest_event(books: Books = CERTIFICATES) -> sa.ColumnElement[bool]:
    """The condition that an event is its certificate's last."""
    events = books.events
    later = events.alias("later")
    return ~sa.exists().where(
        later.c.authority_id == events.c.authority_id,
        later.c.serial == events.c.serial,
        later.c.sequence > events.c.sequence,
    )


def last_event_of_issued(books: Books = CERTIFICATES) -> sa.ColumnElement[bool]:
    """The condition of a join that gives each certificate its last event, if it has any."""
    issued, events = books.issued, books.events
    return sa.and_(
        events.c.authority_id == issued.c.authority_id, events.c.serial == issued.c.serial, latest_event(books)
    )


def advance(
    connection: sa.Connection,
    authority_id: int,
    serials: Sequence[int],
    move: Move,
    *,
    at: datetime,
    actor: str,
    reason: Reason | None = None,
    books: Books = CERTIFICATES,
) -> None:
    """Make the move on every certificate, or `YinxinError` (conflict) and on none; the caller's transaction decides.

    The rows are locked where the database can (PostgreSQL); SQLite's write transactions come one after the other. The
    unique sequence is the last line: two moves from the same state cannot both be kept.
    """
    wanted = {"of": authority_id, "numbers": serials}
    known = set(connection.scalars(_STATEMENTS[books.kind].lock, wanted))
    for serial in serials:
        if serial not in known:
            raise YinxinError(
                Kind.NOT_FOUND,
                _("no such certificate was issued"),
                subject=serial_text(serial),
                remedy=_("check the serial number and the authority"),
            )
    _advance(connection, authority_id, serials, move, at=at, actor=actor, reason=reason, books=books)


def enter_issued(connection: sa.Connection, issued: Sequence[tuple[int, int]], *, at: datetime, actor: str) -> None:
    """That certificates (authority, serial number) are issued; the transaction has locked them by changing them.

    This begins their history, unless they were presumed issued meanwhile (`ca.reconciliation`).
    """
    _number_in_order_of_commit(connection)
    rows = [_event(of, serial, 1, Move.ISSUE, State.VALID, at, actor) for of, serial in issued]
    if insert_absent(connection, CERTIFICATES.events, rows) == len(rows):
        return
    for of, serial in issued:
        (last,) = connection.execute(_STATEMENTS[CERTIFICATES.kind].last, {"of": of, "numbers": [serial]}).all()[-1:]
        if (last.sequence, last.state) != (1, State.VALID):
            _advance(connection, of, [serial], Move.ISSUE, at=at, actor=actor)


def enter_imported(connection: sa.Connection, authority_id: int, imported: Sequence[Imported], *, actor: str) -> None:
    """Begin the history of certificates that another program issued, at the moments of which its records tell."""
    if not imported:
        return
    _number_in_order_of_commit(connection)
    rows = []
    for one in imported:
        state = state_after(None, Move.IMPORT)
        rows.append(_event(authority_id, one.serial, 1, Move.IMPORT, state, one.issued_at, actor))
        if one.ended_at is not None:
            move = Move.HOLD if one.reason is Reason.CERTIFICATE_HOLD else Move.REVOKE
            state = state_after(state, move, subject=serial_text(one.serial))
            rows.append(_event(authority_id, one.serial, 2, move, state, one.ended_at, actor, one.reason))
    connection.execute(_STATEMENTS[CERTIFICATES.kind].enter, rows)


def _advance(
    connection: sa.Connection,
    authority_id: int,
    serials: Sequence[int],
    move: Move,
    *,
    at: datetime,
    actor: str,
    reason: Reason | None = None,
    books: Books = CERTIFICATES,
) -> None:
    statements = _STATEMENTS[books.kind]
    wanted = {"of": authority_id, "numbers": serials}
    last = {row.serial: row for row in connection.execute(statements.last, wanted)}
    rows = []
    for serial in serials:
        before = last.get(serial)
        state = state_after(State(before.state) if before else None, move, subject=serial_text(serial))
        sequence = before.sequence + 1 if before else 1
        rows.append(_event(authority_id, serial, sequence, move, state, at, actor, reason))
    _number_in_order_of_commit(connection)
    connection.execute(statements.enter, rows)


def _event(
    authority_id: int,
    serial: int,
    sequence: int,
    move: Move,
    state: State,
    at: datetime,
    actor: str,
    reason: Reason | None = None,
) -> dict[str, object]:
    return {
        "authority_id": authority_id,
        "serial": serial,
        "sequence": sequence,
        "move": move.value,
        "state": state.value,
        "reason": reason.value if reason else None,
        "at": at,
        "actor": actor,
    }


def _number_in_order_of_commit(connection: sa.Connection) -> None:
    """So that whoever has seen an event has seen all before it (`ca.status`): from here on one transaction at a time.

    PostgreSQL gives out numbers before it commits; SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_EVENTS_LOCK)))
