"""The books of the seal authority: seals and their certificates, the history of each, every use, the API keys."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

seals = sa.Table(
    "seals",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("owner", sa.String(128), nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("key_name", sa.String(100), nullable=False),
    sa.Column("picture", sa.LargeBinary, nullable=False),
    sa.Column("width_mm", sa.Integer, nullable=False),
    sa.Column("structure", sa.LargeBinary, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("valid_until", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)
"""`structure`: the SESeal of GB/T 38540, as its maker signed it."""

seal_certificates = sa.Table(
    "seal_certificates",
    metadata,
    sa.Column("seal_id", sa.ForeignKey("seals.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
)
"""At position 0 the owner's, then its issuers."""

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
    sa.Column("seal_id", sa.ForeignKey("seals.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("purpose", sa.String(256), nullable=False),
    sa.Column("level", sa.String(8), nullable=False),
    sa.Column("page", sa.Integer, nullable=False),
    sa.Column("sha256_before", sa.String(64), nullable=False),
    sa.Column("sha256_after", sa.String(64), nullable=False, index=True),
    sqlite_autoincrement=True,
)

api_keys = sa.Table(
    "seal_api_keys",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)
"""The key itself is never kept: it has 256 random bits, so that its plain digest gives nothing away."""

api_key_seals = sa.Table(
    "seal_api_key_seals",
    metadata,
    sa.Column("api_key_id", sa.ForeignKey("seal_api_keys.id"), primary_key=True),
    sa.Column("seal_id", sa.ForeignKey("seals.id"), primary_key=True),
)
"""Which seals the bearer of a key may use."""
