from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.clock import FixedClock, SystemClock


def test_the_system_clock_tells_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_fixed_clock_tells_utc_and_moves_when_told() -> None:
    clock = FixedClock(datetime(2026, 11, 1, 10, tzinfo=timezone(timedelta(hours=8))))
    assert clock.now() == clock.now() == datetime(2026, 11, 1, 2, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2026, 11, 1, 3, tzinfo=UTC)


def test_a_fixed_clock_needs_a_zone() -> None:
    with pytest.raises(TypeError, match="time zone"):
        FixedClock(datetime(2026, 11, 1)).now()  # noqa: DTZ001
