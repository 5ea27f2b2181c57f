"""The books of the attribute authority, in the manner of `ca.records`."""

import sqlalchemy as sa

from ca.records import SerialNumber
from core.storage import BigId, UtcDateTime, metadata

attribute_certificates = sa.Table(
    "ca_attribute_certificates",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("authority_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False),
    sa.Column("serial", SerialNumber, nullable=False, index=True),
    sa.Column("terms", sa.String(32), nullable=False),  # ca.attributes.terms
    # Whose: the holder's certificate in our books.
    sa.Column("holder_authority_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False),
    sa.Column("holder_serial", SerialNumber, nullable=False),
    sa.Column("holder", sa.String(1024), nullable=False),  # for people and for searching
    sa.Column("not_before", UtcDateTime, nullable=False),
    sa.Column("not_after", UtcDateTime, nullable=False, index=True),
    sa.Column("approval_reference", sa.String(128), nullable=False, index=True),
    sa.Column("approval_digest", sa.LargeBinary(64), nullable=False),
    sa.Column("approvers", sa.JSON, nullable=False),
    sa.Column("intended_at", UtcDateTime, nullable=False),
    sa.Column("tbs", sa.LargeBinary, nullable=False),  # AttributeCertificateInfo, exactly what gets signed
    sa.Column("certificate", sa.LargeBinary, nullable=True),  # null: an intent without a result
    sa.UniqueConstraint("authority_id", "serial"),
    sa.Index(None, "holder_authority_id", "holder_serial"),
    sqlite_autoincrement=True,
)

attribute_events = sa.Table(
    "attribute_certificate_events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("authority_id", BigId, nullable=False),
    sa.Column("serial", SerialNumber, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("move", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(32), nullable=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.UniqueConstraint("authority_id", "serial", "sequence"),
    sa.ForeignKeyConstraint(
        ["authority_id", "serial"], ["ca_attribute_certificates.authority_id", "ca_attribute_certificates.serial"]
    ),
    sqlite_autoincrement=True,
)
