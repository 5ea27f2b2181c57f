"""Finding requests and certificates

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward. What only the program can read out of requests and certificates is filled in by `yinxin migrate`."""

    op.add_column("ra_requests", sa.Column("unit", sa.LargeBinary(), nullable=True))
    _index("ra_requests", "unit", "id")
    op.add_column("ra_request_moves", sa.Column("branch", sa.String(length=64), nullable=False, server_default=""))
    op.execute(
        "UPDATE ra_request_moves SET branch ="
        " (SELECT branch FROM ra_requests WHERE ra_requests.id = ra_request_moves.request_id)"
        " WHERE request_id IN (SELECT id FROM ra_requests WHERE branch <> '')"
    )
    op.drop_index(op.f("ix_ra_request_moves_operator"), "ra_request_moves")
    _index("ra_request_moves", "act", "at", "request_id")
    _index("ra_request_moves", "operator", "act", "at", "request_id")
    _index("ra_request_moves", "branch", "act", "at", "request_id")
    op.add_column("ra_request_certificates", sa.Column("sha1", sa.LargeBinary(length=20), nullable=True))
    for old in ("not_after", "holder_id", "unit_id"):
        op.drop_index(op.f(f"ix_ra_request_certificates_{old}"), "ra_request_certificates")
    for names in (
        ["sha1"],
        ["holder", "id", "branch"],
        ["unit", "id", "branch"],
        ["not_after", "request_id"],
        ["branch", "not_after", "request_id"],
    ):
        _index("ra_request_certificates", *names)
    op.create_table(
        "ra_certificate_identities",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("certificate_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"],
            ["ra_request_certificates.id"],
            name=op.f("fk_ra_certificate_identities_certificate_id"),
        ),
        sa.PrimaryKeyConstraint("digest", "certificate_id", name=op.f("pk_ra_certificate_identities")),
    )
    _index("ra_certificate_identities", "certificate_id")


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)
