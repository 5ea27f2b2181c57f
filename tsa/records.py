"""The books: every token that was given, numbered without gaps, and the latest time that was given.

`tsa_ledger` has one row. Moving it on is what serialises the groups of tokens of all processes: the row stays locked
until the transaction ends, so that numbers have no gaps and time never goes back, whatever the database. Groups
are entered by the driver itself.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple, cast

import sqlalchemy as sa

from core.audit import AuditLog, Event
from core.clock import FixedClock
from core.storage import BigId, UtcDateTime, driver_cursor, metadata

MAXIMUM_GROUP = 256
"""Tokens of one transaction; SQLite enters so many in some milliseconds."""
_ONLY_ROW = 1

ledger = sa.Table(
    "tsa_ledger",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("issued", sa.BigInteger, nullable=False),
    sa.Column("latest", UtcDateTime, nullable=False),
    sa.CheckConstraint(f"id = {_ONLY_ROW}", name="only_row"),
)

tokens = sa.Table(
    "tsa_tokens",
    metadata,
    sa.Column("number", BigId, primary_key=True, autoincrement=False),
    sa.Column("serial", sa.String(40), nullable=False, unique=True),
    sa.Column("unit", sa.String(64), nullable=False),
    sa.Column("policy", sa.String(128), nullable=False),
    sa.Column("imprint_algorithm", sa.String(16), nullable=False),
    sa.Column("imprint", sa.LargeBinary, nullable=False),
    sa.Column("gen_time", UtcDateTime, nullable=False),
    sa.Column("token_digest", sa.LargeBinary, nullable=False),
)

_MOVE_ON = {
    False: "UPDATE tsa_ledger SET issued = issued + ?, latest = ? WHERE latest <= ? RETURNING issued",
    True: "UPDATE tsa_ledger SET issued = issued + ?, latest = ? WHERE latest < ? RETURNING issued",
}
_BEGIN = "INSERT INTO tsa_ledger (id, issued, latest) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_ENTER = (
    "INSERT INTO tsa_tokens (number, serial, unit, policy, imprint_algorithm, imprint, gen_time, token_digest) VALUES "
)
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?)"


class TimeWentBack(Exception):  # noqa: N818 - names what happened; never leaves the authority
    """The moment lies before the latest that was given."""


class TokenRecord(NamedTuple):
    """What is kept of a token."""

    serial: int
    unit: str
    policy: str
    imprint_algorithm: str
    imprint: bytes
    gen_time: datetime
    token_digest: bytes
    """SHA-256 of the token."""


def record(connection: sa.Connection, group: Sequence[TokenRecord], *, strictly: bool = False) -> list[TokenRecord]:
    """Enter tokens in the caller's transaction, in their order; those whose time has passed are left out and returned.

    `strictly`: each is to be later than the one before. The database's IntegrityError if a serial was given before.
    """
    timely, late = _sort_out(group, datetime.min.replace(tzinfo=UTC), strictly)
    number = _move_on(connection, timely, strictly)
    if number is None:
        latest = connection.execute(sa.select(ledger.c.latest).with_for_update()).scalar_one()
        timely, late = _sort_out(group, latest, strictly)
        if not timely:
            return late
        number = _move_on(connection, timely, strictly)
        if number is None:
            raise TimeWentBack
    _enter(connection, timely, number - len(timely) + 1)
    _tell_the_audit_log(connection, timely, number - len(timely) + 1)
    return late


def _sort_out(
    group: Sequence[TokenRecord], latest: datetime, strictly: bool
) -> tuple[list[TokenRecord], list[TokenRecord]]:
    """Those that follow each other in time, and those that come too late."""
    timely, late = [], []
    for one in group:
        if one.gen_time > latest or (one.gen_time == latest and not strictly):
            timely.append(one)
            latest = one.gen_time
        else:
            late.append(one)
    return timely, late


def _move_on(connection: sa.Connection, timely: Sequence[TokenRecord], strictly: bool) -> int | None:
    """The number of the last; None if a later time was given before than that of the first."""
    as_kept, count = _as_kept(connection.dialect), len(timely)
    first, last = as_kept(timely[0].gen_time), as_kept(timely[-1].gen_time)
    move_on = _for_driver(_MOVE_ON[strictly], connection.dialect)
    with driver_cursor(connection) as cursor:
        cursor.execute(move_on, (count, last, first))
        moved = cursor.fetchone()
        if moved is None:
            cursor.execute(_for_driver(_BEGIN, connection.dialect), (_ONLY_ROW, count, last))
            if cursor.rowcount == 1:
                return count
            # Later ones were given before; or another process gave the first of all in the meantime.
            cursor.execute(move_on, (count, last, first))
            moved = cursor.fetchone()
    return moved[0] if moved else None


def _enter(connection: sa.Connection, timely: Sequence[TokenRecord], first: int) -> None:
    as_kept = _as_kept(connection.dialect)
    times = {moment: as_kept(moment) for moment in {one.gen_time for one in timely}}  # few in a group
    values: list[object] = []
    for number, (serial, unit, policy, algorithm, imprint, gen_time, digest) in enumerate(timely, first):
        values += (number, f"{serial:x}", unit, policy, algorithm, imprint, times[gen_time], digest)
    # In one statement: a driver lets go of the interpreter's lock for each, and gets it back after the next signature.
    with driver_cursor(connection) as cursor:
        cursor.execute(_enter_statement(len(timely), connection.dialect), values)


def _tell_the_audit_log(connection: sa.Connection, timely: Sequence[TokenRecord], first: int) -> None:
    """One entry for the group, at the time of its last token."""
    last = first + len(timely) - 1
    digest = hashlib.sha256(b"".join(one.token_digest for one in timely)).hexdigest()
    units = Counter(map(attrgetter("unit"), timely))
    details = {"first": first, "last": last, "tokens": digest, "units": dict(units)}
    AuditLog(FixedClock(timely[-1].gen_time)).append(
        connection, Event("tsa.tokens.give", "tsa", f"{first}-{last}", details)
    )


@lru_cache(maxsize=MAXIMUM_GROUP)
def _enter_statement(count: int, dialect: sa.Dialect) -> str:
    return _for_driver(_ENTER + ", ".join([_ROW] * count), dialect)


@lru_cache
def _for_driver(statement: str, dialect: sa.Dialect) -> str:
    return statement if dialect.paramstyle == "qmark" else statement.replace("?", "%s")


@lru_cache
def _as_kept(dialect: sa.Dialect) -> Callable[[datetime], object]:
    """How the driver is handed a moment."""
    return cast(Callable[[datetime], object], ledger.c.latest.type.dialect_impl(dialect).bind_processor(dialect))


def latest_time(connection: sa.Connection) -> datetime | None:
    """That of the latest token; None before the first."""
    latest: datetime | None = connection.execute(sa.select(ledger.c.latest)).scalar_one_or_none()
    return latest


def pass_over(connection: sa.Connection, moment: datetime) -> None:
    """Give no time before this any more: up to it, tokens may have been given that these books do not know.

    To the second, as tokens tell it unless they are ordered.
    """
    second = moment.replace(microsecond=0)
    connection.execute(sa.update(ledger).where(ledger.c.latest < second).values(latest=second))
