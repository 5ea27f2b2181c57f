"""What reports tell of certificates, time stamps, changes, places and electronic seals: plain records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from asn1crypto import x509

from core.asn1.names import describe_name
from core.certificates import serial_text


@dataclass(frozen=True)
class CertificateFacts:
    """What people recognise a certificate by."""

    subject: str
    issuer: str
    serial_number: str
    """Hexadecimal."""
    not_before: datetime
    not_after: datetime
    sha256: str
    """Hexadecimal."""

    # The same few certificates are told of again and again.
    @classmethod
    @lru_cache(maxsize=512)
    def of(cls, certificate: bytes) -> "CertificateFacts":
        """The facts of a certificate in DER."""
        body = x509.Certificate.load(certificate)
        return cls(
            describe_name(body.subject.dump()),
            describe_name(body.issuer.dump()),
            serial_text(body.serial_number),
            body.not_valid_before,
            body.not_valid_after,
            body.sha256.hex(),
        )


@dataclass(frozen=True)
class TimestampFacts:
    """A timestamp, over the signature value or over the document."""

    kind: str
    """`signature` or `document`."""
    at: datetime
    authority: CertificateFacts | None
    trusted: bool
    field: str | None = None
    """The form field of a document timestamp."""


@dataclass(frozen=True)
class LaterChange:
    """One thing that was changed or added after the signature."""

    what: str
    """For programs; never changes."""
    text: str
    permitted: bool
    page: int | None = None
    """Where it is seen; the first is 1."""
    revision: int | None = None
    """Which revision of the file brought it; the first is 1."""


@dataclass(frozen=True)
class ChangeFacts:
    """What happened to the document after the signature."""

    level: str
    """`none`, `permitted` or `suspicious`."""
    rule: str
    """The rule that permits or forbids it."""
    text: str
    items: Sequence[LaterChange] = ()
    """What it was, one by one, as far as it is known."""


@dataclass(frozen=True)
class FetchedFacts:
    """Something that was asked for online."""

    what: str
    """`issuer`, `ocsp` or `crl`."""
    url: str
    about: str
    """The subject of the certificate that names the address."""
    sha256: str = ""
    """Of what came, hexadecimal; empty if nothing came that can be used."""
    size: int = 0
    """Octets."""
    problem: str = ""
    """Why there is nothing, in words."""


@dataclass(frozen=True)
class Place:
    """Where a signature is seen."""

    page: int
    """The first is 1."""
    box: tuple[float, float, float, float]
    """Left, bottom, right, top in the units of the page's default user space (ISO 32000-2 8.3.2.3)."""


@dataclass(frozen=True)
class Claims:
    """What the signature dictionary says in words; nothing proves it but the signer's own signature."""

    name: str | None = None
    reason: str | None = None
    location: str | None = None


NO_CLAIMS = Claims()


@dataclass(frozen=True)
class ElectronicSealFacts:
    """The electronic seal (SESeal) that a signature was made with."""

    identifier: str
    name: str
    version: int
    """Of the structure: 4 is GB/T 38540-2020, 5 GM/T 0031-2025, 1 GM/T 0031-2014."""
    maker: CertificateFacts
    maker_trusted: bool
    """Whether the maker's certificate leads to a trusted authority; its revocation is not looked at."""
    created: datetime
    valid_from: datetime
    valid_until: datetime
    picture_on_page: bool | None = None
    """Whether the picture on the page is the one in the seal; None if that cannot be told."""
