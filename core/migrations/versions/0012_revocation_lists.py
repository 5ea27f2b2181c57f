"""Revocation lists: shards, deltas, and their bytes in pieces

Revision ID: 0012
Revises: 0011
"""

import gzip
import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forward. Published lists stay in force; each becomes one piece."""
    op.add_column("ca_authorities", sa.Column("crl_shards", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("ca_authorities", sa.Column("crl_deltas", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("ca_authorities", sa.Column("crl_address", sa.String(length=512), nullable=False, server_default=""))
    op.add_column("ca_certificates", sa.Column("shard", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "ca_crl_parts",
        sa.Column("crl_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["crl_id"], ["ca_crls.id"], name=op.f("fk_ca_crl_parts_crl_id")),
        sa.PrimaryKeyConstraint("crl_id", "position", name=op.f("pk_ca_crl_parts")),
    )
    with op.batch_alter_table("ca_crls") as lists:
        lists.add_column(sa.Column("shard", sa.Integer(), nullable=False, server_default="0"))
        lists.add_column(sa.Column("base", sa.BigInteger(), nullable=True))
        lists.add_column(sa.Column("last_event", sa.BigInteger(), nullable=False, server_default="0"))
        lists.add_column(sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))
        lists.add_column(sa.Column("packed_size", sa.BigInteger(), nullable=False, server_default="0"))
        lists.add_column(sa.Column("digest", sa.LargeBinary(length=32), nullable=True))
        lists.add_column(sa.Column("published_at", sa.DateTime(timezone=True), nullable=True))
        lists.drop_constraint(op.f("uq_ca_crls_authority_id_number"), type_="unique")
    _divide(op.get_bind())
    with op.batch_alter_table("ca_crls") as lists:
        lists.drop_column("crl")
    for name, condition in (("uq_ca_crls_full", "base IS NULL"), ("uq_ca_crls_delta", "base IS NOT NULL")):
        op.create_index(
            name,
            "ca_crls",
            ["authority_id", "shard", "number"],
            unique=True,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def _divide(connection: sa.Connection) -> None:
    lists = sa.table("ca_crls", *(sa.column(name) for name in ("id", "crl", "size", "packed_size", "digest")))
    parts = sa.table("ca_crl_parts", *(sa.column(name) for name in ("crl_id", "position", "octets", "packed")))
    # Last events of before are not known: a delta to such a list says too much rather than too little.
    connection.execute(sa.text("UPDATE ca_crls SET published_at = this_update WHERE crl IS NOT NULL"))
    for number in connection.scalars(sa.select(lists.c.id).where(lists.c.crl.is_not(None))).all():
        octets = bytes(connection.scalar(sa.select(lists.c.crl).where(lists.c.id == number)) or b"")
        packed = gzip.compress(octets, mtime=0)
        connection.execute(sa.insert(parts).values(crl_id=number, position=0, octets=octets, packed=packed))
        facts = {"size": len(octets), "packed_size": len(packed), "digest": hashlib.sha256(octets).digest()}
        connection.execute(sa.update(lists).where(lists.c.id == number).values(**facts))
