"""Calling systems with scopes, ends and webhooks; batches of documents to seal; seals over digests.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """To this revision."""
    keys = "seal_api_keys"
    op.add_column(keys, sa.Column("scopes", sa.String(128), nullable=False, server_default="documents,batches,uses"))
    op.add_column(keys, sa.Column("expires_at", _MOMENT))
    op.add_column(keys, sa.Column("previous_sha256", sa.LargeBinary))
    op.add_column(keys, sa.Column("previous_until", _MOMENT))
    op.add_column(keys, sa.Column("withdrawn_at", _MOMENT))
    op.add_column(keys, sa.Column("certificate_sha256", sa.LargeBinary))
    op.add_column(keys, sa.Column("webhook", sa.String(1024), nullable=False, server_default=""))
    op.create_index("ix_seal_api_keys_previous_sha256", keys, ["previous_sha256"], unique=True)
    op.create_index("ix_seal_api_keys_certificate_sha256", keys, ["certificate_sha256"], unique=True)
    op.create_table(
        "seal_batches",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_seal_batches"),
        sa.UniqueConstraint("number", name="uq_seal_batches_number"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_seal_batches_caller", "seal_batches", ["caller"])
    op.create_index("ix_seal_batches_state", "seal_batches", ["state"])
    op.create_table(
        "seal_batch_documents",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("batch_id", _ID, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sha256_before", sa.String(64), nullable=False),
        sa.Column("sha256_after", sa.String(64)),
        sa.Column("content", sa.LargeBinary),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("problem", sa.LargeBinary),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("claim", sa.String(32)),
        sa.Column("claimed_until", _MOMENT),
        sa.ForeignKeyConstraint(["batch_id"], ["seal_batches.id"], name="fk_seal_batch_documents_batch_id"),
        sa.PrimaryKeyConstraint("id", name="pk_seal_batch_documents"),
        sa.UniqueConstraint("batch_id", "position", name="uq_seal_batch_documents_batch_id_position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_seal_batch_documents_state_due_at", "seal_batch_documents", ["state", "due_at"])
    op.create_table(
        "seal_notifications",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("batch_id", _ID, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("claim", sa.String(32)),
        sa.Column("claimed_until", _MOMENT),
        sa.Column("problem", sa.String(512)),
        sa.ForeignKeyConstraint(["batch_id"], ["seal_batches.id"], name="fk_seal_notifications_batch_id"),
        sa.PrimaryKeyConstraint("id", name="pk_seal_notifications"),
        sa.UniqueConstraint("batch_id", name="uq_seal_notifications_batch_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_seal_notifications_state_due_at", "seal_notifications", ["state", "due_at"])
    op.create_table(
        "seal_digest_uses",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("seal_id", _ID, nullable=False),
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("level", sa.String(8), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("archive_timestamps", sa.Integer, nullable=False, server_default="0"),
        sa.Column("sha256_after", sa.String(64)),
        sa.Column("finished_at", _MOMENT),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name="fk_seal_digest_uses_seal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_seal_digest_uses"),
        sa.UniqueConstraint("number", name="uq_seal_digest_uses_number"),
        sqlite_autoincrement=True,
    )
