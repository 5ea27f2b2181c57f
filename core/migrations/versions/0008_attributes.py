"""Attribute certificates: their authorities, books, history and requests

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""

    op.add_column(
        "ca_authorities", sa.Column("kind", sa.String(length=16), nullable=False, server_default="certificates")
    )
    op.create_table(
        "ca_attribute_certificates",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("authority_id", BIG_ID, nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("terms", sa.String(length=32), nullable=False),
        sa.Column("holder_authority_id", BIG_ID, nullable=False),
        sa.Column("holder_serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("holder", sa.String(length=1024), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approval_reference", sa.String(length=128), nullable=False),
        sa.Column("approval_digest", sa.LargeBinary(length=64), nullable=False),
        sa.Column("approvers", sa.JSON(), nullable=False),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tbs", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authority_id"], ["ca_authorities.id"], name=op.f("fk_ca_attribute_certificates_authority_id")
        ),
        sa.ForeignKeyConstraint(
            ["holder_authority_id"],
            ["ca_authorities.id"],
            name=op.f("fk_ca_attribute_certificates_holder_authority_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_attribute_certificates")),
        sa.UniqueConstraint("authority_id", "serial", name=op.f("uq_ca_attribute_certificates_authority_id_serial")),
        sqlite_autoincrement=True,
    )
    for names in (["serial"], ["not_after"], ["approval_reference"], ["holder_authority_id", "holder_serial"]):
        index = op.f("ix_ca_attribute_certificates_" + "_".join(names))
        op.create_index(index, "ca_attribute_certificates", names, unique=False)
    op.create_table(
        "attribute_certificate_events",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("authority_id", BIG_ID, nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("move", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["authority_id", "serial"],
            ["ca_attribute_certificates.authority_id", "ca_attribute_certificates.serial"],
            name=op.f("fk_attribute_certificate_events_authority_id_serial"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attribute_certificate_events")),
        sa.UniqueConstraint(
            "authority_id",
            "serial",
            "sequence",
            name=op.f("uq_attribute_certificate_events_authority_id_serial_sequence"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ra_attribute_requests",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=True),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_attribute_requests")),
        sa.UniqueConstraint("number", name=op.f("uq_ra_attribute_requests_number")),
        sa.UniqueConstraint("authority", "serial", name=op.f("uq_ra_attribute_requests_authority_serial")),
    )
    op.create_index(op.f("ix_ra_attribute_requests_state_id"), "ra_attribute_requests", ["state", "id"], unique=False)
    op.create_table(
        "ra_attribute_moves",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("request_id", BIG_ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["ra_attribute_requests.id"], name=op.f("fk_ra_attribute_moves_request_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_attribute_moves")),
        sa.UniqueConstraint("request_id", "sequence", name=op.f("uq_ra_attribute_moves_request_id_sequence")),
    )
    op.create_index(op.f("ix_ra_attribute_moves_operator"), "ra_attribute_moves", ["operator"], unique=False)
