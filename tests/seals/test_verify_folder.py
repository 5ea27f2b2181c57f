"""Folders: every document gets its line, whatever becomes of the process that judges it."""

import csv
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from core.certificates import armour
from core.cli import run
from core.home import Home
from seals.processes import Died, in_processes
from seals.verification import folder as verification
from seals.verification.beside import verify_path
from seals.verification.cli import verify
from seals.verification.folder import FolderWork, Ledger, Row, documents_in, grounds_of, verify_folder
from tests.support.pdf import add_text, updated
from tests.support.sealing import Office

Verify = Callable[..., int]


@pytest.fixture
def archive(tmp_path: Path, sealed_sm2: bytes, plain: bytes) -> Path:
    folder = tmp_path / "archive"
    (folder / "2026").mkdir(parents=True)
    (folder / "一.pdf").write_bytes(sealed_sm2)
    (folder / "2026" / "changed.PDF").write_bytes(updated(sealed_sm2, add_text))
    (folder / "=plain.pdf").write_bytes(plain)
    (folder / "letter.txt").write_bytes(b"no document")
    return folder


@pytest.fixture
def trust(tmp_path: Path, sm2_office: Office) -> Path:
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "root.pem").write_bytes(armour([sm2_office.root.certificate]))
    for number, one in enumerate(sm2_office.crls()):
        (folder / f"{number}.crl").write_bytes(one)
    return folder


@pytest.fixture
def command(tmp_path: Path, sm2_office: Office, trust: Path) -> Verify:
    def call(*arguments: str | Path) -> int:
        @click.group()
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = Home(tmp_path / "nowhere", sm2_office.clock)

        front_door.add_command(verify)
        return run(front_door, ["verify", *map(str, arguments), "--trust", str(trust)])

    return call


def lines(file: Path) -> dict[str, dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return {line["document"]: line for line in csv.DictReader(opened)}


def test_every_document_gets_its_line(
    command: Verify, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.csv"
    assert command(archive, "--results", results, "--workers", "2") == 3
    printed = capsys.readouterr()
    assert "valid 1, valid with remarks 0, indeterminate 0, invalid 2" in printed.err
    assert "一.pdf" not in printed.out, "people are told of what they should look at"
    found = lines(results)
    assert {name: line["verdict"] for name, line in found.items()} == {
        "一.pdf": "valid",
        "2026/changed.PDF": "invalid",
        " =plain.pdf": "invalid",
    }
    assert found[" =plain.pdf"]["codes"] == "no-signature"
    assert found["一.pdf"]["proven"] == "2026-11-01T02:00:00+00:00"


def test_what_was_judged_is_judged_again_only_if_it_changed(
    command: Verify, archive: Path, trust: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.csv"
    command(archive, "--results", results)
    whole = results.read_bytes()
    # As if the machine had died within the last line.
    results.write_bytes(whole.rstrip()[:-20])
    capsys.readouterr()
    assert command(archive, "--results", results) == 3
    assert "2 documents were judged before" in capsys.readouterr().err
    assert len(lines(results)) == 3
    os.utime(archive / "一.pdf", ns=(1, 1))
    command(archive, "--results", results)
    assert "2 documents were judged before" in capsys.readouterr().err
    (trust / "0.crl").unlink()
    command(archive, "--results", results, "--json")
    printed = capsys.readouterr()
    assert len(json.loads(printed.out)) == 3
    assert "before" not in printed.err, "other grounds, other verdicts"


def test_somebodys_file_is_not_overwritten(
    command: Verify, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "accounts.csv"
    other.write_text("name,amount\nLi,3\n")
    assert command(archive, "--results", other) == 2
    assert "no list of verdicts" in capsys.readouterr().err
    assert other.read_text() == "name,amount\nLi,3\n"


@pytest.mark.parametrize("arguments", [["--results", "x.csv"], []])
def test_folders_and_files_are_told_apart(
    command: Verify, archive: Path, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = [archive / "一.pdf"] if arguments else [archive, archive / "一.pdf"]
    assert command(*given, *arguments) == 2
    assert "folder" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert command(empty) == 2


def rows_of(office: Office, folder: Path, workers: int = 2) -> dict[str, Row]:
    trust = office.trust(status=True)
    work = FolderWork(folder, trust, office.clock, grounds_of(trust))
    return {row.document: row for row in verify_folder(work, documents_in(folder), workers)}


@pytest.mark.parametrize(
    ("fate", "code"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "process-died"),
        (lambda: time.sleep(60), "too-long"),
        (lambda: bytearray(3 << 30), "too-large"),
    ],
)
def test_a_document_that_ends_its_process_is_indeterminate_and_the_others_go_on(
    sm2_office: Office, archive: Path, monkeypatch: pytest.MonkeyPatch, fate: Callable[[], object], code: str
) -> None:
    whole = verify_path

    def fatal(path: Path, *arguments: object, **named: object) -> object:
        if path.name == "=plain.pdf":
            fate()
        return whole(path, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(verification, "verify_path", fatal)
    # Everybody else must be done well within it, on a machine that is busy.
    monkeypatch.setattr(verification, "LONGEST_SECONDS", 6 if code == "too-long" else 300)
    found = rows_of(sm2_office, archive)
    assert {name: row.verdict for name, row in found.items()} == {
        "一.pdf": "valid",
        "2026/changed.PDF": "invalid",
        "=plain.pdf": "indeterminate",
    }
    assert found["=plain.pdf"].codes == code
    assert found["=plain.pdf"].grounds == "", "it is tried again the next time"


def test_an_unreadable_document_is_indeterminate(sm2_office: Office, archive: Path) -> None:
    (archive / "一.pdf").unlink()
    (archive / "一.pdf").symlink_to(archive / "gone")
    assert rows_of(sm2_office, archive, 1)["一.pdf"].codes == "unreadable-file"


def test_every_thing_is_worked_on_once_however_processes_die() -> None:
    def begin() -> Callable[[int], int]:
        def work(number: int) -> int:
            if number % 7 == 3:
                os._exit(9)
            return number * number

        return work

    found = list(in_processes(begin, iter(range(50)), 3))
    assert sorted(item for item, _result in found) == list(range(50))
    for item, result in found:
        assert result == (Died(9) if item % 7 == 3 else item * item)


def test_things_are_not_taken_long_before_they_are_worked_on() -> None:
    taken = []

    def source() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    found = in_processes(lambda: abs, source(), 2)
    assert next(found)[1] in range(4)
    assert len(taken) <= 6
    found.close()  # type: ignore[attr-defined]


def test_the_ledger_is_whole_after_every_line(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.csv")
    row = Row("a\nb.pdf", "valid", reasons='"quoted", and\r\nbroken', size="1", modified="2", grounds="g")
    with ledger.writing([]) as enter:
        enter(row)
        (only,) = lines(ledger.path).values()
        assert only["reasons"] == row.reasons
    assert ledger.standing(tmp_path, "g") == {}, "there is no such document"
    (tmp_path / "a\nb.pdf").write_bytes(b"x")
    os.utime(tmp_path / "a\nb.pdf", ns=(2, 2))
    assert ledger.standing(tmp_path, "g") == {row.document: row}
    assert ledger.standing(tmp_path, "h") == {}
