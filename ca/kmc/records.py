"""The books of the key-management centre. Events and statements are only ever added; private keys are wrapped."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

keys = sa.Table(
    "kmc_keys",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("public_key_info", sa.LargeBinary, nullable=False),
    sa.Column("public_key_digest", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=True),  # null: destroyed
    sa.Column("voucher", sa.LargeBinary, nullable=False),  # the centre's signature over number, key and wrapping
    sa.Column("pool", sa.String(16), nullable=False),  # only helps to find it: the last event is what counts
    sa.Index(None, "kind", "pool", "id"),
    sqlite_autoincrement=True,
)

key_events = sa.Table(
    "kmc_key_events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("key_id", BigId, sa.ForeignKey("kmc_keys.id"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("move", sa.String(16), nullable=False),
    sa.Column("pool", sa.String(16), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("reference", sa.String(128), nullable=False),
    sa.UniqueConstraint("key_id", "sequence"),
    sqlite_autoincrement=True,
)

allotments = sa.Table(
    "kmc_allotments",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("key_id", BigId, sa.ForeignKey("kmc_keys.id"), nullable=False, unique=True),
    sa.Column("reference", sa.String(128), nullable=False, unique=True),
    sa.Column("holder", sa.LargeBinary, nullable=False),  # Name, DER
    sa.Column("signing_key", sa.LargeBinary, nullable=False),  # the holder's, SPKI
    sa.Column("keep_until", UtcDateTime, nullable=False, index=True),
    sa.Column("voucher", sa.LargeBinary, nullable=False),  # the centre's signature over all of it
    sqlite_autoincrement=True,
)

recoveries = sa.Table(
    "kmc_recoveries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    sa.Column("key_id", BigId, sa.ForeignKey("kmc_keys.id"), nullable=False, index=True),
    sa.Column("content", sa.LargeBinary, nullable=False),  # canonical JSON; statements are bound to its SM3 digest
    sa.Column("envelope", sa.LargeBinary, nullable=True),  # to the recipient's key; null: not delivered
    sqlite_autoincrement=True,
)

recovery_statements = sa.Table(
    "kmc_recovery_statements",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("recovery_id", BigId, sa.ForeignKey("kmc_recoveries.id"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("officer", sa.String(64), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    # CMS SignedData, what counts; act, officer and time beside it only help to find it.
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("recovery_id", "sequence"),
    sqlite_autoincrement=True,
)

destruction_statements = sa.Table(
    "kmc_destruction_statements",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("key_id", BigId, sa.ForeignKey("kmc_keys.id"), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("officer", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    # CMS SignedData, what counts; officer and time beside it only help to find it.
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("key_id", "sequence"),
    sqlite_autoincrement=True,
)
