"""Fewer indexes: nothing looks them up, and each act had to write into all of them.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    for column in ("act", "actor", "subject"):
        op.drop_index(f"ix_audit_entries_{column}", "audit_entries")
    op.drop_index("ix_ca_certificates_serial", "ca_certificates")
    op.drop_index("ix_ca_certificates_subject", "ca_certificates")
