"""Seals whose history was shortened in the database: the log, which cannot be shortened, gives it away."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from audit import bundle as bundles
from audit.checkpoints import Notary
from audit.export import export, ordered_entries
from audit.findings import Finding, Gravity
from audit.meaning.evidence import BookedSeal, Evidence, _booked
from audit.meaning.judge import Judge
from audit.meaning.seals_in_books import LoggedSeal, missing_in_books
from audit.sequencer import read_log
from core.algorithms import KeyKind
from core.home import Home
from core.keys import passphrase
from core.keys.private_key import generate
from ra.operators import open_session
from seals import records
from seals.register import register
from seals.register.books import seals_in_books
from seals.register.bounds import Use
from seals.register.registered import find
from seals.register.statements import Act
from seals.register.uses import Sealed, record
from yinxin.audited import OBJECTS
from yinxin.demo import cast
from yinxin.seal_people import SealPeople

SEAL = "sm2-office"
USE = Sealed("0" * 64, "1" * 64, "B-B", 1, "100, 100 mm")


@pytest.fixture(scope="module")
def lived_in(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose seal was used twice and then frozen by its custodian."""
    folder = tmp_path_factory.mktemp("shortened") / "home"
    shutil.copytree(seeded_home, folder)
    home = Home(folder)
    people = SealPeople(home.context)
    seal = find(home.context, people, SEAL)
    for _number in range(2):
        record(home.context, people, SEAL, Use("oa"), USE, digest=seal.digest)
    operators = folder / "people" / "operators"
    pin = passphrase.from_file(folder / "people" / "pin")
    name = cast.SEAL_CUSTODIAN
    custodian = open_session(home.context, name, operators / f"{name}.pem", pin)
    register.decide(home.context, people, custodian, SEAL, Act.FREEZE, "lost")
    Notary(home.context, generate(KeyKind.P256)).checkpoint()
    home.storage.close()
    return folder


@pytest.fixture(scope="module")
def log(lived_in: Path) -> list[bytes]:
    """Its entries."""
    home = Home(lived_in)
    with home.storage.reading() as connection:
        entries = list(ordered_entries(connection, read_log(connection).size))
    home.storage.close()
    return entries


class UndoneError(Exception):
    """So that the next test finds the books as they were."""


def judged(log: list[bytes], evidence: Evidence) -> list[Finding]:
    judge = Judge(evidence)
    for position, octets in enumerate(log):
        judge.take(position, octets)
    return [one for one in judge.finish() if one.gravity is Gravity.BROKEN]


def found(lived_in: Path, log: list[bytes], alter: Callable[[sa.Connection], None]) -> list[Finding]:
    """What an auditor finds who has the log, and what the altered books say of the seals."""
    home, told = Home(lived_in), list[bytes]()
    with suppress(UndoneError), home.storage.transaction() as connection:
        alter(connection)
        told += seals_in_books(connection)
        raise UndoneError
    home.storage.close()
    return judged(log, Evidence(seals=dict(filter(None, map(_booked, told)))))


def nothing(_connection: sa.Connection) -> None:
    """The books as they are."""


def test_books_that_tell_everything(lived_in: Path, log: list[bytes]) -> None:
    assert found(lived_in, log, nothing) == []


def cut_last_statement(connection: sa.Connection) -> None:
    """So that nobody who uses the seal sees that it is frozen."""
    for table in (records.statements, records.seal_events):
        connection.execute(sa.delete(table).where(table.c.id == sa.select(sa.func.max(table.c.id)).scalar_subquery()))


def cut_last_use(connection: sa.Connection) -> None:
    table = records.seal_uses
    connection.execute(sa.delete(table).where(table.c.id == sa.select(sa.func.max(table.c.id)).scalar_subquery()))


def tell_another_state(connection: sa.Connection) -> None:
    connection.execute(sa.update(records.seal_events).values(state="active"))


def swap_statements(connection: sa.Connection) -> None:
    table = records.statements
    last = connection.scalar(sa.select(sa.func.max(table.c.sequence)))
    for before, after in ((last, 0), (last - 1, last), (0, last - 1)):
        connection.execute(sa.update(table).where(table.c.sequence == before).values(sequence=after))


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (cut_last_statement, "the last 1 were cut off the books"),
        (cut_last_use, "tells of 2 uses of the seal, and the books of 1"),
        (tell_another_state, "is frozen by the log, and active by the books"),
        (swap_statements, "is another than in the log"),
    ],
)
def test_what_was_cut_off_the_books_is_found(
    lived_in: Path, log: list[bytes], alter: Callable[[sa.Connection], None], words: str
) -> None:
    findings = found(lived_in, log, alter)
    assert [one.subject for one in findings if words in one.what and one.rule == "seal"] == [SEAL]


def test_a_seal_that_was_removed(lived_in: Path, log: list[bytes]) -> None:
    def remove(connection: sa.Connection) -> None:
        connection.execute(sa.update(records.seals).where(records.seals.c.name == SEAL).values(name="another"))

    assert [(one.rule, one.subject) for one in found(lived_in, log, remove)] == [("seal", SEAL)]


def test_an_export_tells_of_a_seal_that_was_used_after_its_freezing_was_cut_off(lived_in: Path, tmp_path: Path) -> None:
    shutil.copytree(lived_in, tmp_path / "home")
    home = Home(tmp_path / "home")
    with home.storage.transaction() as connection:
        cut_last_statement(connection)
    people = SealPeople(home.context)
    record(home.context, people, SEAL, Use("oa"), USE, digest=find(home.context, people, SEAL).digest)
    notary = Notary(home.context, generate(KeyKind.P256))
    notary.checkpoint()
    export(home.context, tmp_path / "audit.zip", notary.signer.public_key_info, OBJECTS)
    home.storage.close()
    with bundles.opened(tmp_path / "audit.zip") as bundle:
        findings = judged(list(bundle.entries()), Evidence.of(bundle))
    words = " ".join(one.what for one in findings)
    assert "used while it was not active: frozen" in words
    assert "cut off the books" in words
    assert "the signed statement is missing" in words


DIGESTS = [f"{number:02x}" * 32 for number in range(8)]


@given(st.integers(1, 8), st.integers(0, 8), st.integers(0, 7), st.integers(0, 4))
def test_books_may_tell_more_and_never_less(logged: int, booked: int, older: int, uses: int) -> None:
    """`older`: statements from before the log began."""
    first = min(older, logged - 1)
    log = LoggedSeal(DIGESTS[first:logged], is_whole=first == 0, state="active", uses=2)
    missing = missing_in_books(log, BookedSeal(tuple(DIGESTS[:booked]), "active", uses))
    assert bool(missing) == (booked < logged or uses < 2)


def test_what_the_file_says_of_seals_can_be_anything() -> None:
    good = {"name": "s", "statements": ["00"], "state": "active", "uses": 1}
    assert _booked(json.dumps(good).encode()) == ("s", BookedSeal(("00",), "active", 1))
    for bad in (b"", b"[]", b"1", b"[" * 100_000, *(json.dumps(good | {key: None}).encode() for key in ("uses",))):
        assert _booked(bad) is None
