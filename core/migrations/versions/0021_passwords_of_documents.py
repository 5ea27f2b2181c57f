"""Passwords of encrypted documents that wait in a batch.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.add_column("seal_batch_documents", sa.Column("password", sa.LargeBinary))
