"""Time, handed in. Nobody else asks the system for it; no datetime without a zone anywhere."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


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
