"""Answers that still hold, within a bound of memory: what is kept of each is its status, its times and its signature.

They are filed by the octets of the question, which then need not even be parsed. The rest of a response is the same for
all (`ocsp.template`), so that a million answers fit where whole ones would need a gigabyte.
"""

import struct
import threading
from collections.abc import Iterable
from typing import NamedTuple

from ocsp.response import Letterhead
from ocsp.template import template

_DRAWERS = 64
"""What is full gives up one drawer after the other: no order of use to keep, no pause for clearing everything."""
_OVERHEAD = 2 * 33 + 110
"""Octets beside the content: of two bytes objects, and of their place in a dictionary on average."""
_TIMES_AND_SIZES = struct.Struct(">IIIHHB")


def status_place(cert_id: bytes) -> bytes:
    """Where the status of a certificate is filed for questions with a nonce, unsigned. No OCSPRequest begins so."""
    return b"\0" + cert_id


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
    """Empty where only the status is kept."""

    def response_data(self, nonce: bytes = b"") -> bytes:
        """ResponseData: what is signed."""
        used = template(self.letterhead, len(self.cert_id), len(self.status), len(nonce), len(self.signature))
        return used.response_data(self.cert_id, self.status, self.this_update, self.next_update, nonce)

    def response(self, nonce: bytes = b"") -> bytes:
        """OCSPResponse."""
        used = template(self.letterhead, len(self.cert_id), len(self.status), len(nonce), len(self.signature))
        data = used.response_data(self.cert_id, self.status, self.this_update, self.next_update, nonce)
        return used.enclose(data, self.signature)

    def signed_for(self, nonce: bytes, this_update: int) -> bytes:
        """OCSPResponse with this nonce, signed now."""
        sizes = (self.letterhead, len(self.cert_id), len(self.status), len(nonce))
        used = template(*sizes, 0)
        data = used.response_data(self.cert_id, self.status, this_update, self.next_update, nonce)
        signature = self.letterhead.signature(data)
        return template(*sizes, len(signature)).enclose(data, signature)


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

    def __contains__(self, question: bytes) -> bool:
        """Whether there is an answer, of whatever age."""
        return bool(question) and question in self._drawers[question[-1] % _DRAWERS]

    def get(self, question: bytes, now: float) -> Kept | None:
        """The answer to this OCSPRequest, unless there is none or it is time for a new one."""
        entry = self._drawers[question[-1] % _DRAWERS].get(question) if question else None
        if entry is None:
            return None
        fresh_until, this_update, next_update, letterhead, cert_id, status = _TIMES_AND_SIZES.unpack_from(entry)
        if now >= fresh_until:
            return None
        end = _TIMES_AND_SIZES.size + status
        return Kept(
            self._letterheads[letterhead],
            question[-cert_id:],  # what may be kept ends with it
            entry[_TIMES_AND_SIZES.size : end],
            this_update,
            next_update,
            fresh_until,
            entry[end:],
        )

    def put(self, question: bytes, kept: Kept, generation: int) -> None:
        """Keep the answer, unless something was forgotten since that generation."""
        times = (kept.fresh_until, kept.this_update, kept.next_update)
        with self._changing:
            if generation != self.generation:
                return
            if kept.letterhead not in self._letterheads:
                self._letterheads.append(kept.letterhead)
            number = self._letterheads.index(kept.letterhead)
            head = _TIMES_AND_SIZES.pack(*times, number, len(kept.cert_id), len(kept.status))
            self._remove(question)
            self._drawers[question[-1] % _DRAWERS][question] = entry = head + kept.status + kept.signature
            self._size += len(question) + len(entry) + _OVERHEAD
            while self._size > self._limit:
                self._clear_a_drawer()

    def forget(self, questions: Iterable[bytes]) -> None:
        """Give no kept answer to these any more."""
        with self._changing:
            self.generation += 1
            for question in questions:
                self._remove(question)

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

    def _remove(self, question: bytes) -> None:
        entry = self._drawers[question[-1] % _DRAWERS].pop(question, None)
        if entry is not None:
            self._size -= len(question) + len(entry) + _OVERHEAD

    def _clear_a_drawer(self) -> None:
        drawer = self._drawers[self._next_to_clear]
        self._drawers[self._next_to_clear] = {}
        self._next_to_clear = (self._next_to_clear + 1) % _DRAWERS
        self._size -= sum(len(question) + len(entry) + _OVERHEAD for question, entry in drawer.items())
