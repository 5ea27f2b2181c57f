"""The books: every token that was given, numbered without gaps, and the latest time that was given.

`tsa_ledger` has one row. Moving it on is what serialises the tokens of all processes: the row stays locked until the
transaction ends, so that numbers have no gaps and time never goes back, whatever the database.
"""

from dataclasses import dataclass
from datetime import datetime

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
_MOVE_ON = (
    sa.update(ledger)
    .where(ledger.c.latest <= sa.bindparam("to"))
    .values(latest=sa.bindparam("to"), issued=ledger.c.issued + 1)
    .returning(ledger.c.issued)
)


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


def record(connection: sa.Connection, token: TokenRecord) -> int:
    """Enter a token in the caller's transaction; its number, from 1.

    `TimeWentBack` if a later time was given before; the database's IntegrityError if the serial was.
    """
    number = _advance(connection, token.gen_time)
    values = vars(token) | {"number": number, "serial": f"{token.serial:x}"}
    connection.execute(_ENTER, values)
    return number


def _advance(connection: sa.Connection, to: datetime) -> int:
    number: int | None = connection.execute(_MOVE_ON, {"to": to}).scalar_one_or_none()
    if number is not None:
        return number
    if connection.execute(sa.select(ledger.c.id)).first() is not None:
        raise TimeWentBack
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(ledger).values(id=_ONLY_ROW, issued=1, latest=to))
    except sa.exc.IntegrityError:
        # Another process gave the first token of all in the meantime.
        return _advance(connection, to)
    return 1
