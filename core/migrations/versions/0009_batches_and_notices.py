"""Orders to revoke many certificates; notices of expiry

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "ra_revocation_batches",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_revocation_batches")),
        sa.UniqueConstraint("number", name=op.f("uq_ra_revocation_batches_number")),
    )
    op.create_table(
        "ra_revocation_batch_moves",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("batch_id", BIG_ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["ra_revocation_batches.id"], name=op.f("fk_ra_revocation_batch_moves_batch_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_revocation_batch_moves")),
        sa.UniqueConstraint("batch_id", "sequence", name=op.f("uq_ra_revocation_batch_moves_batch_id_sequence")),
    )
    op.create_table(
        "ra_notices",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_notices")),
        sa.UniqueConstraint("authority", "serial", "stage", name=op.f("uq_ra_notices_authority_serial_stage")),
    )
