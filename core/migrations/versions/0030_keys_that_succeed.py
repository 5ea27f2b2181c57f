"""Which key of an authority follows which, and certificates for its keys by others: link and cross certificates.

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

from core.storage import BigId, UtcDateTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "ca_successions",
        sa.Column("predecessor_id", BigId, sa.ForeignKey("ca_authorities.id"), primary_key=True, autoincrement=False),
        sa.Column("successor_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False, unique=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
    )
    op.create_table(
        "ca_further_certificates",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("authority_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("entered_at", UtcDateTime, nullable=False),
        sa.Column("entered_by", sa.String(128), nullable=False),
    )
