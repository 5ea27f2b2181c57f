"""The queue of documents to seal, and of what calling systems are to be told. A row is somebody's for a while only."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

batches = sa.Table(
    "seal_batches",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("caller", sa.String(64), nullable=False, index=True),
    # Canonical JSON: which seal, where, at which level, what for.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sqlite_autoincrement=True,
)

batch_documents = sa.Table(
    "seal_batch_documents",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.ForeignKey("seal_batches.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("sha256_before", sa.String(64), nullable=False),
    sa.Column("sha256_after", sa.String(64)),
    # The document and the sealed one, as long as they are kept.
    sa.Column("content", sa.LargeBinary),
    sa.Column("sealed", sa.LargeBinary),
    # Of an encrypted document that waits, concealed.
    sa.Column("password", sa.LargeBinary),
    # JSON: kind, what, subject, remedy.
    sa.Column("problem", sa.LargeBinary),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("claim", sa.String(32)),
    sa.Column("claimed_until", UtcDateTime),
    sa.UniqueConstraint("batch_id", "position"),
    sa.Index(None, "state", "due_at"),
    sqlite_autoincrement=True,
)

notifications = sa.Table(
    "seal_notifications",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.ForeignKey("seal_batches.id"), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("claim", sa.String(32)),
    sa.Column("claimed_until", UtcDateTime),
    sa.Column("problem", sa.String(512)),
    sa.Index(None, "state", "due_at"),
    sqlite_autoincrement=True,
)

digest_uses = sa.Table(
    "seal_digest_uses",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), nullable=False),
    sa.Column("caller", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("level", sa.String(8), nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("archive_timestamps", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sha256_after", sa.String(64)),
    sa.Column("finished_at", UtcDateTime),
    sqlite_autoincrement=True,
)
"""Seals over digests of documents that were never here. `sha256_after`: what the caller says that came of it."""
