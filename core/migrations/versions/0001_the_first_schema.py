"""The first schema

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""

    op.create_table(
        "audit_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("subject", sa.String(length=256), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_entries_act"), "audit_entries", ["act"], unique=False)
    op.create_index(op.f("ix_audit_entries_actor"), "audit_entries", ["actor"], unique=False)
    op.create_index(op.f("ix_audit_entries_subject"), "audit_entries", ["subject"], unique=False)
    op.create_table(
        "ca_authorities",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("issuer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("public_key_info", sa.LargeBinary(), nullable=False),
        sa.Column("algorithm", sa.String(length=32), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=True),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["issuer_id"], ["ca_authorities.id"], name=op.f("fk_ca_authorities_issuer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_authorities")),
        sa.UniqueConstraint("name", name=op.f("uq_ca_authorities_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ca_keys",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("approval_reference", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_ca_keys")),
    )
    op.create_table(
        "ca_profiles",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_by", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_profiles")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_ca_profiles_name_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ra_certificate_orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_certificate_orders")),
        sa.UniqueConstraint(
            "authority", "serial", "sequence", name=op.f("uq_ra_certificate_orders_authority_serial_sequence")
        ),
    )
    op.create_index(op.f("ix_ra_certificate_orders_operator"), "ra_certificate_orders", ["operator"], unique=False)
    op.create_table(
        "ra_operators",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("roles", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("appointed_by", sa.String(length=128), nullable=False),
        sa.Column("appointed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_operators")),
        sa.UniqueConstraint("name", name=op.f("uq_ra_operators_name")),
    )
    op.create_table(
        "ra_requests",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_requests")),
        sa.UniqueConstraint("number", name=op.f("uq_ra_requests_number")),
    )
    op.create_index(op.f("ix_ra_requests_profile_id"), "ra_requests", ["profile", "id"], unique=False)
    op.create_index(op.f("ix_ra_requests_state_id"), "ra_requests", ["state", "id"], unique=False)
    op.create_table(
        "seal_api_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_api_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_seal_api_keys_name")),
        sa.UniqueConstraint("sha256", name=op.f("uq_seal_api_keys_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "seals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("key_name", sa.String(length=100), nullable=False),
        sa.Column("picture", sa.LargeBinary(), nullable=False),
        sa.Column("width_mm", sa.Integer(), nullable=False),
        sa.Column("structure", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seals")),
        sa.UniqueConstraint("name", name=op.f("uq_seals_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tsa_ledger",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("latest", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_tsa_ledger_only_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tsa_ledger")),
    )
    op.create_table(
        "tsa_tokens",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.String(length=128), nullable=False),
        sa.Column("imprint_algorithm", sa.String(length=16), nullable=False),
        sa.Column("imprint", sa.LargeBinary(), nullable=False),
        sa.Column("gen_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_tsa_tokens")),
        sa.UniqueConstraint("serial", name=op.f("uq_tsa_tokens_serial")),
    )
    op.create_table(
        "ca_certificates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("authority_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("profile_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject", sa.String(length=1024), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approval_reference", sa.String(length=128), nullable=False),
        sa.Column("approval_digest", sa.LargeBinary(length=64), nullable=False),
        sa.Column("approvers", sa.JSON(), nullable=False),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tbs", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["authority_id"], ["ca_authorities.id"], name=op.f("fk_ca_certificates_authority_id")),
        sa.ForeignKeyConstraint(["profile_id"], ["ca_profiles.id"], name=op.f("fk_ca_certificates_profile_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_certificates")),
        sa.UniqueConstraint("authority_id", "serial", name=op.f("uq_ca_certificates_authority_id_serial")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_ca_certificates_approval_reference"), "ca_certificates", ["approval_reference"], unique=False
    )
    op.create_index(op.f("ix_ca_certificates_key_digest"), "ca_certificates", ["key_digest"], unique=False)
    op.create_index(op.f("ix_ca_certificates_not_after"), "ca_certificates", ["not_after"], unique=False)
    op.create_index(op.f("ix_ca_certificates_serial"), "ca_certificates", ["serial"], unique=False)
    op.create_index(op.f("ix_ca_certificates_subject"), "ca_certificates", ["subject"], unique=False)
    op.create_index(
        "ix_ca_certificates_unfinished",
        "ca_certificates",
        ["id"],
        unique=False,
        sqlite_where=sa.text("certificate IS NULL"),
        postgresql_where=sa.text("certificate IS NULL"),
    )
    op.create_table(
        "ca_crls",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("authority_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("this_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_update", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("crl", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["authority_id"], ["ca_authorities.id"], name=op.f("fk_ca_crls_authority_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_crls")),
        sa.UniqueConstraint("authority_id", "number", name=op.f("uq_ca_crls_authority_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ra_request_certificates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("authority", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["ra_requests.id"], name=op.f("fk_ra_request_certificates_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_request_certificates")),
        sa.UniqueConstraint("authority", "serial", name=op.f("uq_ra_request_certificates_authority_serial")),
    )
    op.create_index(
        op.f("ix_ra_request_certificates_request_id"), "ra_request_certificates", ["request_id"], unique=False
    )
    op.create_table(
        "ra_request_moves",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("request_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(length=16), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["ra_requests.id"], name=op.f("fk_ra_request_moves_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ra_request_moves")),
        sa.UniqueConstraint("request_id", "sequence", name=op.f("uq_ra_request_moves_request_id_sequence")),
    )
    op.create_index(op.f("ix_ra_request_moves_operator"), "ra_request_moves", ["operator"], unique=False)
    op.create_table(
        "seal_api_key_seals",
        sa.Column("api_key_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["seal_api_keys.id"], name=op.f("fk_seal_api_key_seals_api_key_id")),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name=op.f("fk_seal_api_key_seals_seal_id")),
        sa.PrimaryKeyConstraint("api_key_id", "seal_id", name=op.f("pk_seal_api_key_seals")),
    )
    op.create_table(
        "seal_certificates",
        sa.Column("seal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name=op.f("fk_seal_certificates_seal_id")),
        sa.PrimaryKeyConstraint("seal_id", "position", name=op.f("pk_seal_certificates")),
    )
    op.create_table(
        "seal_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("seal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.String(length=256), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name=op.f("fk_seal_events_seal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_events")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_seal_events_seal_id"), "seal_events", ["seal_id"], unique=False)
    op.create_table(
        "seal_uses",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("seal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("purpose", sa.String(length=256), nullable=False),
        sa.Column("level", sa.String(length=8), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("sha256_before", sa.String(length=64), nullable=False),
        sa.Column("sha256_after", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["seal_id"], ["seals.id"], name=op.f("fk_seal_uses_seal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seal_uses")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_seal_uses_seal_id"), "seal_uses", ["seal_id"], unique=False)
    op.create_index(op.f("ix_seal_uses_sha256_after"), "seal_uses", ["sha256_after"], unique=False)
    op.create_table(
        "certificate_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("authority_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("serial", sa.LargeBinary(length=20), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("move", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["authority_id", "serial"],
            ["ca_certificates.authority_id", "ca_certificates.serial"],
            name=op.f("fk_certificate_events_authority_id_serial"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_events")),
        sa.UniqueConstraint(
            "authority_id", "serial", "sequence", name=op.f("uq_certificate_events_authority_id_serial_sequence")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_certificate_events_not_valid",
        "certificate_events",
        ["authority_id", "serial"],
        unique=False,
        sqlite_where=sa.text("state IN ('held', 'revoked')"),
        postgresql_where=sa.text("state IN ('held', 'revoked')"),
    )
