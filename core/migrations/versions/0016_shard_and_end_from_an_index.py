"""On which list a certificate stands, and until when, from an index in the order of the list.

Revision ID: 0016
Revises: 0015
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_index("ix_ca_certificates_listing", "ca_certificates", ["authority_id", "serial", "shard", "not_after"])
