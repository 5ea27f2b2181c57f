"""Authorities whose keys are kept elsewhere, and requests for certificates of authorities of ours

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    op.add_column("ca_authorities", sa.Column("key_is_here", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "ca_subordinate_requests",
        sa.Column("authority_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("authority_id", name=op.f("pk_ca_subordinate_requests")),
        sa.ForeignKeyConstraint(
            ["authority_id"],
            ["ca_authorities.id"],
            name=op.f("fk_ca_subordinate_requests_authority_id_ca_authorities"),
        ),
    )
