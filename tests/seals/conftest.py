"""Two offices for the whole session, whose clocks stand still, and what they sealed; registers and services of one."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from core.algorithms import KeyKind
from core.clock import FixedClock
from core.context import Context
from core.storage import Storage
from seals.levels import Level
from tests.support.seal_installation import Installation, installation_in, register
from tests.support.seal_people import Bureau, Crew, bureau_of
from tests.support.seal_service import Seals, Service, front_door, service_of
from tests.support.sealing import Office, blank_pdf

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


class Document(bytes):
    """A document whose octets are not printed when a test fails."""

    def __repr__(self) -> str:
        return f"<{len(self)} octets>"


@pytest.fixture(scope="session")
def sm2_office() -> Office:
    return Office(KeyKind.SM2, FixedClock(NOW))


@pytest.fixture(scope="session")
def rsa_office() -> Office:
    return Office(KeyKind.RSA_2048, FixedClock(NOW))


@pytest.fixture(scope="session")
def plain() -> bytes:
    """A document of two pages, not sealed."""
    return Document(blank_pdf(2))


@pytest.fixture(scope="session")
def sealed_at(sm2_office: Office, plain: bytes) -> Callable[[Level], bytes]:
    """The document, sealed once at each level that is asked for."""
    return cache(lambda level: Document(sm2_office.sealed(plain, level)))


@pytest.fixture(scope="session")
def sealed_sm2(sealed_at: Callable[[Level], bytes]) -> bytes:
    return sealed_at(Level.B_LTA)


@pytest.fixture(scope="session")
def sealed_rsa(rsa_office: Office, plain: bytes) -> bytes:
    return Document(rsa_office.sealed(plain))


@pytest.fixture(scope="module")
def crew(sm2_office: Office) -> Crew:
    """The people of this file."""
    return Crew(sm2_office)


@pytest.fixture
def bureau(storage: Storage, sm2_office: Office, crew: Crew) -> Bureau:
    """An empty register."""
    return bureau_of(Context(storage, sm2_office.clock), sm2_office, crew)


@pytest.fixture(scope="module")
def filled(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office, crew: Crew) -> Path:
    """A database in which the seal `office` is in use; not to be changed."""
    file = tmp_path_factory.mktemp("filled") / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    storage = Storage(f"sqlite:///{file}")
    bureau_of(Context(storage, sm2_office.clock), sm2_office, crew).seal()
    storage.close()
    return file


@pytest.fixture
def with_seal(storage: Storage, filled: Path, tmp_path: Path, sm2_office: Office, crew: Crew) -> Bureau:
    """A register with what `filled` has."""
    storage.close()
    shutil.copy(filled, tmp_path / "yinxin.db")
    return bureau_of(Context(storage, sm2_office.clock), sm2_office, crew)


@pytest.fixture(scope="module")
def service(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office, crew: Crew
) -> Iterator[Service]:
    """A seal service with the seal `office`, of this file's own."""
    folder = tmp_path_factory.mktemp("service")
    shutil.copy(migrated_sqlite, folder / "yinxin.db")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    yield service_of(storage, folder / "home", sm2_office, crew)
    storage.close()


@pytest.fixture
def seals(service: Service) -> Seals:
    """`yinxin seals ARGUMENTS` at that service; the exit code."""
    return front_door(service.home, lambda: service.support, service.bureau.crew)


@pytest.fixture(scope="module")
def installation(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office) -> Installation:
    """A home with the seal `office`, of this file's own."""
    made = installation_in(tmp_path_factory.mktemp("installation") / "home", migrated_sqlite, sm2_office)
    register(made, "office")
    return made
