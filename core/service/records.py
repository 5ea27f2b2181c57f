"""The table by which services and the authority reach each other."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

requests = sa.Table(
    "service_requests",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("keeper", sa.String(16), nullable=False),  # whose key store keeps the key
    sa.Column("name", sa.String(128), nullable=False),  # of the new key
    sa.Column("request", sa.LargeBinary, nullable=False),  # CMS SignedData by the present key over the PKCS#10
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("complaint", sa.String(512), nullable=True),  # why the authority has not issued, when it last looked
    sa.Column("certificate", sa.LargeBinary, nullable=True),  # DER; null: not issued yet
    sa.Column("answered_at", UtcDateTime, nullable=True),
    sa.UniqueConstraint("keeper", "name"),
    sqlite_autoincrement=True,
)
