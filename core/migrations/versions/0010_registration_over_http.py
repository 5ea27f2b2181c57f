"""Registration over HTTP: nonces of signed requests, outcomes by idempotency key

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "ra_http_nonces",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_http_nonces")),
        sa.UniqueConstraint("operator", "nonce", name=op.f("uq_ra_http_nonces_operator_nonce")),
    )
    op.create_index(op.f("ix_ra_http_nonces_at"), "ra_http_nonces", ["at"], unique=False)
    op.create_table(
        "ra_http_outcomes",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("asked", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sa.String(length=64), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_http_outcomes")),
        sa.UniqueConstraint("operator", "key", name=op.f("uq_ra_http_outcomes_operator_key")),
    )
    op.create_index(op.f("ix_ra_http_outcomes_at"), "ra_http_outcomes", ["at"], unique=False)
