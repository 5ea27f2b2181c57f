"""The responder's tests ask every question in an SM2 and in an RSA town."""

import pytest

from tests.support.ocsp_world import TOWNS, World


@pytest.fixture(params=list(TOWNS), ids=["sm2", "rsa"])
def world(request: pytest.FixtureRequest) -> World:
    """Once for each algorithm; the other town is behind the same address."""
    (other,) = (town for town in TOWNS.values() if town.kind is not request.param)
    return World(TOWNS[request.param], other)
