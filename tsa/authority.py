"""The authority: requests in, tokens out, each recorded before anybody sees it."""

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Protocol

from core.algorithms import SHA256, Digest
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.offer import Offer
from tsa.plain import read_plain
from tsa.recorder import Recorder
from tsa.records import TimeWentBack, TokenRecord, latest_time
from tsa.request import MessageImprint, TimeStampRequest, parse_request
from tsa.response import Answer, PKIFailureInfo, Rejection, granted, rejected
from tsa.unit import Unit

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_RANDOM_BITS = 80
_TICK = timedelta(microseconds=1)
_MAXIMUM_AHEAD = timedelta(milliseconds=1)
"""So far ordered times may run ahead of the clock, when it tells the same time twice."""

Settle = Callable[[bytes | Exception], None]
"""Is told the token, or why there is none; once, perhaps in another thread."""


class TimeSource(Protocol):
    """Knows whether the clock is right."""

    def require_agreement(self) -> None:
        """Return if it is; else `YinxinError` that says why."""
        ...


def new_serial(moment: datetime) -> int:
    """A serial number: microseconds since 1970, then 80 random bits (RFC 3161 asks for uniqueness, in 160 bits).

    So their index grows at its end. Wholly random ones would have a page of it written for nearly each token.
    """
    return int(moment.timestamp() * 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)


