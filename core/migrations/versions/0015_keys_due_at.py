"""The moment at which the encryption key of a pair is out of use, instead of the mark of a revocation

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WAITING = sa.text("key_due_at IS NOT NULL")
# The key of a revoked pair is due at once, or the centre was told before; any other at the pair's end.
FILL = """
    UPDATE ca_certificate_pairs SET key_due_at = (
        SELECT CASE WHEN ca_certificate_pairs.key_is_due THEN one.intended_at ELSE one.not_after END
        FROM ca_certificates AS one
        WHERE one.authority_id = ca_certificate_pairs.authority_id
        AND one.serial = ca_certificate_pairs.encryption_serial
    )
    WHERE key_is_due OR NOT EXISTS (
        SELECT 1 FROM certificate_events AS event
        WHERE event.authority_id = ca_certificate_pairs.authority_id
        AND event.serial = ca_certificate_pairs.encryption_serial
        AND event.state = 'revoked'
    )
"""


def upgrade() -> None:
    """Forward."""
    op.add_column("ca_certificate_pairs", sa.Column("key_due_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(FILL)
    op.drop_index("ix_ca_certificate_pairs_due", "ca_certificate_pairs")
    op.drop_column("ca_certificate_pairs", "key_is_due")
    op.create_index(
        "ix_ca_certificate_pairs_due",
        "ca_certificate_pairs",
        ["key_due_at"],
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
