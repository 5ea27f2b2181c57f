"""Logs of all sizes: entries, a notary with keys of every kind, an export to verify."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from audit.checkpoints import Notary
from audit.export import export
from audit.sequencer import begin
from core.algorithms import KeyKind
from core.audit import Event
from core.clock import FixedClock
from core.context import Context
from core.keys.private_key import generate
from core.keys.signer import Signer
from core.storage import Storage

ORIGIN = "audit.example/test"


@pytest.fixture(scope="session")
def signer() -> Signer:
    return generate(KeyKind.SM2)


@dataclass
class Books:
    """A log with its notary."""

    context: Context
    clock: FixedClock
    notary: Notary

    def act(self, count: int = 1, actor: str = "张三") -> None:
        """So many entries in one transaction."""
        self.clock.advance(timedelta(milliseconds=1))
        with self.context.storage.transaction() as connection:
            events = (Event("ra.request.enter", actor, f"R{number}", {"n": number}) for number in range(count))
            self.context.audit.extend(connection, events)

    def exported(self, file: Path) -> Path:
        export(self.context, file, self.notary.signer.public_key_info, {})
        return file


def books_on(storage: Storage, clock: FixedClock, signer: Signer, digest: str = "sm3") -> Books:
    context = Context(storage, clock)
    begin(context, ORIGIN, digest, signer.public_key_info)
    return Books(context, clock, Notary(context, signer))


@pytest.fixture
def books(storage: Storage, clock: FixedClock, signer: Signer) -> Books:
    return books_on(storage, clock, signer)


@pytest.fixture
def each_books(each_storage: Storage, clock: FixedClock, signer: Signer) -> Iterator[Books]:
    """On SQLite and on PostgreSQL."""
    yield books_on(each_storage, clock, signer)
