"""Permissions for the use of a seal can be withdrawn; admitting a calling system is somebody's statement.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """To this revision."""
    op.add_column("seal_use_permissions", sa.Column("withdrawal", sa.LargeBinary))
    name = "seal_api_key_statements"
    op.create_table(
        name,
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("api_key_id", _ID, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("operator", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("statement", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["seal_api_keys.id"], name=f"fk_{name}_api_key_id_seal_api_keys"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint("api_key_id", "sequence", name=f"uq_{name}_api_key_id_sequence"),
        sqlite_autoincrement=True,
    )
