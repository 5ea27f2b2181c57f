"""The authority: requests in, tokens out, each recorded before anybody sees it."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import count
from typing import NamedTuple, Protocol

from core.algorithms import SHA256, Digest
from core.cms import Draft
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

Outcome = bytes | Exception
"""A token, or why there is none."""


class Asked(NamedTuple):
    """A request, and who waits for a token."""

    request: bytes
    """TimeStampReq DER, or whatever came."""
    unit: str | None
    """The unit whose address was used."""
    deliver: Callable[[Outcome], None]
    """Is told once, perhaps in another thread."""


class _Place(NamedTuple):
    """Who gives tokens, and for which moment."""

    unit: Unit
    gen_time: datetime
    serials: Iterator[int]


@dataclass(slots=True)
class _Stamping:
    """A token on its way."""

    request: TimeStampRequest
    unit: str | None
    deliver: Callable[[Outcome], None]
    attempts: int = _ATTEMPTS
    place: _Place = field(init=False)
    serial: int = 0
    draft: Draft = field(init=False)
    signature: bytes = field(init=False)
    token: bytes = b""
    entry: TokenRecord = field(init=False)

    def sign(self) -> None:
        self.signature = self.draft.sign()

    def complete(self) -> None:
        self.token = self.draft.complete(self.signature)
        unit, gen_time, _serials = self.place
        imprint = self.request.imprint
        self.entry = TokenRecord(
            self.serial, unit.name, unit.policy, imprint.digest.name, imprint.value, gen_time, SHA256.of(self.token)
        )
        # What is no longer needed goes now, and not when the record is made: by then, the processor has forgotten it.
        del self.draft, self.signature


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
        self.offer.require_unit(unit)
        outcome: Future[Outcome] = Future()
        self.answer([Asked(request, unit, outcome.set_result)])
        return answer_of(outcome.result()).response

    def answer(self, asked: Iterable[Asked]) -> None:
        """As `respond`, but without waiting for the record: each is told when its token may be sent (`answer_of`)."""
        stampings = []
        for request, unit, deliver in asked:
            try:
                stampings.append(_Stamping(read_plain(request) or parse_request(request), unit, deliver))
            except Rejection as rejection:
                deliver(rejection)
        self._stamp(stampings)

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
        told: Future[Outcome] = Future()
        request = TimeStampRequest(imprint, policy, nonce, include_certificates)
        self._stamp([_Stamping(request, unit, told.set_result)])
        outcome = told.result()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

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

    def _stamp(self, stampings: Sequence[_Stamping]) -> None:
        """Each step for all of them: a processor that comes back from a signature has forgotten how the others go."""
        # Those that are drafted together tell the same moment and have the serial numbers that follow one another,
        # unless any two are to be told apart.
        place = self._place if self._ordering else cache(self._place)
        with self._turn:
            drafted = _all_of(stampings, partial(self._draft, place))
            signed = _all_of(drafted, _Stamping.sign)
            completed = _all_of(signed, _Stamping.complete)
            if completed:
                self._recorder.record([(one.entry, partial(self._recorded, one)) for one in completed])

    def _recorded(self, stamping: _Stamping, failure: Exception | None) -> None:
        match failure:
            case None:
                stamping.deliver(stamping.token)
            case TimeWentBack() if stamping.attempts > 1:
                # Another token may have taken the next second between our look at the clock and our record.
                stamping.attempts -= 1
                self._stamp([stamping])
            case TimeWentBack():
                log.error("the clock is behind the latest token that was given")
                stamping.deliver(_time_went_back())
            case _:
                stamping.deliver(_not_recorded(failure))

    def _draft(self, place: Callable[[str | None, str | None], _Place], stamping: _Stamping) -> None:
        request = stamping.request
        stamping.place = unit, gen_time, serials = place(request.policy, stamping.unit)
        stamping.serial = next(serials)
        stamping.draft = unit.tokens.draft(
            request.imprint,
            serial=stamping.serial,
            gen_time=gen_time,
            nonce=request.nonce,
            include_certificates=request.wants_certificates,
        )

    def _place(self, policy: str | None, name: str | None) -> _Place:
        candidates = self.offer.candidates(policy, name)
        self._require_agreement()
        now = self._now()
        gen_time = now if self._ordering else now.replace(microsecond=0)  # the accuracy allows for that
        unit = next((unit for unit in candidates if unit.is_in_service(gen_time)), candidates[0])
        unit.require_in_service(gen_time)
        return _Place(unit, gen_time, count(self._serial_of(now)))

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


def _all_of(stampings: Sequence[_Stamping], step: Callable[[_Stamping], None]) -> list[_Stamping]:
    """Those for which the step succeeds; whoever waits for another is told why it does not."""
    successful = []
    for stamping in stampings:
        try:
            step(stamping)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            stamping.deliver(error)
        else:
            successful.append(stamping)
    return successful


def answer_of(outcome: Outcome) -> Answer:
    """What a client is told in the protocol; what is no refusal is logged."""
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
