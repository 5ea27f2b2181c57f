"""A CertificateList as its bytes say, however long: the entries as they stream by, the rest by `cryptography`."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import lt

from cryptography import x509

from core.asn1 import der

_SEQUENCE, _INTEGER, _EXTENSIONS = 0x30, 0x02, 0xA0
_WINDOW = 1 << 16


class Stream:
    """Octets of known number, read one after the other out of pieces; `observe` sees each piece once."""

    def __init__(self, chunks: Iterable[bytes], observe: Callable[[bytes], object] = lambda _chunk: None) -> None:
        self._chunks = iter(chunks)
        self._observe = observe
        self._buffer = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next octets; ValueError if there are fewer."""
        taken = self.take_some(size)
        while len(taken) < size:
            more = self.take_some(size - len(taken))
            if not more:
                raise ValueError("element cut short")
            taken += more
        self._observe(taken)
        return taken

    def take_some(self, size: int) -> bytes:
        """At least one and at most so many octets, unobserved; none at the end."""
        while self._at >= len(self._buffer):
            piece = next(self._chunks, None)
            if piece is None:
                return b""
            self._buffer, self._at = piece, 0
        taken = self._buffer[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def element(self) -> tuple[int, int, bytes]:
        """Tag and size of the next element, and the octets that say so; ValueError unless minimal (X.690 10.1)."""
        head = self.take(2)
        size = head[1]
        if size & 0x80:
            octets = self.take(size & 0x7F)
            size = int.from_bytes(octets, "big")
            if size < 0x80 or octets[0] == 0:
                raise ValueError("length not minimal")
            head += octets
        return head[0], size, head


@dataclass
class Entries:
    """What the entries are, taken together."""

    count: int = 0
    latest: datetime | None = None
    """The latest revocation date."""
    kinds: dict[bytes, int] = field(default_factory=dict)
    """How many entries bear these extensions (DER)."""


@dataclass(frozen=True)
class ReadList:
    """A TBSCertList."""

    parts: tuple[bytes, ...]
    """Version, algorithm and issuer, as they stand."""
    frame: x509.CertificateRevocationList
    """The list without its entries and with an empty signature, as `cryptography` reads it."""
    entries: Entries


def read_tbs(stream: Stream) -> ReadList:
    """Read a TBSCertList to its end. ValueError if the bytes are not strict DER of that shape."""
    tag, size, _head = stream.element()
    if tag != _SEQUENCE:
        raise ValueError("not a SEQUENCE")
    raw: list[bytes] = []
    left = size
    entries = Entries()
    while left:
        tag, inner, head = stream.element()
        left -= len(head) + inner
        if left < 0:
            raise ValueError("element cut short")
        if tag == _SEQUENCE and len(raw) == 5:  # after version, algorithm, issuer and two times
            if not inner:
                raise ValueError("revokedCertificates is empty, and should be absent (RFC 5280 5.1.2.6)")
            _read_entries(stream, inner, entries)
            continue
        raw.append(head + stream.take(inner))
        if tag == _EXTENSIONS and left:
            raise ValueError("something follows the extensions")
    if len(raw) != 6:
        raise ValueError("not a version 2 TBSCertList")
    frame = x509.load_der_x509_crl(der.sequence(der.sequence(*raw), raw[1], der.bit_string(b"")))
    return ReadList(tuple(raw[:3]), frame, entries)


def _read_entries(stream: Stream, size: int, entries: Entries) -> None:
    """Strictly ascending serial numbers; nothing but number, time and the extensions that `kinds` counts."""
    previous, latest, kinds, rest = b"", b"", Counter[bytes](), b""
    while size:
        piece = stream.take(min(size, _WINDOW))
        size -= len(piece)
        window = rest + piece
        found = _ENTRY.findall(window)
        if size:
            found = found[:-1]  # the last may go on in the next piece
        if not found:
            raise ValueError("not an entry as they are written here")
        whole, numbers, times, extensions = zip(*found, strict=True)
        read = b"".join(whole)
        rest = window[len(read) :]
        # The pattern passes over what it does not know, and does not look at the length of the whole.
        if not window.startswith(read) or len(rest) > 2 * _LONGEST or any(len(one) != 2 + one[1] for one in whole):
            raise ValueError("not an entry as they are written here")
        # Of positive INTEGERs in the fewest octets, the greater is the one whose octets, with the length, are.
        if not all(map(lt, (previous, *numbers), numbers)):
            raise ValueError("a serial number stands twice or out of order")
        previous, latest = numbers[-1], max(latest, *map(_digits, times))
        kinds.update(extensions)
    if rest:
        raise ValueError("an entry is cut short")
    entries.kinds, entries.count = dict(kinds), kinds.total()
    entries.latest = datetime.strptime(latest.decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _digits(time: bytes) -> bytes:
    """YYYYMMDDhhmmss; the century of a UTCTime is that of RFC 5280 4.1.2.5.1."""
    digits = time[2:-1]
    if len(digits) == 14:
        return digits
    return (b"20" if digits < b"5" else b"19") + digits


_LONGEST = 2 + 22 + 17 + 14

# Of 20 octets at most (RFC 5280 4.1.2.2), above zero, in the fewest octets (X.690 8.3.2).
_NUMBER = rb"\x02(?:\x01[\x01-\x7f]|%b)" % b"|".join(
    rb"\x%02x(?:[\x01-\x7f].{%d}|\x00[\x80-\xff].{%d})" % (size, size - 1, size - 2) for size in range(20, 1, -1)
)
# RFC 5280 5.1.2.6: what lies before 2050 is UTCTime.
_TIME = (
    rb"(?:\x17\x0d[0-9]{2}|\x18\x0f(?!19[5-9]|20[0-4])[0-9]{4})"
    rb"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z"
)
_EXTENSION = rb"\x30\x0c\x30.{11}|"  # one of the size of a reasonCode, or none
_ENTRY = re.compile(rb"(\x30.(%b)(%b)(%b))" % (_NUMBER, _TIME, _EXTENSION), re.DOTALL)
