"""The order of the entries, the tree over them, and the checkpoints. Only ever added to, but for the log's one row."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

ONLY_ROW = 1

log = sa.Table(
    "audit_log",
    metadata,
    # Its lock is what makes sequencers take turns.
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.String(256), nullable=False),
    sa.Column("digest", sa.String(16), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    # Every entry up to this number has its place, or was never committed.
    sa.Column("decided", sa.BigInteger, nullable=False),
    sa.Column("begun_at", UtcDateTime, nullable=False),
    sa.CheckConstraint(f"id = {ONLY_ROW}", name="only_row"),
)

sequence = sa.Table(
    "audit_sequence",
    metadata,
    # From 0 without gaps. Not a foreign key: PostgreSQL would write into every entry to lock it.
    sa.Column("position", BigId, primary_key=True, autoincrement=False),
    sa.Column("entry_id", sa.BigInteger, nullable=False, unique=True),
)

tiles = sa.Table(
    "audit_tiles",
    metadata,
    # Up to 256 hashes side by side: of entries at level 0, of full tiles of the level below above it.
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", BigId, primary_key=True, autoincrement=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)

checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", BigId, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False),
    # TimeStampToken over the note; null until one could be had.
    sa.Column("token", sa.LargeBinary, nullable=True),
    sa.Column("copied", sa.Boolean, nullable=False),
    # SubjectPublicKeyInfo (DER) of the audit key that signs from here on; null: nothing changes.
    sa.Column("next_key", sa.LargeBinary, nullable=True),
)
