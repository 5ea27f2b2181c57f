"""What else knows the time: the machine's time daemon, or another time-stamping authority."""

import math
import re
import secrets
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.algorithms import SHA256
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.client import Timestamper
from tsa.verification import read_token

COMMAND_SECONDS = 5


@dataclass(frozen=True)
class Source:
    """One source of time."""

    name: str
    distance: Callable[[Clock], timedelta]
    """How far the clock may be off by what the source says, at most; `YinxinError` if it says nothing of use."""


def chrony() -> Source:
    """chronyd, by `chronyc -c tracking`: its error bound, as its manual gives it, root dispersion + half the delay."""

    def distance(_clock: Clock) -> timedelta:
        fields = _said_by("chronyc", "-c", "tracking").strip().split(",")
        try:
            offset, delay, dispersion = (abs(_number(fields[place])) for place in (4, 10, 11))
            status = fields[13]
        except (IndexError, ValueError):
            raise _not_understood("chronyc") from None
        if status == "Not synchronised":
            raise _not_synchronised("chronyc", _("see: chronyc sources"))
        return timedelta(seconds=offset + dispersion + delay / 2)

    return Source("chrony", distance)


def ntpd() -> Source:
    """ntpd, by its system variables: root distance (RFC 5905 10) and offset, in milliseconds."""

    def distance(_clock: Clock) -> timedelta:
        said = dict(re.findall(r"(\w+)=([^,\s]+)", _said_by("ntpq", "-c", "rv")))
        try:
            leap = said["leap"]
            offset, delay, dispersion = (abs(_number(said[name])) for name in ("offset", "rootdelay", "rootdisp"))
        except (KeyError, ValueError):
            raise _not_understood("ntpq") from None
        if leap in ("11", "3"):
            raise _not_synchronised("ntpq", _("see: ntpq -p"))
        return timedelta(milliseconds=offset + dispersion + delay / 2)

    return Source("ntpd", distance)


def reference_authority(url: str, anchors: Callable[[], Sequence[bytes]]) -> Source:
    """Another time-stamping authority. Its certificate must be trusted through one of the anchors (DER)."""

    def distance(clock: Clock) -> timedelta:
        timestamper = Timestamper(url, timeout=COMMAND_SECONDS, anchors=anchors())
        before = clock.now()
        token = timestamper.stamp(SHA256, secrets.token_bytes(SHA256.size))
        after = clock.now()
        stamped = read_token(token)
        return _apart(before, after, stamped.gen_time, stamped.accuracy or timedelta(seconds=1))

    return Source(url, distance)


def _apart(before: datetime, after: datetime, told: datetime, accuracy: timedelta) -> timedelta:
    """How far the two intervals are from each other; nothing if they meet."""
    return max(told - accuracy - after, before - told - accuracy, timedelta())


def _said_by(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, check=True)
    except FileNotFoundError:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("the program is not on this machine"),
            subject=command[0],
            remedy=_("install it, or set tsa.clock_sources to what there is"),
        ) from None
    except (OSError, subprocess.SubprocessError) as error:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("the time daemon does not answer: {reason}").format(reason=error),
            subject=command[0],
            remedy=_("check that the time daemon runs"),
        ) from None
    return done.stdout.decode(errors="replace")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or abs(number) > 1e9:
        raise ValueError(text)
    return number


def _not_understood(command: str) -> YinxinError:
    return YinxinError(
        Kind.UNAVAILABLE,
        _("the time daemon's report cannot be read"),
        subject=command,
        remedy=_("check its version: chrony 2 or later, ntpd 4.2"),
    )


def _not_synchronised(command: str, remedy: str) -> YinxinError:
    return YinxinError(Kind.UNAVAILABLE, _("the machine's clock is not synchronised"), subject=command, remedy=remedy)
