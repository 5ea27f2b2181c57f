"""SignedData of one signer (RFC 5652, PKCS#7, GM/T 0010) taken apart element by element; nothing is checked here.

Time stamps and statements are read by the thousand, and to read one as a whole structure takes longer than to check its
signature. Messages may be BER, as some authorities write them; the octets are handed out as they stand.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from asn1crypto import core

from core.asn1 import der
from core.asn1.elements import Element, read_elements

SIGNED_DATA = "1.2.840.113549.1.7.2"
GM_SIGNED_DATA = "1.2.156.10197.6.1.4.2.2"
"""GM/T 0010; the structure is that of PKCS#7."""
_CONSTRUCTED = 0x20
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1
_DEEPEST = 8
"""Parts of octet strings inside each other: those of real messages lie side by side."""


class SignedData(NamedTuple):
    """The parts of a message; object identifiers are dotted."""

    content_type: str
    content: bytes | None
    """None if it lies elsewhere."""
    certificates: tuple[bytes, ...]
    """DER."""
    signer: bytes
    """The SignerIdentifier."""
    digest: str
    signature_algorithm: bytes
    """The AlgorithmIdentifier."""
    signed: bytes
    """The signed attributes as they are signed: SET OF Attribute (RFC 5652 5.4)."""
    attributes: dict[str, Element]
    """The one value of each of them."""
    signature: bytes
    unsigned: Sequence[tuple[str, Sequence[Element]]]
    """The values of each unsigned attribute."""


def read_signed_data(message: bytes) -> SignedData:
    """The parts of a ContentInfo; ValueError if it is not SignedData of one signer who signed attributes."""
    (info,) = read_elements(message, is_ber=True)
    kind, explicit = _inside(info, der.SEQUENCE)
    if dotted(kind) not in (SIGNED_DATA, GM_SIGNED_DATA):
        raise ValueError("not SignedData")
    (body,) = _inside(explicit, _CONTEXT_0)
    _version, _digests, enclosed, *rest = _inside(body, der.SEQUENCE)
    certificates = rest.pop(0).children() if rest and rest[0].tag == _CONTEXT_0 else []
    if rest and rest[0].tag == _CONTEXT_1:
        rest.pop(0)
    (signers,) = rest
    (signer,) = _inside(signers, der.SET)
    _version, identifier, digest, signed, algorithm, signature, *unsigned = _inside(signer, der.SEQUENCE)
    content_type, *content = _inside(enclosed, der.SEQUENCE)
    attributes: dict[str, Element] = {}
    for name, values in _attributes(signed, _CONTEXT_0):
        # All that we read come once, with one value (RFC 5652 11).
        if name in attributes or len(values) != 1:
            raise ValueError(f"attribute {name} with several values")
        attributes[name] = values[0]
    return SignedData(
        dotted(content_type),
        _content(*content) if content else None,
        tuple(one.raw for one in certificates if one.tag == der.SEQUENCE),
        identifier.raw,
        dotted(_inside(digest, der.SEQUENCE)[0]),
        algorithm.raw,
        bytes((der.SET,)) + signed.raw[1:],
        attributes,
        octets_of(signature),
        [one for part in unsigned for one in _attributes(part, _CONTEXT_1)],
    )


def dotted(identifier: Element) -> str:
    """An OBJECT IDENTIFIER."""
    if identifier.tag != der.OID:
        raise ValueError("not an object identifier")
    return _dotted(identifier.content)


# The same few are in all messages.
@lru_cache(maxsize=512)
def _dotted(content: bytes) -> str:
    text: str = core.ObjectIdentifier.load(der.tlv(der.OID, content)).dotted
    return text


def octets_of(element: Element, deepest: int = _DEEPEST) -> bytes:
    """What an OCTET STRING holds, in however many parts it is written (X.690 8.7.3)."""
    if element.tag == der.OCTET_STRING:
        return element.content
    if not deepest:
        raise ValueError("an octet string nested too deeply")
    parts = _inside(element, der.OCTET_STRING | _CONSTRUCTED)
    return b"".join(octets_of(part, deepest - 1) for part in parts)


def _content(explicit: Element) -> bytes:
    (content,) = _inside(explicit, _CONTEXT_0)
    return octets_of(content)


def _attributes(attributes: Element, tag: int) -> Iterator[tuple[str, list[Element]]]:
    for attribute in _inside(attributes, tag):
        name, values = _inside(attribute, der.SEQUENCE)
        yield dotted(name), _inside(values, der.SET)


def _inside(element: Element, tag: int) -> list[Element]:
    if element.tag != tag:
        raise ValueError(f"a tag {element.tag:02x} where {tag:02x} belongs")
    return element.children()
