"""A certificate authority for each test: profiles active, an SM2 hierarchy. Made once; each test has a copy."""

import itertools
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.algorithms import KeyKind
from core.clock import FixedClock
from core.context import Context
from core.storage import Storage
from tests.support.ca import NOW, MemoryKeyStore, TestCentre


def make_books(url: str) -> None:
    """The profiles and the SM2 hierarchy in an empty database."""
    storage = Storage(url)
    TestCentre(Context(storage, FixedClock(NOW))).activate().build()
    storage.close()  # the last connection to SQLite takes the write-ahead log into the file


@contextmanager
def centre_on(url: str, clock: FixedClock) -> Iterator[TestCentre]:
    assert clock.now() == NOW, "the books were made at another moment"
    keys = MemoryKeyStore()
    for name in ("sm2-root", "sm2-issuing"):
        keys.create(name, KeyKind.SM2)
    storage = Storage(url)
    yield TestCentre(Context(storage, clock), keys, itertools.count(1))
    storage.close()


@pytest.fixture(scope="session")
def sqlite_books(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "yinxin.db"
    shutil.copy(migrated_sqlite, path)
    make_books(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_books(postgresql_url: str, migrated_postgresql: str) -> str:
    """The name of a database to copy."""
    name = f"books{uuid.uuid4().hex}"
    _on_server(postgresql_url, f"CREATE DATABASE {name} TEMPLATE {migrated_postgresql}")
    make_books(_database(postgresql_url, name))
    return name


@pytest.fixture
def centre(sqlite_books: Path, tmp_path: Path, clock: FixedClock) -> Iterator[TestCentre]:
    """On SQLite, in `yinxin.db` of the test's folder."""
    with centre_on(_copy(sqlite_books, tmp_path), clock) as centre:
        yield centre


@pytest.fixture(params=["sqlite", "postgresql"])
def each_centre(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> Iterator[TestCentre]:
    """On SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        with centre_on(_copy(request.getfixturevalue("sqlite_books"), tmp_path), clock) as centre:
            yield centre
        return
    server, books = request.getfixturevalue("postgresql_url"), request.getfixturevalue("postgresql_books")
    name = f"t{uuid.uuid4().hex}"
    _on_server(server, f"CREATE DATABASE {name} TEMPLATE {books}")
    with centre_on(_database(server, name), clock) as centre:
        yield centre
    _on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


def _copy(books: Path, folder: Path) -> str:
    shutil.copy(books, folder / "yinxin.db")
    return f"sqlite:///{folder / 'yinxin.db'}"


def _database(server: str, name: str) -> str:
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _on_server(url: str, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()
