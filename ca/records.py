"""The books of the certificate authority. Events are only ever added; a certificate's row gains its signature, once."""

import sqlalchemy as sa

from core.storage import BigId, UtcDateTime, metadata

SERIAL_OCTETS = 20
"""RFC 5280 4.1.2.2: no serial number is longer."""


class SerialNumber(sa.TypeDecorator[int]):
    """A serial number as 20 octets, so that the order of the octets is that of the numbers."""

    impl = sa.LargeBinary(SERIAL_OCTETS)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> bytes | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else serial_octets(value)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> int | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else int.from_bytes(value, "big")


def serial_octets(serial: int) -> bytes:
    """The number as the books keep it; nothing for what no certificate of theirs bears.

    Zero is no number for us (RFC 5280 4.1.2.2), but many an old root of others has it.
    """
    if 0 <= serial < 1 << 8 * SERIAL_OCTETS:
        return serial.to_bytes(SERIAL_OCTETS, "big")
    return b""


authorities = sa.Table(
    "ca_authorities",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False, server_default="certificates"),  # ca.books.AuthorityKind
    sa.Column("issuer_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=True),  # null: its own issuer
    sa.Column("subject", sa.LargeBinary, nullable=False),
    sa.Column("public_key_info", sa.LargeBinary, nullable=False),
    sa.Column("algorithm", sa.String(32), nullable=False),
    sa.Column("serial", SerialNumber, nullable=True),
    sa.Column("certificate", sa.LargeBinary, nullable=True),  # null until the ceremony is complete
    sa.Column("created_at", UtcDateTime, nullable=False),
    # false: an authority above ours, of which the books have the certificate and the lists (ca.subordinates)
    sa.Column("key_is_here", sa.Boolean, nullable=False, server_default=sa.true()),
    # ca.distribution; never changed, for certificates tell
    sa.Column("crl_shards", sa.Integer, nullable=False, default=1),
    sa.Column("crl_deltas", sa.Boolean, nullable=False, default=False),
    sa.Column("crl_address", sa.String(512), nullable=False, default=""),
    sqlite_autoincrement=True,
)

successions = sa.Table(
    "ca_successions",
    metadata,
    # Which key of an authority's name follows which (ca.generations). Entered once, when issuance goes over to it.
    sa.Column("predecessor_id", BigId, sa.ForeignKey("ca_authorities.id"), primary_key=True, autoincrement=False),
    sa.Column("successor_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False, unique=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
)

further_certificates = sa.Table(
    "ca_further_certificates",
    metadata,
    # For the key of an authority, by others than its issuer: link certificates and cross certificates.
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),  # SHA-256
    sa.Column("authority_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),  # ca.further.FurtherKind
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    sa.Column("entered_at", UtcDateTime, nullable=False),
    sa.Column("entered_by", sa.String(128), nullable=False),
)

subordinate_requests = sa.Table(
    "ca_subordinate_requests",
    metadata,
    # What an authority of ours asked another centre, or our own offline root, to certify.
    sa.Column("authority_id", BigId, sa.ForeignKey("ca_authorities.id"), primary_key=True, autoincrement=False),
    sa.Column("profile", sa.String(64), nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),  # PKCS#10, DER
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("requested_by", sa.String(128), nullable=False),
)

profiles = sa.Table(
    "ca_profiles",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),  # canonical JSON (RFC 8785), what the digest is over
    sa.Column("activated_at", UtcDateTime, nullable=False),
    sa.Column("activated_by", sa.String(128), nullable=False),
    sa.UniqueConstraint("name", "version"),
    sqlite_autoincrement=True,
)

