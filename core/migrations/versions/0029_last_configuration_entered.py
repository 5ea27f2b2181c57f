"""The last entry about the configuration is found at once.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    condition = sa.text("act = 'audit.configuration'")
    op.create_index(
        "audit_entries_configuration", "audit_entries", ["id"], sqlite_where=condition, postgresql_where=condition
    )
