"""The authority: requests in, tokens out, each recorded before anybody sees it."""

import logging
import secrets
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from core.algorithms import SHA256, Digest
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.records import TimeWentBack, TokenRecord, record
from tsa.request import MessageImprint, TimeStampRequest, parse_request
from tsa.response import PKIFailureInfo, Rejection, granted, rejected
from tsa.unit import Unit

log = logging.getLogger(__name__)

_ATTEMPTS = 3


def random_serial() -> int:
    """A serial number of 128 random bits, positive (RFC 3161 asks for uniqueness, and for at most 160 bits)."""
    return secrets.randbits(128) + 1


class TimeStampAuthority:
    """Several units behind one service. Threads share it."""

    def __init__(
        self, context: Context, units: Sequence[Unit], *, new_serial: Callable[[], int] = random_serial
    ) -> None:
        """The first unit serves whoever names none. Units of one policy stand in for each other, in their order."""
        if not units:
            raise YinxinError(Kind.INVALID, _("a time-stamping authority needs at least one unit"))
        self._context = context
        self._units = {unit.name: unit for unit in units}
        self._default = units[0].policy
        self._new_serial = new_serial
        if len(self._units) != len(units):
            raise YinxinError(Kind.INVALID, _("two time-stamping units have the same name"))

    @property
    def unit_names(self) -> tuple[str, ...]:
        """The units that have an address of their own."""
        return tuple(self._units)

    def respond(self, request: bytes, *, unit: str | None = None) -> bytes:
        """TimeStampResp DER for a TimeStampReq, whatever its octets. `unit`: the unit whose address was used.

        `YinxinError` (not found) only if there is no such unit.
        """
        self._require_unit(unit)
        try:
            return granted(self._stamp(parse_request(request), unit))
        except Rejection as rejection:
            return rejected(rejection.failure, rejection.what)
        except YinxinError as error:
            log.error("no token: %s", error)
        except Exception:
            # The last stop: a client of this protocol always gets an answer in it.
            log.exception("no token")
        return rejected(PKIFailureInfo.SYSTEM_FAILURE, _("the time-stamping authority has a failure; it was logged"))

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
        self._require_unit(unit)
        imprint = MessageImprint.of(digest, value)
        return self._stamp(TimeStampRequest(imprint, policy, nonce, include_certificates), unit)

    def _stamp(self, request: TimeStampRequest, unit_name: str | None) -> bytes:
        candidates = self._candidates(request.policy, unit_name)
        for _attempt in range(_ATTEMPTS):
            try:
                return self._issue(request, candidates)
            except TimeWentBack:
                # Another token may have taken the next second between our look at the clock and our record.
                continue
        log.error("the clock is behind the latest token that was given")
        raise Rejection(
            PKIFailureInfo.TIME_NOT_AVAILABLE,
            _("the clock is behind the latest token that was given"),
            remedy=_("set the clock right"),
        )

    def _require_unit(self, name: str | None) -> None:
        if name is not None and name not in self._units:
            raise YinxinError(
                Kind.NOT_FOUND,
                _("no such time-stamping unit"),
                subject=name,
                remedy=_("there are: {names}").format(names=", ".join(self._units)),
            )

    def _candidates(self, policy: str | None, unit_name: str | None) -> list[Unit]:
        own_policy = policy or self._default if unit_name is None else self._units[unit_name].policy
        units = [unit for unit in self._units.values() if unit.policy == own_policy]
        if not units or policy not in (None, own_policy):
            raise Rejection(
                PKIFailureInfo.UNACCEPTED_POLICY,
                _("no time stamps are given here under policy {policy}").format(policy=policy),
            )
        return units

    def _issue(self, request: TimeStampRequest, candidates: Sequence[Unit]) -> bytes:
        gen_time = self._context.clock.now().replace(microsecond=0)
        unit = next((unit for unit in candidates if unit.is_valid(gen_time)), candidates[0])
        unit.require_valid(gen_time)
        serial = self._new_serial()
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
        try:
            with self._context.storage.transaction() as connection:
                record(connection, entry)
        except sa.exc.SQLAlchemyError as error:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the token could not be recorded, and is not given"),
                remedy=_("check the database and ask again"),
            ) from error
        return token
