"""The index of what is held or revoked has all that a revocation list says

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NOT_VALID = sa.text("state IN ('held', 'revoked')")


def upgrade() -> None:
    """Forward."""
    op.drop_index("ix_certificate_events_not_valid", "certificate_events")
    op.create_index(
        "ix_certificate_events_not_valid",
        "certificate_events",
        ["authority_id", "serial", "sequence", "id", "state", "reason", "at"],
        sqlite_where=NOT_VALID,
        postgresql_where=NOT_VALID,
    )