certificates = sa.Table(
    "ca_certificates",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("authority_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False),
    sa.Column("serial", SerialNumber, nullable=False),
    sa.Column("shard", sa.Integer, nullable=False, default=0),  # on which list a revocation of it stands
    sa.Column("profile_id", BigId, sa.ForeignKey("ca_profiles.id"), nullable=False),
    sa.Column("subject", sa.String(1024), nullable=False),  # for people and for searching
    sa.Column("key_digest", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("not_before", UtcDateTime, nullable=False),
    sa.Column("not_after", UtcDateTime, nullable=False, index=True),
    sa.Column("approval_reference", sa.String(128), nullable=False, index=True),
    sa.Column("approval_digest", sa.LargeBinary(64), nullable=False),
    sa.Column("approvers", sa.JSON, nullable=False),
    sa.Column("intended_at", UtcDateTime, nullable=False),
    sa.Column("tbs", sa.LargeBinary, nullable=False),  # TBSCertificate, exactly what gets signed
    sa.Column("certificate", sa.LargeBinary, nullable=True),  # null: an intent without a result
    sa.UniqueConstraint("authority_id", "serial"),
    sqlite_autoincrement=True,
)
sa.Index(
    "ix_ca_certificates_unfinished",
    certificates.c.id,
    sqlite_where=certificates.c.certificate.is_(None),
    postgresql_where=certificates.c.certificate.is_(None),
)
# All that a revocation list asks about a certificate, in its order: the rows themselves are far apart.
sa.Index(
    "ix_ca_certificates_listing",
    certificates.c.authority_id,
    certificates.c.serial,
    certificates.c.shard,
    certificates.c.not_after,
)

keys = sa.Table(
    "ca_keys",
    metadata,
    # Whose a public key is. The primary key decides between two processes that certify the same one at once.
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("subject", sa.LargeBinary, nullable=False),
    sa.Column("approval_reference", sa.String(128), nullable=False),
    sa.Column("use", sa.String(16), nullable=False, server_default="signing"),  # or encryption; never both
)

pairs = sa.Table(
    "ca_certificate_pairs",
    metadata,
    # Double certificates: the signing certificate and the encryption certificate of one holder.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("authority_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False),
    sa.Column("signing_serial", SerialNumber, nullable=False),
    sa.Column("encryption_serial", SerialNumber, nullable=False),
    sa.Column("key_reference", sa.String(128), nullable=False),  # what the key-management centre knows the key by
    # When the centre is to be told that the key is out of use (ca.retirement): the pair's end, or its revocation.
    # Null: it was told, or another pair has the same key since.
    sa.Column("key_due_at", UtcDateTime, nullable=True),
    sa.UniqueConstraint("authority_id", "signing_serial"),
    sa.UniqueConstraint("authority_id", "encryption_serial"),
    sqlite_autoincrement=True,
)
sa.Index(
    "ix_ca_certificate_pairs_due",
    pairs.c.key_due_at,
    sqlite_where=pairs.c.key_due_at.is_not(None),
    postgresql_where=pairs.c.key_due_at.is_not(None),
)

events = sa.Table(
    "certificate_events",
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
    sa.ForeignKeyConstraint(["authority_id", "serial"], ["ca_certificates.authority_id", "ca_certificates.serial"]),
    sqlite_autoincrement=True,
)
# All that a revocation list says, so that a long one is read from here alone, in its order.
sa.Index(
    "ix_certificate_events_not_valid",
    events.c.authority_id,
    events.c.serial,
    events.c.sequence,
    events.c.id,
    events.c.state,
    events.c.reason,
    events.c.at,
    sqlite_where=events.c.state.in_(["held", "revoked"]),
    postgresql_where=events.c.state.in_(["held", "revoked"]),
)

crls = sa.Table(
    "ca_crls",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("authority_id", BigId, sa.ForeignKey("ca_authorities.id"), nullable=False),
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("base", sa.BigInteger, nullable=True),  # BaseCRLNumber of a delta; null: a full list
    sa.Column("last_event", sa.BigInteger, nullable=False),  # what happened later is not on this list
    sa.Column("this_update", UtcDateTime, nullable=False),
    sa.Column("next_update", UtcDateTime, nullable=False),
    sa.Column("entries", sa.Integer, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("packed_size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=True),  # SHA-256 of the list
    sa.Column("published_at", UtcDateTime, nullable=True),  # null: the number is reserved, the list not in force
    sqlite_autoincrement=True,
)
# A full list and the delta of the same moment have the same number (RFC 5280 5.2.3).
sa.Index(
    "uq_ca_crls_full",
    crls.c.authority_id,
    crls.c.shard,
    crls.c.number,
    unique=True,
    sqlite_where=crls.c.base.is_(None),
    postgresql_where=crls.c.base.is_(None),
)
sa.Index(
    "uq_ca_crls_delta",
    crls.c.authority_id,
    crls.c.shard,
    crls.c.number,
    unique=True,
    sqlite_where=crls.c.base.is_not(None),
    postgresql_where=crls.c.base.is_not(None),
)

crl_parts = sa.Table(
    "ca_crl_parts",
    metadata,
    # In pieces, so that a list of millions is written and served without ever being in memory whole.
    sa.Column("crl_id", BigId, sa.ForeignKey("ca_crls.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("octets", sa.LargeBinary, nullable=False),
    sa.Column("packed", sa.LargeBinary, nullable=False),  # the same piece of the list compressed by gzip
)
