"""Certificates that replace others; a key under way in one request only

Revision ID: 0005
Revises: 0004
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("ra_requests") as table:
        table.add_column(sa.Column("pending_key", sa.LargeBinary(length=32), nullable=True))
        table.add_column(sa.Column("replaced_authority", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("replaced_serial", sa.LargeBinary(length=20), nullable=True))
        table.create_unique_constraint(op.f("uq_ra_requests_pending_key"), ["pending_key"])
        table.create_index(op.f("ix_ra_requests_replaced_serial"), ["replaced_serial"], unique=False)
