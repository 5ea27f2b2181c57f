"""The responder's table: the certificates by which issuers delegated the signing of answers to its keys."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

delegations = sa.Table(
    "ocsp_delegations",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("key_name", sa.String(100), nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("installed_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)
"""Only ever added to: a renewed certificate is a new row, and the newest that is valid signs."""
