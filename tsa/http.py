"""RFC 3161 3.4: POST a query, get a reply. `core.server` brings the octets.

`/tsa` (or `/`) reaches the default unit, or the one whose policy the query names; `/tsa/NAME` reaches that unit.
`/healthz` says whether tokens can be given; `/metrics` counts.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, UnsupportedMediaType
from werkzeug.http import parse_options_header

from core.health import FIELDS, Health
from core.health import PATH as HEALTH_PATH
from core.http import accepted_language
from core.i18n import _, speaking
from core.server.counters import METRICS, METRICS_FIELDS
from core.server.exchange import Deliver, Exchange, Reply, problem, reply_head
from tsa.authority import Asked, Outcome, TimeStampAuthority, answer_of
from tsa.counters import Count, Counters, outcome
from tsa.request import MAXIMUM_SIZE, QUERY
from tsa.response import REPLY, PKIFailureInfo, granted, rejected

HEALTH = HEALTH_PATH.encode()
_QUERY = QUERY.encode()
_COMMON = (b"/", b"/tsa", b"/tsa/")
_UNITS = b"/tsa/"
_HEAD = reply_head(HTTPStatus.OK, [("Content-Type", REPLY), ("Cache-Control", "no-store")])


class TimeStampService:
    """Whatever is posted as a query is answered in the protocol; the rest with a problem document."""

    maximum_body = MAXIMUM_SIZE

    def __init__(
        self, authority: TimeStampAuthority, health: Health | None = None, counters: Counters | None = None
    ) -> None:
        self._authority = authority
        self._counters = counters or Counters()
        self._health = health or Health({})
        self.too_large = Reply(
            _HEAD, rejected(PKIFailureInfo.BAD_DATA_FORMAT, _("larger than a time-stamp request can be"))
        )

    def at_once(self, exchange: Exchange) -> Reply | None:
        """The reply to what is no query; those are answered in another thread, as is a question about health."""
        if exchange.method == b"POST" and exchange.content_type == _QUERY and exchange.target in _COMMON:
            self._counters.add(Count.COME)
            return None
        if exchange.target == METRICS.encode() and exchange.method in (b"GET", b"HEAD"):
            return Reply(reply_head(HTTPStatus.OK, METRICS_FIELDS), self._counters.exposition().encode())
        path = exchange.target.partition(b"?")[0]
        with _speaking(exchange):
            try:
                if path == HEALTH:
                    return None if exchange.method in (b"GET", b"HEAD") else problem(MethodNotAllowed(["GET", "HEAD"]))
                self._unit(path)
                if exchange.method != b"POST":
                    return problem(MethodNotAllowed(["POST"]))
                if parse_options_header(exchange.content_type.decode("latin-1"))[0].lower() != QUERY:
                    wrong_type = _("A time-stamp request is posted as {kind}.").format(kind=QUERY)
                    return problem(UnsupportedMediaType(wrong_type))
            except HTTPException as error:
                return problem(error)
        self._counters.add(Count.COME)
        return None

    def is_quick(self, exchange: Exchange) -> bool:
        """Whether the unit at this address signs quickly. Health, which reads the books, is none."""
        name = None if exchange.target in _COMMON else exchange.target.removeprefix(_UNITS).decode("latin-1")
        return self._authority.offer.is_quick(name)

    def answer(self, asked: Sequence[tuple[Exchange, Deliver[Outcome | Reply]]]) -> None:
        """Hand over the replies when the tokens are recorded."""
        together = []
        for exchange, deliver in asked:
            path = exchange.target.partition(b"?")[0]
            if path == HEALTH:
                status, body = self._health.told()
                deliver(Reply(reply_head(status, FIELDS), body))
                continue
            try:
                request = Asked(exchange.body, self._unit(path), deliver)
            except NotFound as error:  # the unit was there a moment ago
                deliver(problem(error))
                continue
            if exchange.accept_language:
                with _speaking(exchange):
                    self._authority.answer([request])
            else:
                together.append(request)
        self._authority.answer(together)

    def finish(self, exchange: Exchange, answer: Outcome | Reply) -> Reply:
        """The response of the protocol is counted; what is none is as it was made."""
        if isinstance(answer, bytes):
            self._counters.add(Count.GRANTED)
            return Reply(_HEAD, granted(answer))
        if isinstance(answer, Reply):
            if not exchange.target.startswith(HEALTH):
                self._counters.add(Count.REFUSED)
            return answer
        with _speaking(exchange):
            refusal = answer_of(answer)
        self._counters.add(outcome(refusal.failure))
        return Reply(_HEAD, refusal.response)

    def busy(self, exchange: Exchange) -> Reply:
        """Told to ask again."""
        self._counters.add(Count.BUSY)
        with _speaking(exchange):
            return Reply(_HEAD, rejected(PKIFailureInfo.SYSTEM_FAILURE, _("too many requests wait; ask again")))

    def _unit(self, path: bytes) -> str | None:
        if path in _COMMON:
            return None
        name = path.removeprefix(_UNITS).decode("latin-1")
        if not path.startswith(_UNITS) or name not in self._authority.unit_names:
            raise NotFound
        return name


def _speaking(exchange: Exchange) -> AbstractContextManager[None]:
    """The client's language in the block, if it names one of ours."""
    wanted = accepted_language(exchange.accept_language.decode("latin-1")) if exchange.accept_language else None
    return speaking(wanted) if wanted else nullcontext()
