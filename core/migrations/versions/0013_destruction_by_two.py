"""Destruction of escrowed keys: the statements of the two officers

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "kmc_destruction_statements",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("key_id", BIG_ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("officer", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kmc_destruction_statements")),
        sa.ForeignKeyConstraint(
            ["key_id"], ["kmc_keys.id"], name=op.f("fk_kmc_destruction_statements_key_id_kmc_keys")
        ),
        sa.UniqueConstraint("key_id", "sequence", name=op.f("uq_kmc_destruction_statements_key_id_sequence")),
        sqlite_autoincrement=True,
    )