class TimeStampAuthority:
    """Several units behind one service. Threads share it."""

    def __init__(
        self,
        context: Context,
        units: Sequence[Unit],
        *,
        ordering: bool = False,
        watch: TimeSource | None = None,
        serial_of: Callable[[datetime], int] = new_serial,
        when_recorded: Callable[[int], None] = lambda _size: None,
    ) -> None:
        """The first unit serves whoever names none. Units of one policy stand in for each other, in their order.

        `ordering`: any two tokens can be told apart by their times (RFC 3161 2.4.2). `when_recorded` is called in the
        recorder's thread with the number of tokens that were recorded together.
        """
        self._context = context
        self._ordering = ordering
        self._watch = watch
        self._serial_of = serial_of
        self._recorder = Recorder(context.storage, strictly=ordering, when_recorded=when_recorded)
        self._latest: datetime | None = None
        # Ordered tokens come to the recorder in the order of their times.
        self._turn = threading.Lock() if ordering else nullcontext()
        self.offer = Offer(units)

    def use(self, units: Sequence[Unit]) -> None:
        """Give tokens by these units from now on. `YinxinError` as for the first ones; those stay in use then."""
        self.offer = Offer(units)

    @property
    def unit_names(self) -> tuple[str, ...]:
        """The units that have an address of their own."""
        return self.offer.names

    def respond(self, request: bytes, *, unit: str | None = None) -> bytes:
        """TimeStampResp DER for a TimeStampReq, whatever its octets. `unit`: the unit whose address was used.

        `YinxinError` (not found) only if there is no such unit.
        """
        answer: Future[Answer] = Future()
        self.answer(request, unit, answer.set_result)
        return answer.result().response

    def answer(self, request: bytes, unit: str | None, deliver: Callable[[Answer], None]) -> None:
        """As `respond`, but without waiting for the record: the answer is handed over when it may be sent."""
        self.offer.require_unit(unit)

        def settle(outcome: bytes | Exception) -> None:
            deliver(_answer(outcome))

        try:
            asked = read_plain(request) or parse_request(request)
        except Rejection as rejection:
            settle(rejection)
        else:
            self._stamp(asked, unit, settle)

    def stamp(
        self,
        digest: Digest,
        value: bytes,
        *,
        unit: str | None = None,
        policy: str | None = None,
        nonce: int | None = None,
        include_certificates: bool = True,
    ) -> bytes:
        """A token (DER) for a digest, without the protocol around it. `YinxinError` if there can be none."""
        self.offer.require_unit(unit)
        imprint = MessageImprint.of(digest, value)
        token: Future[bytes] = Future()

        def settle(outcome: bytes | Exception) -> None:
            if isinstance(outcome, bytes):
                token.set_result(outcome)
            else:
                token.set_exception(outcome)

        self._stamp(TimeStampRequest(imprint, policy, nonce, include_certificates), unit, settle)
        return token.result()

    def require_time(self) -> datetime:
        """The present moment, if a token may tell it; `Rejection` (timeNotAvailable) says why not.

        `YinxinError` if the books cannot be read.
        """
        self._require_agreement()
        now = self._now()
        with self._context.storage.reading() as connection:
            latest = latest_time(connection)
        if latest is not None and now < latest - _MAXIMUM_AHEAD:
            raise _time_went_back()
        return now

    def _stamp(self, request: TimeStampRequest, unit: str | None, settle: Settle, attempts: int = _ATTEMPTS) -> None:
        token = b""

        def recorded(failure: Exception | None) -> None:
            match failure:
                case None:
                    settle(token)
                case TimeWentBack() if attempts > 1:
                    # Another token may have taken the next second between our look at the clock and our record.
                    self._stamp(request, unit, settle, attempts - 1)
                case TimeWentBack():
                    log.error("the clock is behind the latest token that was given")
                    settle(_time_went_back())
                case _:
                    settle(_not_recorded(failure))

        try:
            with self._turn:
                token, entry = self._issue(request, self.offer.candidates(request.policy, unit))
                self._recorder.record(entry, recorded)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            settle(error)

    def _issue(self, request: TimeStampRequest, candidates: Sequence[Unit]) -> tuple[bytes, TokenRecord]:
        self._require_agreement()
        now = self._now()
        gen_time = now if self._ordering else now.replace(microsecond=0)  # the accuracy allows for that
        unit = next((unit for unit in candidates if unit.is_in_service(gen_time)), candidates[0])
        unit.require_in_service(gen_time)
        serial = self._serial_of(now)
        token = unit.tokens.build(
            request.imprint,
            serial=serial,
            gen_time=gen_time,
            nonce=request.nonce,
            include_certificates=request.wants_certificates,
        )
        entry = TokenRecord(
            serial,
            unit.name,
            unit.policy,
            request.imprint.digest.name,
            request.imprint.value,
            gen_time,
            SHA256.of(token),
        )
        return token, entry

    def _now(self) -> datetime:
        """The moment; where tokens are ordered, none twice."""
        now = self._context.clock.now()
        if not self._ordering:
            return now
        if self._latest is not None and timedelta() <= self._latest - now < _MAXIMUM_AHEAD:
            now = self._latest + _TICK
        self._latest = now
        return now

    def _require_agreement(self) -> None:
        try:
            if self._watch is not None:
                self._watch.require_agreement()
        except YinxinError as error:
            raise Rejection(
                PKIFailureInfo.TIME_NOT_AVAILABLE, error.what, subject=error.subject, remedy=error.remedy
            ) from None


def _answer(outcome: bytes | Exception) -> Answer:
    match outcome:
        case bytes():
            return Answer(granted(outcome))
        case Rejection():
            return Answer(rejected(outcome.failure, outcome.what), outcome.failure)
        case YinxinError():
            log.error("no token: %s", outcome)
        case _:
            # The last stop: a client of this protocol always gets an answer in it.
            log.error("no token", exc_info=outcome)
    failure = PKIFailureInfo.SYSTEM_FAILURE
    return Answer(rejected(failure, _("the time-stamping authority has a failure; it was logged")), failure)


def _time_went_back() -> Rejection:
    return Rejection(
        PKIFailureInfo.TIME_NOT_AVAILABLE,
        _("the clock is behind the latest token that was given"),
        remedy=_("set the clock right"),
    )


def _not_recorded(cause: Exception) -> YinxinError:
    error = YinxinError(
        Kind.UNAVAILABLE,
        _("the token could not be recorded, and is not given"),
        remedy=_("check the database and ask again"),
    )
    error.__cause__ = cause
    return error
