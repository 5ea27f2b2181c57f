"""A certificate authority for each test: profiles active, an SM2 hierarchy made."""

import pytest

from core.clock import FixedClock
from core.context import Context
from core.storage import Storage
from tests.support.ca import TestCentre


@pytest.fixture
def centre(context: Context) -> TestCentre:
    return TestCentre(context).activate().build()


@pytest.fixture
def each_centre(each_storage: Storage, clock: FixedClock) -> TestCentre:
    """On SQLite, then on PostgreSQL."""
    return TestCentre(Context(each_storage, clock)).activate().build()
