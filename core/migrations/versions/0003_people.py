"""People: appointments as signed statements

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward. Operators of the first schema were not appointed by anybody's signature; they are appointed anew."""

    op.drop_table("ra_operators")
    op.create_table(
        "ra_operators",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("roles", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_operators")),
        sa.UniqueConstraint("name", name=op.f("uq_ra_operators_name")),
    )
    op.create_table(
        "ra_operator_moves",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("administrator", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("authority", sa.String(length=64), nullable=True),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=True),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["operator"], ["ra_operators.name"], name=op.f("fk_ra_operator_moves_operator")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_operator_moves")),
        sa.UniqueConstraint("operator", "sequence", name=op.f("uq_ra_operator_moves_operator_sequence")),
    )
    op.add_column("ra_requests", sa.Column("decide_by", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ra_requests", sa.Column("branch", sa.String(length=64), nullable=False, server_default=""))
    op.create_index(op.f("ix_ra_requests_branch_id"), "ra_requests", ["branch", "id"], unique=False)
    op.create_table(
        "ra_branches",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("administrator", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_branches")),
        sa.UniqueConstraint("name", name=op.f("uq_ra_branches_name")),
    )
    op.create_table(
        "ra_request_versions",
        sa.Column("request_id", BIG_ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["ra_requests.id"], name=op.f("fk_ra_request_versions_request_id")),
        sa.PrimaryKeyConstraint("request_id", "revision", name=op.f("pk_ra_request_versions")),
    )
    op.create_index(op.f("ix_ra_operator_moves_administrator"), "ra_operator_moves", ["administrator"], unique=False)
