"""A CertificateList as its bytes say, however long: the entries as they stream by, the rest by `cryptography`."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

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
    previous, latest = b"", b""
    kinds = entries.kinds
    for entry in _elements(stream, size):
        # Every length is below 128: 02 LL serial, 17 0D (or 18 0F) time, extensions.
        end = 4 + entry[3]
        serial = entry[4:end]
        if entry[2] != _INTEGER or not _is_positive(serial):
            raise ValueError("a serial number is not a positive INTEGER in the fewest octets")
        # Of positive numbers in the fewest octets, the longer is the greater.
        if (serial <= previous and len(serial) <= len(previous)) or len(serial) < len(previous):
            raise ValueError(f"{serial.hex()} stands twice or out of order")
        previous = serial
        time = _TIME.match(entry, end)
        if time is None:
            raise ValueError("a revocation date is no UTCTime or GeneralizedTime to the second")
        digits = time[0][2:-1]
        if len(digits) == 12:
            digits = (b"20" if digits < b"5" else b"19") + digits
        if digits > latest:
            latest = digits
        kind = entry[time.end() :]
        kinds[kind] = kinds.get(kind, 0) + 1
    entries.count = sum(kinds.values())
    entries.latest = datetime.strptime(latest.decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _is_positive(number: bytes) -> bool:
    """Whether this is the content of an INTEGER above zero in the fewest octets (X.690 8.3.2)."""
    return (number[:1] > b"\x00" and number[0] < 0x80) or (number[:1] == b"\x00" and number[1:2] >= b"\x80")


def _elements(stream: Stream, size: int) -> Iterator[bytes]:
    """The SEQUENCEs (of less than 128 octets each) that fill the next octets."""
    buffer = b""
    while size or buffer:
        piece = stream.take(min(size, _WINDOW))
        size -= len(piece)
        buffer, at = buffer + piece, 0
        end = len(buffer)
        while at + 2 <= end:
            length = buffer[at + 1]
            if buffer[at] != _SEQUENCE or length & 0x80 or length < 18:
                raise ValueError("not an entry as they are written here")
            following = at + 2 + length
            if following > end:
                break
            yield buffer[at:following]
            at = following
        buffer = buffer[at:]
        if not size and buffer:
            raise ValueError("an entry is cut short")


# RFC 5280 5.1.2.6: what lies before 2050 is UTCTime.
_TIME = re.compile(
    rb"(?:\x17\x0d[0-9]{2}|\x18\x0f(?!19[5-9]|20[0-4])[0-9]{4})"
    rb"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z"
)
