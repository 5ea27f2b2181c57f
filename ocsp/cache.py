"""Answers that still hold, within a bound of memory: what is kept of each is its status, its times and its signature.

They are filed by a digest of their CertID. The rest of a response is the same for all (`ocsp.template`), so that a
million answers are 200 MiB where whole ones would need a gigabyte.
"""

import threading
from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from ocsp.response import Letterhead
from ocsp.template import template

_DRAWERS = 64
"""What is full gives up one drawer after the other: no order of use to keep, no pause for clearing everything."""
_DIGEST = 15
"""Octets: two CertIDs of the same digest are not to be found, and a key of one octet more would take 16 more."""
_OVERHEAD = 48 + 33 + 7 + 45
"""Octets beside the content: the key; of the entry, what Python adds, and rounds up to 16; their place in a drawer."""
_TIMES_AND_LETTERHEAD = Struct(">IIIHB")


class Kept(NamedTuple):
    """What an answer about one certificate is made of. Times in seconds since 1970."""

    letterhead: Letterhead
    cert_id: bytes
    status: bytes
    this_update: int
    next_update: int
    fresh_until: int
    """When a new answer shall be signed."""
    signature: bytes
    """Empty where only the status is kept, for questions with a nonce."""

    def response(self) -> bytes:
        """OCSPResponse, signed before."""
        used = template(self.letterhead, len(self.cert_id), len(self.status), 0, len(self.signature))
        data = used.response_data(self.cert_id, self.status, self.this_update, self.next_update)
        return used.enclose(data, self.signature)

    def sign(self, this_update: int, nonce: bytes = b"") -> tuple[bytes, bytes]:
        """OCSPResponse, signed now, and the signature alone."""
        sizes = (self.letterhead, len(self.cert_id), len(self.status), len(nonce))
        data = template(*sizes, 0).response_data(self.cert_id, self.status, this_update, self.next_update, nonce)
        signature = self.letterhead.signature(data)
        return template(*sizes, len(signature)).enclose(data, signature), signature


class AnswerCache:
    """Threads share it."""

    def __init__(self, size: int) -> None:
        """`size`: octets, all in all."""
        self._limit = size
        self._size = 0
        self._drawers: list[dict[bytes, bytes]] = [{} for _drawer in range(_DRAWERS)]
        self._next_to_clear = 0
        self._letterheads: list[Letterhead] = []
        self._changing = threading.Lock()
        self.generation = 0
        """Counts what was forgotten: what was read before that must not be kept after it."""

    def get(self, cert_id: bytes) -> Kept | None:
        """What is kept about this CertID, of whatever age."""
        place = _place(cert_id)
        entry = self._drawers[place[0] % _DRAWERS].get(place)
        if entry is None:
            return None
        fresh_until, this_update, next_update, letterhead, status = _TIMES_AND_LETTERHEAD.unpack_from(entry)
        end = _TIMES_AND_LETTERHEAD.size + status
        return Kept(
            self._letterheads[letterhead],
            cert_id,
            entry[_TIMES_AND_LETTERHEAD.size : end],
            this_update,
            next_update,
            fresh_until,
            entry[end:],
        )

    def put(self, kept: Kept, generation: int) -> None:
        """Keep the answer, unless something was forgotten since that generation."""
        place = _place(kept.cert_id)
        times = (kept.fresh_until, kept.this_update, kept.next_update)
        with self._changing:
            if generation != self.generation:
                return
            if kept.letterhead not in self._letterheads:
                self._letterheads.append(kept.letterhead)
            number = self._letterheads.index(kept.letterhead)
            entry = _TIMES_AND_LETTERHEAD.pack(*times, number, len(kept.status)) + kept.status + kept.signature
            self._remove(place)
            self._drawers[place[0] % _DRAWERS][place] = entry
            self._size += len(entry) + _OVERHEAD
            while self._size > self._limit:
                self._clear_a_drawer()

    def forget(self, cert_ids: Iterable[bytes]) -> None:
        """Give no kept answer about these any more."""
        with self._changing:
            self.generation += 1
            for cert_id in cert_ids:
                self._remove(_place(cert_id))

    def clear(self) -> None:
        """Forget all."""
        with self._changing:
            self.generation += 1
            for _drawer in range(_DRAWERS):
                self._clear_a_drawer()

    @property
    def size(self) -> int:
        """Octets, about."""
        return self._size

    def __len__(self) -> int:
        """How many answers are kept."""
        return sum(map(len, self._drawers))

    def _remove(self, place: bytes) -> None:
        entry = self._drawers[place[0] % _DRAWERS].pop(place, None)
        if entry is not None:
            self._size -= len(entry) + _OVERHEAD

    def _clear_a_drawer(self) -> None:
        drawer = self._drawers[self._next_to_clear]
        self._drawers[self._next_to_clear] = {}
        self._next_to_clear = (self._next_to_clear + 1) % _DRAWERS
        self._size -= sum(len(entry) + _OVERHEAD for entry in drawer.values())


def _place(cert_id: bytes) -> bytes:
    return blake2b(cert_id, digest_size=_DIGEST).digest()
