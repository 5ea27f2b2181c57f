"""The registration office, founded once on SQLite and copied for each test, or founded on each storage."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.clock import FixedClock
from core.storage import Storage, metadata
from tests.support.office import NOW, Office


@pytest.fixture(scope="session")
def founded(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The office as it was founded, on SQLite, to be copied."""
    folder = tmp_path_factory.mktemp("office")
    shutil.copy(migrated_sqlite, folder / "yinxin.db")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
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
def each_office(founded: Office, each_storage: Storage, tmp_path: Path) -> Office:
    """A copy of the office on SQLite, then one on PostgreSQL."""
    shutil.copytree(founded.folder / "keys", tmp_path / "office" / "keys")
    with founded.storage.reading() as source, each_storage.transaction() as target:
        for table in metadata.sorted_tables:
            rows = [row._asdict() for row in source.execute(sa.select(table))]
            if not rows:
                continue
            target.execute(sa.insert(table), rows)
            if target.dialect.name == "postgresql" and "id" in table.c:
                sequence = sa.func.pg_get_serial_sequence(table.name, "id")
                target.execute(sa.select(sa.func.setval(sequence, len(rows))))
    return Office(tmp_path / "office", each_storage, FixedClock(NOW), dict(founded.sessions))
