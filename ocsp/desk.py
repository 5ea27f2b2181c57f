"""Where questions are answered: at once with what was signed before and still holds, else by asking the responder.

What is kept is true: the feed says what has changed, and when nothing is known of changes, nothing is given out. An
answer is signed anew when half of its time has gone. Those halves begin at another moment for each certificate, lest
all be due at once, and at the same in every process, so that caches are told the same by each.
"""

from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from core.algorithms import SHA256
from core.clock import Clock
from ocsp import response
from ocsp.allowance import Allowance
from ocsp.cache import AnswerCache, Kept, status_place
from ocsp.counters import Count
from ocsp.feed import Feed
from ocsp.plain import open_plain, read_plain
from ocsp.request import OcspRequest, read_request
from ocsp.responder import Findings, Responder, refusal_for
from ocsp.response import Refusal


class Answer(NamedTuple):
    """OCSPResponse, and what HTTP may say of it. Times in seconds since 1970."""

    response: bytes
    outcome: Count
    this_update: int = 0
    next_update: int = 0
    tag: str = ""
    """Changes when another answer would be given; empty: for this question only, not to be cached by others."""


TRY_LATER = response.refusal(Refusal.TRY_LATER)
BUSY = Answer(TRY_LATER, Count.BUSY)


class Desk:
    """Threads share it."""

    def __init__(
        self,
        responder: Responder,
        clock: Clock,
        allowance: Allowance,
        cache: AnswerCache,
        feed: Feed | None = None,
        *,
        at_hand: bool = False,
    ) -> None:
        """Without a feed nothing is kept. The allowance is for what is signed for one question only.

        `at_hand`: to read the books takes less time than to have another thread do it.
        """
        self._responder = responder
        self._clock = clock
        self._allowance = allowance
        self._cache = cache
        self._feed = feed
        self._at_hand = at_hand
        self.validity = int(responder.validity.total_seconds())
        """Seconds."""

    def kept(self, data: bytes) -> Kept | None:
        """The answer to this OCSPRequest that was signed before, if it holds still."""
        found = self._look_up(data)
        return found if found and found.signature else None

    def at_once(self, data: bytes) -> Answer | None:
        """The answer, if to sign it is quick, and the status is known or can be looked up at once; else None."""
        known = self._known(data)
        if known:
            return self._answer(lambda: self._sign_known(*known)) if known[0].letterhead.is_quick else None
        plain = read_plain(data) if self._at_hand else None
        if plain is None or not self._responder.signs_quickly(plain.questions[0]):
            return None
        return self._answer(lambda: self._find_and_sign(data, plain))

    def answer(self, data: bytes) -> Answer:
        """The answer to this OCSPRequest from the books, signed now; the protocol's error if there can be none."""
        if known := self._known(data):
            return self._answer(lambda: self._sign_known(*known))
        return self._answer(lambda: self._find_and_sign(data, read_plain(data)))

    def _answer(self, make: Callable[[], Answer]) -> Answer:
        try:
            return make()
        except Exception as error:  # noqa: BLE001 - the protocol has a word for every failure
            return Answer(response.refusal(refusal_for(error)), Count.REFUSED)

    def _find_and_sign(self, data: bytes, plain: OcspRequest | None) -> Answer:
        generation = self._cache.generation
        findings = None
        if plain and plain.nonce is None:
            findings = self._responder.find_for(plain)
            if findings.is_plain:
                return self._sign_and_keep(data, findings, generation)
        request = plain or read_request(data)
        if not self._allowance.take():
            return Answer(TRY_LATER, Count.LIMITED)
        return self._sign_once(findings or self._responder.find_for(request), generation)

    def _sign_and_keep(self, data: bytes, findings: Findings, generation: int) -> Answer:
        unsigned = self._unsigned(findings)
        kept = unsigned._replace(signature=unsigned.letterhead.signature(unsigned.response_data()))
        if self._feed is not None:
            self._cache.put(data, kept, generation)
        return Answer(kept.response(), Count.SIGNED, kept.this_update, kept.next_update, self.tag(kept))

    def _sign_once(self, findings: Findings, generation: int) -> Answer:
        if len(findings.answers) > 1 or not findings.is_plain:
            return Answer(findings.response(), Count.SIGNED_ONCE)
        unsigned = self._unsigned(findings)
        if self._feed is not None:
            self._cache.put(status_place(unsigned.cert_id), unsigned, generation)
        return Answer(unsigned.signed_for(findings.nonce or b"", unsigned.this_update), Count.SIGNED_ONCE)

    def _sign_known(self, known: Kept, nonce: bytes) -> Answer:
        if not self._allowance.take():
            return Answer(TRY_LATER, Count.LIMITED)
        return Answer(known.signed_for(nonce, int(self._clock.now().timestamp())), Count.SIGNED_ONCE)

    def _known(self, data: bytes) -> tuple[Kept, bytes] | None:
        """Where there is a nonce: the status of the certificate, if it was read before and holds still; the nonce.

        The CertID of what is kept was read strictly when it was filed.
        """
        opened = open_plain(data)
        if opened is None or opened[1] is None:
            return None
        found = self._look_up(status_place(opened[0]))
        return (found, opened[1]) if found else None

    def _look_up(self, place: bytes) -> Kept | None:
        if place not in self._cache or self._feed is None or not self._feed.trusted:
            return None
        return self._cache.get(place, self._clock.now().timestamp())

    def tag(self, kept: Kept) -> str:
        """An entity tag: changes with what is said, and with every half of an answer's validity.

        So whoever is told that nothing changed holds an answer that is good for another half, or for as long as a new
        one would be. Empty for *unknown*, which may be outdated by the next issuance.
        """
        if kept.status == response.UNKNOWN:
            return ""
        said = SHA256.of(SHA256.of(kept.letterhead.certificates) + kept.cert_id + kept.status).hex()[:32]
        full = kept.next_update - kept.this_update == self.validity
        return f"{said}-{self._end_of_half(kept):x}" if full else f"{said}-{kept.next_update:x}"

    def _end_of_half(self, kept: Kept) -> int:
        half = self.validity // 2
        offset = crc32(kept.cert_id) % half
        return ((kept.this_update + offset) // half + 1) * half - offset

    def _unsigned(self, findings: Findings) -> Kept:
        ((question, status),) = findings.answers
        this_update, next_update = int(findings.this_update.timestamp()), int(findings.next_update.timestamp())
        unsigned = Kept(findings.signatory.letterhead, question.encoded, status, this_update, next_update, 0, b"")
        fresh_until = min(self._end_of_half(unsigned), this_update + (next_update - this_update) // 2)
        return unsigned._replace(fresh_until=fresh_until)
