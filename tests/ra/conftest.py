"""The registration office, founded once on SQLite and copied for each test, or founded on each storage."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.storage import Storage, metadata
from tests.support.office import NOW, Office


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The office as it was founded, on SQLite, to be copied."""
    folder = tmp_path_factory.mktemp("office")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    storage.migrate()
    metadata.create_all(storage.engine)
    office = Office(folder, storage, FixedClock(NOW))
    office.found()
    storage.close()
    return office


@pytest.fixture
def office(founded: Office, tmp_path: Path) -> Iterator[Office]:
    """A copy of the office, on SQLite."""
    folder = tmp_path / "office"
    shutil.copytree(founded.folder, folder)
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    yield Office(folder, storage, FixedClock(NOW), dict(founded.sessions))
    storage.close()


@pytest.fixture
def each_office(each_storage: Storage, tmp_path: Path) -> Office:
    """An office on SQLite, then one on PostgreSQL."""
    office = Office(tmp_path / "office", each_storage, FixedClock(NOW))
    office.found()
    return office
