"""The key-management centre

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""

    op.create_table(
        "kmc_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("public_key_info", sa.LargeBinary(), nullable=False),
        sa.Column("public_key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("voucher", sa.LargeBinary(), nullable=False),
        sa.Column("pool", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kmc_keys")),
        sa.UniqueConstraint("number", name=op.f("uq_kmc_keys_number")),
        sa.UniqueConstraint("public_key_digest", name=op.f("uq_kmc_keys_public_key_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_kmc_keys_kind_pool_id"), "kmc_keys", ["kind", "pool", "id"], unique=False)
    op.create_table(
        "kmc_allotments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("signing_key", sa.LargeBinary(), nullable=False),
        sa.Column("keep_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voucher", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["kmc_keys.id"], name=op.f("fk_kmc_allotments_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kmc_allotments")),
        sa.UniqueConstraint("key_id", name=op.f("uq_kmc_allotments_key_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_kmc_allotments_reference")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_kmc_allotments_keep_until"), "kmc_allotments", ["keep_until"], unique=False)
    op.create_table(
        "kmc_key_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("move", sa.String(length=16), nullable=False),
        sa.Column("pool", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["kmc_keys.id"], name=op.f("fk_kmc_key_events_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kmc_key_events")),
        sa.UniqueConstraint("key_id", "sequence", name=op.f("uq_kmc_key_events_key_id_sequence")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "kmc_recoveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("key_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["kmc_keys.id"], name=op.f("fk_kmc_recoveries_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kmc_recoveries")),
        sa.UniqueConstraint("number", name=op.f("uq_kmc_recoveries_number")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_kmc_recoveries_key_id"), "kmc_recoveries", ["key_id"], unique=False)
    op.create_table(
        "kmc_recovery_statements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("recovery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("officer", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recovery_id"], ["kmc_recoveries.id"], name=op.f("fk_kmc_recovery_statements_recovery_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kmc_recovery_statements")),
        sa.UniqueConstraint("recovery_id", "sequence", name=op.f("uq_kmc_recovery_statements_recovery_id_sequence")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_kmc_recovery_statements_officer"), "kmc_recovery_statements", ["officer"], unique=False)
