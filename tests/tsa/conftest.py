"""A time-stamping authority with three units."""

import pytest

from core.context import Context
from tests.support.tsa import Stamps, make_stamps
from tsa.authority import TimeStampAuthority


@pytest.fixture(scope="session")
def stamps() -> Stamps:
    return make_stamps()


@pytest.fixture
def authority(context: Context, stamps: Stamps) -> TimeStampAuthority:
    return TimeStampAuthority(context, stamps.units)
