"""The registration authority's tables. Moves and orders are only ever added."""

import sqlalchemy as sa

from ca.records import SerialNumber
from core.storage import BigId, UtcDateTime, metadata


class Utf8(sa.TypeDecorator[str]):
    """Text as octets: ordered alike in every database and locale, so that an index serves what begins so."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else value.encode()

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else bytes(value).decode()


branches = sa.Table(
    "ra_branches",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    # Canonical, what the statement is about.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("administrator", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
)

operators = sa.Table(
    "ra_operators",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    # What counts is what the moves say (ra.appointments); the columns help to find somebody, and the row to lock them.
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("roles", sa.String(64), nullable=False),
    sa.Column("branch", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
)

operator_moves = sa.Table(
    "ra_operator_moves",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("operator", sa.ForeignKey(operators.c.name), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("administrator", sa.String(64), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    # The canonical appointment, where the statement makes one or changes it.
    sa.Column("content", sa.LargeBinary, nullable=True),
    # Where the statement has a key certified.
    sa.Column("authority", sa.String(64), nullable=True),
    sa.Column("serial", SerialNumber, nullable=True),
    sa.Column("certificate", sa.LargeBinary, nullable=True),
    # CMS SignedData of the administrator.
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("operator", "sequence"),
)

requests = sa.Table(
    "ra_requests",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    # The canonical request; its statements are bound to its SM3 digest. The columns below only help to find it.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("profile", sa.String(64), nullable=False),
    sa.Column("decide_by", UtcDateTime, nullable=True),
    sa.Column("branch", sa.String(64), nullable=False, server_default=""),
    # SHA-256 of the SPKI while the request is under way, so that no two of them bring the same key (ra.replacement).
    sa.Column("pending_key", sa.LargeBinary(32), nullable=True, unique=True),
    # The certificate that it replaces.
    sa.Column("replaced_authority", sa.String(64), nullable=True),
    sa.Column("replaced_serial", SerialNumber, nullable=True, index=True),
    # Null only in what was entered before lists could be narrowed to a unit (ra.reindexing).
    sa.Column("unit", Utf8, nullable=True),
    # Until then somebody is having it issued (ra.issuance).
    sa.Column("claimed_until", UtcDateTime),
    sa.Index(None, "state", "id"),
    sa.Index(None, "profile", "id"),
    sa.Index(None, "branch", "id"),
    sa.Index(None, "branch", "profile", "id"),
    sa.Index(None, "unit", "id"),
)

request_versions = sa.Table(
    "ra_request_versions",
    metadata,
    # The contents that amendments replaced.
    sa.Column("request_id", sa.ForeignKey(requests.c.id), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

request_moves = sa.Table(
    "ra_request_moves",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.ForeignKey(requests.c.id), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("operator", sa.String(64), nullable=False),
    sa.Column("branch", sa.String(64), nullable=False, server_default=""),
    sa.Column("at", UtcDateTime, nullable=False),
    # CMS SignedData, what counts; act, operator, branch and time beside it only help to find it (ra.filters).
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("request_id", "sequence"),
    sa.Index(None, "act", "at", "request_id"),
    sa.Index(None, "operator", "act", "at", "request_id"),
    sa.Index(None, "branch", "act", "at", "request_id"),
)

request_certificates = sa.Table(
    "ra_request_certificates",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.ForeignKey(requests.c.id), nullable=False, index=True),
    sa.Column("authority", sa.String(64), nullable=False),
    sa.Column("serial", SerialNumber, nullable=False),
    sa.Column("certificate", sa.LargeBinary, nullable=False),
    # Of an encryption certificate: its private key, to the holder's signing key alone.
    sa.Column("envelope", sa.LargeBinary, nullable=True),
    # For finding it (ra.search); null only in what was recorded before there was a search.
    sa.Column("holder", Utf8, nullable=True),
    sa.Column("unit", Utf8, nullable=True),
    sa.Column("branch", sa.String(64), nullable=True),
    sa.Column("not_after", UtcDateTime, nullable=True),
    sa.Column("sha256", sa.LargeBinary(32), nullable=True, index=True),
    sa.Column("sha1", sa.LargeBinary(20), nullable=True, index=True),
    sa.Column("sm3", sa.LargeBinary(32), nullable=True, index=True),
    sa.UniqueConstraint("authority", "serial"),
    sa.Index(None, "serial"),
    # With the branch, so that others' certificates are passed over without reading them.
    sa.Index(None, "holder", "id", "branch"),
    sa.Index(None, "unit", "id", "branch"),
    sa.Index(None, "not_after", "request_id"),
    sa.Index(None, "branch", "not_after", "request_id"),
)

certificate_identities = sa.Table(
    "ra_certificate_identities",
    metadata,
    # Keyed digest of an identity number of the holder (ra.identities): the number itself is not here.
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("certificate_id", sa.ForeignKey(request_certificates.c.id), primary_key=True),
    sa.Index(None, "certificate_id"),
)

certificate_orders = sa.Table(
    "ra_certificate_orders",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("authority", sa.String(64), nullable=False),
    sa.Column("serial", SerialNumber, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("operator", sa.String(64), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("authority", "serial", "sequence"),
)

http_nonces = sa.Table(
    "ra_http_nonces",
    metadata,
    # Of signed requests (RFC 9421): none is taken twice. Kept as long as a signature holds.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("operator", sa.String(64), nullable=False),
    sa.Column("nonce", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.UniqueConstraint("operator", "nonce"),
)

attempts = sa.Table(
    "ra_attempts",
    metadata,
    # Wrong PINs in a row, and the last of them: a row only while there are some.
    sa.Column("operator", sa.ForeignKey(operators.c.name), primary_key=True),
    sa.Column("wrong", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

revocation_batches = sa.Table(
    "ra_revocation_batches",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    # The canonical order, with every certificate; state and branch only help to find it.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("branch", sa.String(64), nullable=False),
)

revocation_batch_moves = sa.Table(
    "ra_revocation_batch_moves",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.ForeignKey(revocation_batches.c.id), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("operator", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("batch_id", "sequence"),
)

notices = sa.Table(
    "ra_notices",
    metadata,
    # One for each certificate and stage; written when the mail server has taken it.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("authority", sa.String(64), nullable=False),
    sa.Column("serial", SerialNumber, nullable=False),
    # Days before the end.
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("address", sa.String(254), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("authority", "serial", "stage"),
)
