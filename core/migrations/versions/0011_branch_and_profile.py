"""Lists of a branch's requests of one profile

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""

    name = op.f("ix_ra_requests_branch_profile_id")
    op.create_index(name, "ra_requests", ["branch", "profile", "id"], unique=False)
