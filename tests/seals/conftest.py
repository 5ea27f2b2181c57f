"""Two offices for the whole session, whose clocks stand still, and what they sealed."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import pytest

from core.algorithms import KeyKind
from core.clock import FixedClock
from seals.levels import Level
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
