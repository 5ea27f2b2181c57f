"""Which backups were made. Only ever added to."""

from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

backups = sa.Table(
    "backups",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    # Of the snapshot: what happened later is not in it.
    sa.Column("made_at", UtcDateTime, nullable=False, index=True),
    sa.Column("place", sa.String(1024), nullable=False),
    sa.Column("octets", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


def enter(connection: sa.Connection, made_at: datetime, file: Path, octets: int, entries: int) -> None:
    """That there is such a backup."""
    row = {"made_at": made_at, "place": str(file.absolute()), "octets": octets, "entries": entries}
    connection.execute(sa.insert(backups).values(row))


def newest(connection: sa.Connection) -> datetime | None:
    """When the newest backup was made; None if there was none."""
    found: datetime | None = connection.scalar(sa.select(sa.func.max(backups.c.made_at)))
    return found
