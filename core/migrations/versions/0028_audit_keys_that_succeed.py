"""Checkpoints say by which key the next ones are signed.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.add_column("audit_checkpoints", sa.Column("next_key", sa.LargeBinary, nullable=True))
