"""Seals: versions, people's statements, permissions for single uses; uses are numbered and say more.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("seals") as table:
        table.add_column(sa.Column("earlier_state", sa.String(length=16)))
        table.alter_column("picture", existing_type=sa.LargeBinary(), nullable=True)
        table.alter_column("structure", existing_type=sa.LargeBinary(), nullable=True)
        table.alter_column("made_at", existing_type=sa.DateTime(timezone=True), nullable=True)
        table.alter_column("valid_until", existing_type=sa.DateTime(timezone=True), nullable=True)
    op.execute(
        "UPDATE seals SET earlier_state = (SELECT e.state FROM seal_events AS e WHERE e.seal_id = seals.id"
        " ORDER BY e.id DESC LIMIT 1)"
    )
    op.create_table(
        "seal_versions",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("seal_id", BIG_ID, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("drawing", sa.LargeBinary()),
        sa.Column("structure", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name=op.f("fk_seal_versions_seal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_versions")),
        sa.UniqueConstraint("seal_id", "revision", name=op.f("uq_seal_versions_seal_id_revision")),
        sqlite_autoincrement=True,
    )
    seals, versions = (sa.table(name, *map(sa.column, columns)) for name, columns in _EARLIER.items())
    columns = ("seal_id", "revision", "content", "picture", "structure")
    earlier = sa.select(
        seals.c.id, sa.literal(0), sa.literal(b"", sa.LargeBinary()), seals.c.picture, seals.c.structure
    )
    op.execute(sa.insert(versions).from_select(columns, earlier))
    op.create_table(
        "seal_statements",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("seal_id", BIG_ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name=op.f("fk_seal_statements_seal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_statements")),
        sa.UniqueConstraint("seal_id", "sequence", name=op.f("uq_seal_statements_seal_id_sequence")),
        sqlite_autoincrement=True,
    )
    _number_uses()
    op.create_table(
        "seal_use_permissions",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("seal_id", BIG_ID, nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("use_id", BIG_ID),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name=op.f("fk_seal_use_permissions_seal_id")),
        sa.ForeignKeyConstraint(["use_id"], ["seal_uses.id"], name=op.f("fk_seal_use_permissions_use_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_use_permissions")),
        sa.UniqueConstraint("number", name=op.f("uq_seal_use_permissions_number")),
        sa.UniqueConstraint("use_id", name=op.f("uq_seal_use_permissions_use_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_seal_use_permissions_seal_id_document_sha256", "seal_use_permissions", ["seal_id", "document_sha256"]
    )


def _number_uses() -> None:
    op.drop_index("ix_seal_uses_seal_id", "seal_uses")
    with op.batch_alter_table("seal_uses") as uses:
        uses.add_column(sa.Column("ordinal", sa.Integer()))
        uses.add_column(sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
        uses.add_column(sa.Column("person", sa.String(length=128), nullable=False, server_default=""))
        uses.add_column(sa.Column("document_type", sa.String(length=128), nullable=False, server_default=""))
        uses.add_column(sa.Column("place", sa.String(length=512), nullable=False, server_default=""))
        uses.add_column(sa.Column("token_sha256", sa.String(length=64)))
    op.execute(
        "WITH numbered AS (SELECT id, row_number() OVER (PARTITION BY seal_id ORDER BY id) AS place FROM seal_uses)"
        " UPDATE seal_uses SET ordinal = (SELECT place FROM numbered WHERE numbered.id = seal_uses.id)"
    )
    with op.batch_alter_table("seal_uses") as uses:
        uses.alter_column("ordinal", existing_type=sa.Integer(), nullable=False)
        for column, kind in (("revision", sa.Integer()), *((name, sa.String()) for name in _TEXTS)):
            uses.alter_column(column, existing_type=kind, existing_nullable=False, server_default=None)
        uses.create_unique_constraint("uq_seal_uses_seal_id_ordinal", ["seal_id", "ordinal"])
    op.create_index("ix_seal_uses_seal_id_at", "seal_uses", ["seal_id", "at"])


_EARLIER = {
    "seals": ("id", "picture", "structure"),
    "seal_versions": ("seal_id", "revision", "content", "picture", "structure"),
}
_TEXTS = ("person", "document_type", "place")
