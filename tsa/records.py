"""The books: every token that was given, numbered without gaps, and the latest time that was given.

`tsa_ledger` has one row. Moving it on is what serialises the groups of tokens of all processes: the row stays locked
until the transaction ends, so that numbers have no gaps and time never goes back, whatever the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

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

_ENTER = sa.insert(tokens)
_NOT_AFTER = {False: ledger.c.latest <= sa.bindparam("first"), True: ledger.c.latest < sa.bindparam("first")}
_MOVE_ON = {
    strictly: sa.update(ledger)
    .where(not_after)
    .values(latest=sa.bindparam("last"), issued=ledger.c.issued + sa.bindparam("count"))
    .returning(ledger.c.issued)
    for strictly, not_after in _NOT_AFTER.items()
}


class TimeWentBack(Exception):  # noqa: N818 - names what happened; never leaves the authority
    """The moment lies before the latest that was given."""


@dataclass(frozen=True)
class TokenRecord:
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
    first = number - len(timely) + 1
    connection.execute(
        _ENTER,
        [vars(one) | {"number": first + place, "serial": f"{one.serial:x}"} for place, one in enumerate(timely)],
    )
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
    bounds = {"first": timely[0].gen_time, "last": timely[-1].gen_time, "count": len(timely)}
    number: int | None = connection.execute(_MOVE_ON[strictly], bounds).scalar_one_or_none()
    if number is not None or connection.execute(sa.select(ledger.c.id)).first() is not None:
        return number
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(ledger).values(id=_ONLY_ROW, issued=len(timely), latest=timely[-1].gen_time))
    except sa.exc.IntegrityError:
        # Another process gave the first token of all in the meantime.
        return _move_on(connection, timely, strictly)
    return len(timely)


def latest_time(connection: sa.Connection) -> datetime | None:
    """That of the latest token; None before the first."""
    latest: datetime | None = connection.execute(sa.select(ledger.c.latest)).scalar_one_or_none()
    return latest
