"""OCSP over HTTP (RFC 6960 appendix A, RFC 5019): what an exchange means. `core.server` brings the octets.

Whatever is wrong with a question gets the protocol's own error under HTTP 200, because clients do not read the body of
another. Only what is no question at all (another method, another media type) gets an error of HTTP.

A GET without nonce may be cached, for minutes: after that a cache asks again, with the entity tag that it knows, and is
told 304 as long as the same answer would be given. That costs no signature, and a revocation shows when the cache asks.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import MethodNotAllowed, UnsupportedMediaType
from werkzeug.http import http_date, parse_etags, parse_options_header

from core.clock import Clock
from core.health import FIELDS, Health
from core.health import PATH as HEALTH_PATH
from core.i18n import _
from core.server.counters import METRICS, METRICS_FIELDS
from core.server.exchange import Deliver, Exchange, Reply, problem, reply_head
from ocsp import response
from ocsp.counters import Count, Counters
from ocsp.desk import BUSY, Answer, Desk
from ocsp.request import MAXIMUM_SIZE
from ocsp.response import Refusal

REQUEST_TYPE, RESPONSE_TYPE = "application/ocsp-request", "application/ocsp-response"
CACHE_SECONDS = 300
"""How long a cache gives an answer without asking us."""

HEALTH = HEALTH_PATH.encode()
_REQUEST_TYPE = REQUEST_TYPE.encode()


UNCACHED = reply_head(HTTPStatus.OK, [("Content-Type", RESPONSE_TYPE), ("Cache-Control", "no-store")])
MALFORMED = Reply(UNCACHED, response.refusal(Refusal.MALFORMED_REQUEST))


class Service:
    """The desks behind one address, and the counters."""

    maximum_body = MAXIMUM_SIZE
    too_large = MALFORMED

    def __init__(
        self, desks: Mapping[bytes, Desk], clock: Clock, counters: Counters, health: Health | None = None
    ) -> None:
        """`desks`: by the path below which each is asked; b"" is the one for all other paths."""
        self._health = health or Health({})
        self._root = desks[b""]
        self._desks = {path: desk for path, desk in desks.items() if path}
        self._clock = clock
        self._counters = counters

    def at_once(self, exchange: Exchange) -> Reply | None:
        """The reply, if it takes no time: nothing to be read from the books, and no signature but a quick one."""
        if exchange.method == b"POST":
            if exchange.content_type != _REQUEST_TYPE and not _is_request_type(exchange.content_type):
                wrong_type = UnsupportedMediaType(_("A status request is sent as {type}.").format(type=REQUEST_TYPE))
                return problem(wrong_type)
            answer = self._desk(exchange.target)[0].at_once(exchange.body)
            return self.finish(exchange, answer) if answer else None
        if exchange.method not in (b"GET", b"HEAD"):
            return problem(MethodNotAllowed(["GET", "HEAD", "POST"]))
        if exchange.target == METRICS.encode():
            return Reply(reply_head(HTTPStatus.OK, METRICS_FIELDS), self._counters.exposition().encode())
        if exchange.target == HEALTH:
            return None
        desk, path = self._desk(exchange.target)
        question = question_in_path(path)
        if question is None:
            self._counters.add(Count.REFUSED)
            return MALFORMED
        answer = desk.at_once(question)
        return self.finish(exchange, answer) if answer else None

    def is_quick(self, _exchange: Exchange) -> bool:
        """What is quick was answered at once; the rest reads the books."""
        return False

    def answer(self, asked: Sequence[tuple[Exchange, Deliver[Answer | Reply]]]) -> None:
        """The answers where there is no reply at once. They take time, and are for another thread."""
        for exchange, deliver in asked:
            if exchange.target == HEALTH and exchange.method != b"POST":
                status, body = self._health.told()
                deliver(Reply(reply_head(status, FIELDS), body))
                continue
            desk, path = self._desk(exchange.target)
            question = exchange.body if exchange.method == b"POST" else question_in_path(path)
            deliver(desk.answer(question or b""))

    def finish(self, exchange: Exchange, answer: Answer | Reply) -> Reply:
        """The reply with that answer; what is none is as it was made."""
        if isinstance(answer, Reply):
            return answer
        self._counters.add(answer.outcome)
        return Reply(UNCACHED, answer.response) if exchange.method == b"POST" else self._cacheable(exchange, answer)

    def busy(self, exchange: Exchange) -> Reply:
        """Told to try later: too many wait for a signature."""
        return self.finish(exchange, BUSY)

    def _desk(self, target: bytes) -> tuple[Desk, bytes]:
        for prefix, desk in self._desks.items():
            if target.startswith(prefix) and target[len(prefix) : len(prefix) + 1] in (b"", b"/"):
                return desk, target[len(prefix) :]
        return self._root, target

    def _cacheable(self, exchange: Exchange, answer: Answer) -> Reply:
        """The reply to a GET, with what RFC 5019 6.2 says about caches; no copy is used beyond its nextUpdate."""
        desk, kept = self._desk(exchange.target)[0], answer.kept
        tag = desk.tag(kept) if kept else ""
        if kept is None or not tag:
            return Reply(UNCACHED, answer.response)
        left = kept.next_update - int(self._clock.now().timestamp())
        age = max(0, min(CACHE_SECONDS, desk.validity // 2, left))
        directives = f"max-age={age}, public, no-transform, must-revalidate"
        fields = [("ETag", f'"{tag}"'), ("Cache-Control", directives)]
        if exchange.if_none_match and parse_etags(exchange.if_none_match.decode("latin-1")).contains_weak(tag):
            # Without Expires: that of the copy, its nextUpdate, stays in force.
            return Reply(reply_head(HTTPStatus.NOT_MODIFIED, fields), b"")
        fields += [("Last-Modified", _http_date(kept.this_update)), ("Expires", _http_date(kept.next_update))]
        return Reply(reply_head(HTTPStatus.OK, [("Content-Type", RESPONSE_TYPE), *fields]), answer.response)


def question_in_path(path: bytes) -> bytes | None:
    """OCSPRequest DER from a GET's path: base64, percent-encoded as the client thought right, even twice.

    None if it is not. Leading slashes are those of the address, not of the base64; a query is no part of it.
    """
    try:
        return b64decode(unquote_to_bytes(unquote_to_bytes(path.partition(b"?")[0])).lstrip(b"/"), validate=True)
    except ValueError:
        return None


def _is_request_type(content_type: bytes) -> bool:
    return parse_options_header(content_type.decode("latin-1"))[0].lower() == REQUEST_TYPE


@lru_cache(maxsize=4096)
def _http_date(seconds: int) -> str:
    return http_date(seconds)
