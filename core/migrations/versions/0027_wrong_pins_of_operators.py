"""Wrong PINs of operators are counted.

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

from core.storage import UtcDateTime

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "ra_attempts",
        sa.Column("operator", sa.String(64), sa.ForeignKey("ra_operators.name"), primary_key=True),
        sa.Column("wrong", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
