"""What the rules look at: the exact TBS bytes, taken apart here, and read by `cryptography`. Neither wrote them."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography import x509

from ca.certificate import IssuerFacts
from ca.profiles import Profile
from core.asn1 import der


@dataclass  # not frozen: that would take a third of the time of reading
class Element:
    """One element of DER."""

    tag: int
    content: bytes
    raw: bytes
    """Tag, length and content as they stand."""

    def children(self) -> list["Element"]:
        """The elements inside; ValueError unless they fill the content exactly."""
        return self._children

    @cached_property
    def _children(self) -> list["Element"]:
        # Several rules look into the same element.
        return read_elements(self.content)


def read_elements(data: bytes) -> list[Element]:
    """Elements one after the other; ValueError on lengths cut short, indefinite or not minimal (X.690 10.1)."""
    elements, at = [], 0
    while at < len(data):
        if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
            raise ValueError("element cut short, or a tag of several octets")
        tag, size, start = data[at], data[at + 1], at + 2
        if size & 0x80:
            octets = data[start : start + (size & 0x7F)]
            size, start = int.from_bytes(octets, "big"), start + len(octets)
            if size < 0x80 or octets[0] == 0:
                raise ValueError("length not minimal")
        end = start + size
        if end > len(data):
            raise ValueError("element cut short")
        elements.append(Element(tag, data[start:end], data[at:end]))
        at = end
    return elements


@dataclass(frozen=True)
class RawExtension:
    """An extension as its bytes say."""

    oid: bytes
    """OBJECT IDENTIFIER, tag and length included."""
    critical: bool
    value: bytes


@dataclass(frozen=True)
class IssuerLimits(IssuerFacts):
    """The issuer as far as it limits what it may issue."""

    not_before: datetime | None
    """None: the authority issues its own certificate, and has none yet."""
    not_after: datetime | None
    path_length: int | None = None
    """pathLenConstraint; None: unlimited."""


class Examined:
    """A TBSCertificate under examination. ValueError if the bytes are no DER of that shape."""

    def __init__(self, tbs: bytes, profile: Profile, issuer: IssuerLimits) -> None:
        self.tbs, self.profile, self.issuer = tbs, profile, issuer
        (outer,) = read_elements(tbs)
        if outer.tag != 0x30:
            raise ValueError("not a SEQUENCE")
        parts = outer.children()
        if [part.tag for part in parts] != [0xA0, 0x02, 0x30, 0x30, 0x30, 0x30, 0x30, 0xA3]:
            raise ValueError("not a version 3 TBSCertificate")
        self.version, self.serial, self.signature_algorithm, self.issuer_name = parts[:4]
        self.validity, self.subject, self.public_key_info, extensions = parts[4:]
        (listed,) = extensions.children()
        self.extensions = [read_extension(element) for element in listed.children()]
        self._signature_algorithm = parts[2].raw

    @cached_property
    def certificate(self) -> x509.Certificate:
        """As `cryptography` reads it, around a signature of no value. ValueError on what it refuses."""
        return x509.load_der_x509_certificate(der.sequence(self.tbs, self._signature_algorithm, der.bit_string(b"")))

    @cached_property
    def read_extensions(self) -> x509.Extensions:
        """The extensions as `cryptography` reads them."""
        return self.certificate.extensions

    def extension(self, oid: bytes) -> RawExtension | None:
        """The first extension of this type (encoded OID)."""
        return next((extension for extension in self.extensions if extension.oid == oid), None)


def read_extension(element: Element) -> RawExtension:
    """Extension; ValueError unless it is one, in DER."""
    parts = element.children()
    tags = [part.tag for part in parts]
    if element.tag != 0x30 or tags not in ([0x06, 0x04], [0x06, 0x01, 0x04]):
        raise ValueError("not an Extension")
    if len(parts) == 3 and parts[1].content != b"\xff":
        # X.690 11.5: FALSE is the default, and not written.
        raise ValueError("critical is written although false, or not as FF")
    return RawExtension(parts[0].raw, len(parts) == 3, parts[-1].content)
