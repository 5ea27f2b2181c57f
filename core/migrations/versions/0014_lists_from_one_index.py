"""The index of what is held or revoked has all that a revocation list says

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
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
