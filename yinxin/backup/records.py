"""Which backups were made. Only ever added to."""

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
