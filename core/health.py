"""How well a service is: findings of checks, each ok, a warning or critical, in words for who runs the machine.

A room says what can be amiss with it in its `health.py`: checks by name. The same checks are what `yinxin health` shows
with everything, and what `GET /healthz` of a service tells the world: status and names, nothing more.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from core.errors import YinxinError
from core.i18n import _

log = logging.getLogger(__name__)

PATH = "/healthz"


class Level(StrEnum):
    """From best to worst; the exit code is the place in this order."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0, 1, 2."""
        return list(Level).index(self)


@dataclass(frozen=True)
class Finding:
    """What a check has found."""

    level: Level
    subject: str
    what: str
    remedy: str = ""
    check: str = ""
    """The name of the check; filled in by `examine`."""


Check = Callable[[], Iterable[Finding]]
Checks = Mapping[str, Check]


def ok(subject: str, what: str) -> Finding:
    """Nothing is amiss."""
    return Finding(Level.OK, subject, what)


def examine(checks: Checks) -> list[Finding]:
    """What all of them find. One that cannot be made is critical, and does not hold up the others."""
    return [finding for name, check in checks.items() for finding in _made(name, check)]


def _made(name: str, check: Check) -> list[Finding]:
    try:
        found = list(check())
    except YinxinError as error:
        found = [Finding(Level.CRITICAL, error.subject, error.what, error.remedy)]
    except Exception as error:
        log.exception("the check %s failed", name)
        found = [Finding(Level.CRITICAL, "", f"{type(error).__name__}: {error}")]
    return [Finding(one.level, one.subject, one.what, one.remedy, name) for one in found]


def worst(findings: Iterable[Finding]) -> Level:
    """The level of all of them together."""
    return max((one.level for one in findings), key=lambda level: level.rank, default=Level.OK)


def by_end(subject: str, not_before: datetime, not_after: datetime, now: datetime, days: tuple[int, int]) -> Finding:
    """What the end of a certificate means.

    `days`: left when it is a warning, and when it is critical; but of a short life only a sixth, and a twelfth.
    """
    left, life = not_after - now, not_after - not_before
    warning, critical = (min(timedelta(days=given), life / part) for given, part in zip(days, (6, 12), strict=True))
    until = not_after.astimezone().date().isoformat()
    if left <= timedelta(0):
        return Finding(Level.CRITICAL, subject, _("expired on {day}").format(day=until), _("renew it now"))
    what = _("ends on {day}").format(day=until)
    if left > warning:
        return ok(subject, what)
    return Finding(Level.CRITICAL if left <= critical else Level.WARNING, subject, what, _("renew it in time"))


def told_to_anybody(findings: Sequence[Finding]) -> dict[str, Any]:
    """Status, and which checks are not ok: no names, no numbers, no words of what is inside."""
    amiss = {one.check: worst(other for other in findings if other.check == one.check) for one in findings}
    named = [{"check": name, "level": level.value} for name, level in amiss.items() if level is not Level.OK]
    return {"status": worst(findings).value, "findings": named}


@dataclass
class Health:
    """The checks of a service, for `/healthz`: made anew after some seconds, however often it is asked."""

    checks: Checks
    seconds: float = 5
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _told: tuple[float, HTTPStatus, bytes] | None = None

    def told(self) -> tuple[HTTPStatus, bytes]:
        """Status (503 if something is critical) and JSON."""
        with self._lock:
            now = time.monotonic()
            if self._told is None or now - self._told[0] >= self.seconds:
                facts = told_to_anybody(examine(self.checks))
                status = HTTPStatus.SERVICE_UNAVAILABLE if facts["status"] == Level.CRITICAL else HTTPStatus.OK
                self._told = now, status, json.dumps(facts).encode() + b"\n"
            return self._told[1], self._told[2]


FIELDS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
"""Of the answer over HTTP."""
