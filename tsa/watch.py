"""The clock is watched: a token tells the time only while the configured sources agree with it.

Between two looks at the sources, the clock must go as the machine's steady counter goes: a leap is noticed at once.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.sources import Source

STALE_AFTER = 3
"""Without a good look for so many intervals, what was known is worth nothing."""


@dataclass(frozen=True)
class Report:
    """What one source said."""

    source: str
    distance: timedelta | None
    """How far the clock may be off; None: the source says nothing of use."""
    error: YinxinError | None = None


@dataclass(frozen=True)
class _Look:
    """One round at the sources."""

    now: datetime
    steady: float
    reports: tuple[Report, ...]
    error: YinxinError | None


class ClockWatch:
    """Looks in a thread; whoever stamps asks what was seen. Threads share it."""

    def __init__(
        self,
        sources: Sequence[Source],
        clock: Clock,
        tolerance: timedelta,
        *,
        interval: timedelta,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`steady`: seconds that nobody sets."""
        self._sources, self._clock, self._tolerance = sources, clock, tolerance
        self._interval = interval
        self._steady = steady
        self._look: _Look | None = None
        self._wanted = threading.Event()
        self._stopped = False

    def start(self) -> None:
        """Look from now on, in a thread that ends with the process. The first look is over when this returns."""
        self.look()
        threading.Thread(target=self._run, name="tsa-clock-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopped:
            self._wanted.wait(self._interval.total_seconds())
            self._wanted.clear()
            self.look()

    def look(self) -> _Look:
        """Ask every source."""
        reports = tuple(self._ask(source) for source in self._sources)
        # Read together, and last: what the sources said is not older than this.
        look = self._look = _Look(self._clock.now(), self._steady(), reports, self._judge(reports))
        return look

    @property
    def reports(self) -> tuple[Report, ...]:
        """What each source said when last asked."""
        return self._look.reports if self._look else ()

    def require_agreement(self) -> None:
        """Return if the clock is right as far as is known; else `YinxinError` (unavailable) that says why not."""
        look = self._look or self.look()  # a command, not a service, has nobody who looks
        if look.error:
            raise look.error
        elapsed = self._steady() - look.steady
        leap = abs((self._clock.now() - look.now).total_seconds() - elapsed)
        if leap > self._tolerance.total_seconds():
            self._wanted.set()
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the clock was set: it leapt by {seconds:.3f} s").format(seconds=leap),
                remedy=_("wait until its sources have been asked again"),
            )
        if elapsed > STALE_AFTER * self._interval.total_seconds():
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the sources of time have not been asked for {seconds:.0f} s").format(seconds=elapsed),
                remedy=_("restart the service"),
            )

    def _ask(self, source: Source) -> Report:
        try:
            return Report(source.name, source.distance(self._clock))
        except YinxinError as error:
            return Report(source.name, None, error)
        except Exception as error:  # noqa: BLE001 - a source that fails is one that says nothing
            return Report(source.name, None, YinxinError(Kind.UNAVAILABLE, str(error), subject=source.name))

    def _judge(self, reports: Sequence[Report]) -> YinxinError | None:
        """None if every source that says something agrees, and at least one does."""
        for report in reports:
            if report.distance is not None and report.distance > self._tolerance:
                return YinxinError(
                    Kind.UNAVAILABLE,
                    _("the clock may be off by {seconds:.3f} s, more than the {tolerance:.3f} s allowed").format(
                        seconds=report.distance.total_seconds(), tolerance=self._tolerance.total_seconds()
                    ),
                    subject=report.source,
                    remedy=_("set the clock right; or see why this source is uncertain"),
                )
        if all(report.distance is None for report in reports):
            return next(report.error for report in reports if report.error)
        return None
