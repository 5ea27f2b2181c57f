"""Time, handed in. Nobody else asks the system for it; no datetime without a zone anywhere."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


def boot_and_uptime() -> tuple[str, float]:
    """Which start of the machine this is, and for how many seconds it runs: a time that nobody can set."""
    return _BOOT.read_text().strip(), time.clock_gettime(time.CLOCK_BOOTTIME)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


@dataclass
class FixedClock:
    """A clock that stands still until it is moved: for tests and for judging the past."""

    moment: datetime

    def now(self) -> datetime:
        """The moment that the clock is set to."""
        if self.moment.tzinfo is None:
            raise TypeError("a moment without a time zone")
        return self.moment.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        """Move the clock on."""
        self.moment += by
