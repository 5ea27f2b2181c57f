"""The two sets of books: of certificates, and of attribute certificates. An authority keeps one of them."""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from ca.attributes import records as attribute_records
from ca.records import certificates, events


class AuthorityKind(StrEnum):
    """What an authority issues. Never both (RFC 5755 4.5)."""

    CERTIFICATES = "certificates"
    ATTRIBUTES = "attributes"


@dataclass(frozen=True)
class Books:
    """Where one kind of authority enters what it issued, and what happened to it."""

    kind: AuthorityKind
    issued: sa.Table
    events: sa.Table
    subject: str
    """What the audit log calls what was issued: `ca.certificate`, `ca.attribute`."""


CERTIFICATES = Books(AuthorityKind.CERTIFICATES, certificates, events, "ca.certificate")
ATTRIBUTES = Books(
    AuthorityKind.ATTRIBUTES,
    attribute_records.attribute_certificates,
    attribute_records.attribute_events,
    "ca.attribute",
)
ALL_BOOKS = (CERTIFICATES, ATTRIBUTES)


def books_of(kind: AuthorityKind) -> Books:
    """The books that an authority of this kind keeps."""
    return CERTIFICATES if kind is AuthorityKind.CERTIFICATES else ATTRIBUTES
