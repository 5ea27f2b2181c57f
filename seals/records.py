"""The books of the seal authority: seals, their versions, what was stated about them, every use, the API keys."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

seals = sa.Table(
    "seals",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("owner", sa.String(128), nullable=False),
    sa.Column("unit", sa.String(128), nullable=False, server_default=""),
    sa.Column("branch", sa.String(64), nullable=False, server_default=""),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("key_name", sa.String(100), nullable=False),
    sa.Column("picture", sa.LargeBinary),
    sa.Column("width_mm", sa.Integer, nullable=False),
    sa.Column("structure", sa.LargeBinary),
    sa.Column("made_at", UtcDateTime),
    sa.Column("valid_until", UtcDateTime),
    sa.Column("earlier_state", sa.String(16)),
    sqlite_autoincrement=True,
)
"""What lists show: the version in force, or applied for as long as there is none. `picture`, `structure` (SESeal),
`made_at` and `earlier_state` are of seals made before statements were kept; the last is their state when that began."""

versions = sa.Table(
    "seal_versions",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("picture", sa.LargeBinary, nullable=False),
    sa.Column("drawing", sa.LargeBinary),
    sa.Column("structure", sa.LargeBinary),
    sa.UniqueConstraint("seal_id", "revision"),
    sqlite_autoincrement=True,
)
"""`content`: the canonical application. `structure`: the SESeal, once it is made. Revision 0, without an application:
made before statements were kept."""

statements = sa.Table(
    "seal_statements",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("operator", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("seal_id", "sequence"),
    sqlite_autoincrement=True,
)
"""What people stated about a seal, signed; only ever added to."""

seal_certificates = sa.Table(
    "seal_certificates",
    metadata,
    sa.Column("seal_id", sa.ForeignKey("seals.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
)
"""At position 0 the owner's, then its issuers; of seals that were made before statements were kept."""

seal_events = sa.Table(
    "seal_events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reason", sa.String(256), nullable=False),
    sqlite_autoincrement=True,
)
"""The history of a seal, only ever added to; the last event is its present state."""

seal_uses = sa.Table(
    "seal_uses",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("purpose", sa.String(256), nullable=False),
    sa.Column("level", sa.String(8), nullable=False),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("sha256_before", sa.String(64), nullable=False),
    sa.Column("sha256_after", sa.String(64), nullable=False, index=True),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("person", sa.String(128), nullable=False),
    sa.Column("document_type", sa.String(128), nullable=False),
    sa.Column("place", sa.String(512), nullable=False),
    sa.Column("token_sha256", sa.String(64)),
    sa.UniqueConstraint("seal_id", "ordinal"),
    sa.Index("ix_seal_uses_seal_id_at", "seal_id", "at"),
    sqlite_autoincrement=True,
)
"""Every use of a seal. `ordinal` counts them without gaps, so that none can be missing, and quotas need no counting.
`actor` is the calling system; `token_sha256` names the last time-stamp token of the document."""

use_permissions = sa.Table(
    "seal_use_permissions",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), nullable=False),
    sa.Column("document_sha256", sa.String(64), nullable=False),
    sa.Column("until", UtcDateTime, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.Column("use_id", sa.ForeignKey("seal_uses.id"), unique=True),
    sa.Column("withdrawal", sa.LargeBinary),
    sa.Index("ix_seal_use_permissions_seal_id_document_sha256", "seal_id", "document_sha256"),
    sqlite_autoincrement=True,
)
"""Custodians' permissions for one use each. `use_id`: the use that was made of it; `withdrawal`: the statement."""

api_keys = sa.Table(
    "seal_api_keys",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("scopes", sa.String(128), nullable=False, server_default="documents,batches,uses"),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("previous_sha256", sa.LargeBinary),
    sa.Column("previous_until", UtcDateTime),
    sa.Column("withdrawn_at", UtcDateTime),
    sa.Column("certificate_sha256", sa.LargeBinary),
    sa.Column("webhook", sa.String(1024), nullable=False, server_default=""),
    sa.Index(None, "previous_sha256", unique=True),
    sa.Index(None, "certificate_sha256", unique=True),
    sqlite_autoincrement=True,
)
"""Calling systems. Keys are never kept: they have 256 random bits, so that their plain digests give nothing away."""

api_key_seals = sa.Table(
    "seal_api_key_seals",
    metadata,
    sa.Column("api_key_id", sa.ForeignKey("seal_api_keys.id"), primary_key=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), primary_key=True),
)
"""Which seals the bearer of a key may use."""

api_key_statements = sa.Table(
    "seal_api_key_statements",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("api_key_id", sa.ForeignKey("seal_api_keys.id"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("operator", sa.String(64), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("api_key_id", "sequence"),
    sqlite_autoincrement=True,
)
"""Who admitted a calling system, gave it another key, or withdrew it. `content`: what was granted, canonical JSON."""
