"""The question that nearly everybody asks, read in a few steps: one CertID, at most a nonce, and nothing else.

Whatever else a request may hold is left to the full reader (`ocsp.request`), which gives the same for these: a property
test compares them. DER only (X.690): lengths in their shortest form, every element filling the one around it.
"""

from functools import lru_cache

from core.algorithms import DIGESTS, Digest
from core.asn1 import der
from ocsp.request import MAXIMUM_NONCE, CertId, OcspRequest, nonce_extension

_ALGORITHMS: dict[bytes, Digest] = {
    der.sequence(der.oid(digest.oid), *parameters): digest
    for digest in DIGESTS.values()
    for parameters in ((), (der.NULL,))
}


def _nonce_heads() -> dict[int, tuple[int, bytes]]:
    """By the size of requestExtensions with at most a nonce: the nonce's size, and what comes before it."""
    heads = {0: (0, b"")}
    for size in range(1, MAXIMUM_NONCE + 1):
        extensions = der.explicit(2, der.sequence(nonce_extension(bytes(size))))
        heads[len(extensions)] = (size, extensions[:-size])
    return heads


_NONCE_HEADS = _nonce_heads()


_BEGINNING = 5 * 4
"""Octets in which the headers of five SEQUENCEs lie, one inside the other."""


def open_plain(data: bytes) -> tuple[bytes, bytes | None] | None:
    """What is around the CertID read, and the CertID not: its DER, and the nonce; None for what is not of this form."""
    places = _places(len(data), data[:_BEGINNING])
    if places is None:
        return None
    start, stop, nonce, head = places
    if not data.startswith(head, stop):
        return None
    return data[start:stop], data[-nonce:] if nonce else None


@lru_cache(maxsize=256)
def _places(size: int, beginning: bytes) -> tuple[int, int, int, bytes] | None:
    """Begin and end of the CertID, the nonce's size and what is before it, told by size and headers alone."""
    try:
        body, end = _enter(beginning, 0)
        requests, filled = _enter(beginning, body)
        request, last = _enter(beginning, requests)
        start, only = _enter(beginning, request)
        _fields, stop = _enter(beginning, start)
        if not (end == filled == size and last == only == stop):
            return None
        return (start, stop, *_NONCE_HEADS[end - last])
    except (IndexError, KeyError):
        return None


def read_plain(data: bytes) -> OcspRequest | None:
    """The question and the nonce; None for what is not of this form, right or wrong."""
    opened = open_plain(data)
    question = opened and _read_cert_id(opened[0])
    return OcspRequest((question,), opened[1]) if opened and question else None


def _read_cert_id(data: bytes) -> CertId | None:
    try:
        fields, end = _enter(data, 0)
        name = fields + 2 + data[fields + 1]
        digest = _ALGORITHMS[data[fields:name]]
        key = name + 2 + digest.size
        serial = key + 2 + digest.size
        octets = b"\x04" + digest.size.to_bytes()
        if not (data.startswith(octets, name) and data.startswith(octets, key) and _positive(data, serial, end)):
            return None
    except (IndexError, KeyError):
        return None
    number = int.from_bytes(data[serial + 2 : end], "big")
    return CertId(data, digest.oid, data[name + 2 : key], data[key + 2 : serial], number)


def _enter(data: bytes, at: int) -> tuple[int, int]:
    """Begin and end of the content of the SEQUENCE at this place; KeyError if there is none (X.690 8.1.3, 10.1)."""
    if data[at] != der.SEQUENCE:
        raise KeyError
    size = data[at + 1]
    if size < 0x80:
        return at + 2, at + 2 + size
    if size == 0x81 and data[at + 2] >= 0x80:
        return at + 3, at + 3 + data[at + 2]
    if size == 0x82 and data[at + 2]:
        return at + 4, at + 4 + (data[at + 2] << 8 | data[at + 3])
    raise KeyError


def _positive(data: bytes, at: int, end: int) -> bool:
    """Whether just a positive INTEGER is there, in the fewest octets (X.690 8.3.2)."""
    first = data[at + 2]
    shortest = first != 0 or (end - at > 3 and data[at + 3] >= 0x80)
    return data[at] == der.INTEGER and at + 2 + data[at + 1] == end and first < 0x80 and shortest
