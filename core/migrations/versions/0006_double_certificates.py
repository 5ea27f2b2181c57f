"""Double certificates: which belong together, the envelope to the holder, and what a key is for

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""

    op.create_table(
        "ca_certificate_pairs",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("authority_id", BIG_ID, nullable=False),
        sa.Column("signing_serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("encryption_serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("key_reference", sa.String(length=128), nullable=False),
        sa.Column("key_is_due", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["ca_authorities.id"], name=op.f("fk_ca_certificate_pairs_authority_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_certificate_pairs")),
        sa.UniqueConstraint(
            "authority_id", "signing_serial", name=op.f("uq_ca_certificate_pairs_authority_id_signing_serial")
        ),
        sa.UniqueConstraint(
            "authority_id", "encryption_serial", name=op.f("uq_ca_certificate_pairs_authority_id_encryption_serial")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_ca_certificate_pairs_due",
        "ca_certificate_pairs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("key_is_due = 1"),
        postgresql_where=sa.text("key_is_due = true"),
    )
    op.add_column("ca_keys", sa.Column("use", sa.String(length=16), nullable=False, server_default="signing"))
    op.add_column("ra_request_certificates", sa.Column("envelope", sa.LargeBinary(), nullable=True))
