"""What the rules look at: the exact TBS bytes, taken apart here, and read by `cryptography`. Neither wrote them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import NamedTuple

from cryptography import x509

from ca.certificate import SUBJECT_KEY_IDENTIFIER, IssuerFacts
from ca.profiles import Profile
from core.asn1 import der
from core.asn1.elements import Element, read_elements
from core.subject import IDENTITY_OIDS

UNREADABLE = (
    ValueError,
    IndexError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)
"""What reading raises on bytes that are not what they should be."""
_ABOUT_THE_HOLDER = {der.oid(dotted) for dotted in (SUBJECT_KEY_IDENTIFIER, *IDENTITY_OIDS.values())}


class RawExtension(NamedTuple):
    """An extension as its bytes say."""

    oid: bytes
    """OBJECT IDENTIFIER, tag and length included."""
    critical: bool
    value: bytes
    raw: bytes
    """The whole extension."""


@dataclass(frozen=True)
class IssuerLimits(IssuerFacts):
    """The issuer as far as it limits what it may issue."""

    not_before: datetime | None
    """None: the authority issues its own certificate, and has none yet."""
    not_after: datetime | None
    path_length: int | None = None
    """pathLenConstraint; None: unlimited."""


@dataclass(frozen=True)
class FixedPart:
    """What a certificate has in common with all others of its profile, issuer and revocation list, and nothing else.

    What is found about it is therefore found about each of them that has the same octets.
    """

    profile: Profile = field(hash=False)
    issuer: IssuerLimits = field(hash=False)
    shard: int
    """Of the revocation lists."""
    version: bytes
    """The field's octets, like the next two."""
    signature_algorithm: bytes
    issuer_name: bytes
    extensions: tuple[RawExtension, ...]
    """All but those about the holder."""

    def extension(self, dotted: str) -> RawExtension | None:
        """The first extension of this type."""
        return _first(self.extensions, dotted)

    @cached_property
    def read_extensions(self) -> x509.Extensions:
        """As `cryptography` reads them, in a certificate about nobody; one of `UNREADABLE` on what it refuses."""
        moment, nobody = der.time(datetime(2000, 1, 1, tzinfo=UTC)), der.sequence()
        tbs = der.sequence(
            self.version,
            der.integer(1),
            self.signature_algorithm,
            self.issuer_name,
            der.sequence(moment, moment),
            nobody,
            self.issuer.public_key_info,
            der.explicit(3, der.sequence(*(extension.raw for extension in self.extensions))),
        )
        return read_certificate(tbs, self.signature_algorithm).extensions


class Examined:
    """A TBSCertificate under examination. One of `UNREADABLE` if the bytes are no DER of that shape."""

    def __init__(self, tbs: bytes, profile: Profile, issuer: IssuerLimits) -> None:
        self.tbs, self.profile, self.issuer = tbs, profile, issuer
        (outer,) = read_elements(tbs)
        if outer.tag != 0x30:
            raise ValueError("not a SEQUENCE")
        parts = outer.children()
        if [part.tag for part in parts] != [0xA0, 0x02, 0x30, 0x30, 0x30, 0x30, 0x30, 0xA3]:
            raise ValueError("not a version 3 TBSCertificate")
        version, self.serial, algorithm, self.issuer_name = parts[:4]
        self.validity, self.subject, self.public_key_info, extensions = parts[4:]
        (listed,) = extensions.children()
        self.extensions = [read_extension(element.raw) for element in listed.children()]
        self.fixed = FixedPart(
            profile,
            issuer,
            issuer.distribution.shard_of(int.from_bytes(self.serial.content, "big")),
            version.raw,
            algorithm.raw,
            self.issuer_name.raw,
            tuple(extension for extension in self.extensions if extension.oid not in _ABOUT_THE_HOLDER),
        )

    def extension(self, dotted: str) -> RawExtension | None:
        """The first extension of this type."""
        return _first(self.extensions, dotted)

    @cached_property
    def attributes(self) -> list[tuple[bytes, Element]]:
        """Types (encoded OID) and values in the subject; ValueError if it is no Name."""
        attributes = []
        for relative in self.subject.children():
            if relative.tag != 0x31:
                raise ValueError("a RelativeDistinguishedName is a SET")
            for attribute in relative.children():
                kind, value = attribute.children()
                attributes.append((kind.raw, value))
        return attributes


def _first(extensions: Iterable[RawExtension], dotted: str) -> RawExtension | None:
    oid = der.oid(dotted)
    return next((extension for extension in extensions if extension.oid == oid), None)


def read_certificate(tbs: bytes, algorithm: bytes) -> x509.Certificate:
    """As `cryptography` reads it, with a signature of no value. One of `UNREADABLE` on what it refuses."""
    return x509.load_der_x509_certificate(der.sequence(tbs, algorithm, der.bit_string(b"")))


@lru_cache(maxsize=1024)  # most are the same in every certificate of a profile
def read_extension(octets: bytes) -> RawExtension:
    """Extension; ValueError unless it is one, in DER."""
    (element,) = read_elements(octets)
    parts = element.children()
    tags = [part.tag for part in parts]
    if element.tag != 0x30 or tags not in ([0x06, 0x04], [0x06, 0x01, 0x04]):
        raise ValueError("not an Extension")
    if len(parts) == 3 and parts[1].content != b"\xff":
        # X.690 11.5: FALSE is the default, and not written.
        raise ValueError("critical is written although false, or not as FF")
    return RawExtension(parts[0].raw, len(parts) == 3, parts[-1].content, octets)
