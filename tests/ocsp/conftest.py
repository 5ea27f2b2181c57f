"""What the responder's tests share: an SM2 and an RSA town, and a responder that renews its certificate."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.home import Home
from tests.support.ca import TestCentre
from tests.support.ocsp_world import NOW, TOWNS, World
from tests.support.renewing import Place, found


@pytest.fixture(params=list(TOWNS), ids=["sm2", "rsa"])
def world(request: pytest.FixtureRequest) -> World:
    """Once for each algorithm; the other town is behind the same address."""
    (other,) = (town for town in TOWNS.values() if town.kind is not request.param)
    return World(TOWNS[request.param], other)


@pytest.fixture
def family() -> str:
    """SM2, where a test does not ask for both."""
    return "sm2"


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Place]:
    """Made once for each family, to be copied."""
    return cache(lambda family: found(family, tmp_path_factory.mktemp(family)))


@pytest.fixture
def place(
    founded: Callable[[str], Place], family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    monkeypatch.setenv("LANGUAGE", "en")
    original = founded(family)
    shutil.copytree(original.home.path, tmp_path / "home")
    home = Home(tmp_path / "home", FixedClock(NOW))
    centre = TestCentre(home.context, original.centre.keys)
    monkeypatch.setattr("ca.cli_services.open_authority", lambda _home: centre.ca)
    yield Place(home, centre, original.serial, family)
    home.storage.close()
