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
from ocsp.cache import AnswerCache, Kept
from ocsp.counters import Count
from ocsp.feed import Feed
from ocsp.plain import open_plain, read_plain
from ocsp.request import OcspRequest, read_request
from ocsp.responder import Findings, Responder, refusal_for
from ocsp.response import Refusal


class Answer(NamedTuple):
    """OCSPResponse, and what became of the question."""

    response: bytes
    outcome: Count
    kept: Kept | None = None
    """What it is made of; None: it is for this question only, not to be cached by others."""


TRY_LATER = response.refusal(Refusal.TRY_LATER)
BUSY = Answer(TRY_LATER, Count.BUSY)
LIMITED = Answer(TRY_LATER, Count.LIMITED)


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

    def at_once(self, data: bytes) -> Answer | None:
        """The answer to this OCSPRequest that was signed before, if it holds still; or one that is signed now.

        None where that takes time: the signature, or to look the status up.
        """
        generation, opened = self._cache.generation, open_plain(data)
        if opened is None:
            return None
        cert_id, nonce = opened
        if known := self._look_up(cert_id):
            is_quick = known.letterhead.is_quick or (known.signature and nonce is None)
            return self._answer(lambda: self._tell(known, nonce, generation)) if is_quick else None
        request = read_plain(data) if self._at_hand else None
        if request is None or not self._responder.signs_quickly(request.questions[0]):
            return None
        return self._answer(lambda: self._find_and_sign(data, request, generation))

    def answer(self, data: bytes) -> Answer:
        """The answer to this OCSPRequest, whatever time it takes; the protocol's error if there can be none."""
        generation, opened = self._cache.generation, open_plain(data)
        if opened and (known := self._look_up(opened[0])):
            return self._answer(lambda: self._tell(known, opened[1], generation))
        return self._answer(lambda: self._find_and_sign(data, read_plain(data), generation))

    def _answer(self, make: Callable[[], Answer]) -> Answer:
        try:
            return make()
        except Exception as error:  # noqa: BLE001 - the protocol has a word for every failure
            return Answer(response.refusal(refusal_for(error)), Count.REFUSED)

    def _tell(self, known: Kept, nonce: bytes | None, generation: int) -> Answer:
        """What was read before, and holds still."""
        if nonce is None:
            return Answer(known.response(), Count.CACHED, known) if known.signature else self._keep(known, generation)
        if not self._allowance.take():
            return LIMITED
        return self._sign_once(known, int(self._clock.now().timestamp()), nonce)

    def _find_and_sign(self, data: bytes, plain: OcspRequest | None, generation: int) -> Answer:
        is_common = plain is not None and plain.nonce is None
        request = plain or read_request(data)
        if not is_common and not self._allowance.take():
            return LIMITED
        findings = self._responder.find_for(request)
        if plain and findings.is_plain:
            unsigned = self._unsigned(findings)
            if plain.nonce is None:
                return self._keep(unsigned, generation)
            self._put(unsigned, generation)
            return self._sign_once(unsigned, unsigned.this_update, plain.nonce)
        if is_common and not self._allowance.take():
            return LIMITED
        return Answer(findings.response(), Count.SIGNED_ONCE)

    def _sign_once(self, known: Kept, this_update: int, nonce: bytes) -> Answer:
        return Answer(known.sign(this_update, nonce)[0], Count.SIGNED_ONCE)

    def _keep(self, unsigned: Kept, generation: int) -> Answer:
        answer, signature = unsigned.sign(unsigned.this_update)
        kept = unsigned._replace(signature=signature)
        self._put(kept, generation)
        return Answer(answer, Count.SIGNED, kept)

    def _put(self, kept: Kept, generation: int) -> None:
        if self._feed is not None:
            self._cache.put(kept, generation)

    def _look_up(self, cert_id: bytes) -> Kept | None:
        """What is known about the certificate.

        Kept is only what `read_plain` has read: in the forms of CertID, and no others, that the feed has forgotten.
        """
        if self._feed is None or not self._feed.trusted:
            return None
        found = self._cache.get(cert_id)
        return found if found and self._clock.now().timestamp() < found.fresh_until else None

    def tag(self, kept: Kept) -> str:
        """An entity tag: changes with what is said, and with every half of an answer's validity.

        So whoever is told that nothing changed holds an answer that is good for another half, or for as long as a new
        one would be. Empty for *unknown*, which may be outdated by the next issuance.
        """
        if kept.status == response.UNKNOWN:
            return ""
        said = SHA256.of(SHA256.of(kept.letterhead.certificates) + kept.cert_id + kept.status).hex()[:32]
        is_full = kept.next_update - kept.this_update == self.validity
        end = self._end_of_half(kept.cert_id, kept.this_update) if is_full else kept.next_update
        return f"{said}-{end:x}"

    def _end_of_half(self, cert_id: bytes, this_update: int) -> int:
        half = self.validity // 2
        offset = crc32(cert_id) % half
        return ((this_update + offset) // half + 1) * half - offset

    def _unsigned(self, findings: Findings) -> Kept:
        ((question, status),) = findings.answers
        this_update, next_update = int(findings.this_update.timestamp()), int(findings.next_update.timestamp())
        end = self._end_of_half(question.encoded, this_update)
        fresh_until = min(end, this_update + (next_update - this_update) // 2)
        letterhead = findings.signatory.letterhead
        return Kept(letterhead, question.encoded, status, this_update, next_update, fresh_until, b"")
