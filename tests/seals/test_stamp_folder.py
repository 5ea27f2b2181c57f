"""Folders, and documents that stay here while a service seals them: by the command."""

import csv
import json
import os
import signal
from pathlib import Path

import click
import pytest
import sqlalchemy as sa

from core import files
from core.cli import run
from core.errors import Kind, YinxinError
from core.home import Home
from seals import records
from seals.api.api_keys import Scope
from seals.cli import group
from seals.unfinished import unfinished
from seals.verification.report import Verdict
from tests.support.office_server import serving
from tests.support.seal_service import Seals, Service
from tests.support.sealing import Office


def uses(service: Service) -> int:
    with service.context.storage.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(records.seal_uses)) or 0


def test_a_folder_is_sealed_and_gone_on_with(
    service: Service, seals: Seals, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    drafts, out, report = tmp_path / "drafts", tmp_path / "drafts" / "sealed", tmp_path / "report.csv"
    (drafts / "deep").mkdir(parents=True)
    for place in ("一.pdf", "deep/two.pdf", "three.pdf"):
        (drafts / place).write_bytes(plain)
    (drafts / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (drafts / "letter.txt").write_bytes(b"not sealed")
    command = ("stamp-folder", "office", drafts, "--at", "100,100", "--out", out, "--report", report, "--level", "B-T")
    before = uses(service)
    assert seals(*command, "--workers", "2") == 1
    assert uses(service) == before + 3
    printed = capsys.readouterr()
    assert "3 sealed, 0 were there, 1 failed." in printed.err
    assert "broken.pdf" in printed.out
    rows = {Path(row["document"]).name: row for row in csv.DictReader(report.open(encoding="utf-8-sig"))}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "一.pdf": "sealed",
        "two.pdf": "sealed",
        "three.pdf": "sealed",
        "broken.pdf": "failed",
    }
    sealed = (out / "deep" / "two.pdf").read_bytes()
    assert service.bureau.office.report(sealed, status=True).verdict is Verdict.VALID
    (out / "three.pdf").unlink()
    (drafts / "broken.pdf").unlink()
    assert seals(*command[:-4], "--report", tmp_path / "again.json", "--level", "B-T", "--json") == 0
    assert uses(service) == before + 4
    again = json.loads((tmp_path / "again.json").read_bytes())
    assert sorted(row["outcome"] for row in again) == ["present", "present", "sealed"]
    assert (out / "deep" / "two.pdf").read_bytes() == sealed


def test_killed_between_the_seal_and_the_file_it_seals_once(
    service: Service, seals: Seals, tmp_path: Path, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts, out = tmp_path / "drafts", tmp_path / "sealed"
    drafts.mkdir()
    for name in ("a.pdf", "b.pdf"):
        (drafts / name).write_bytes(plain + f"\n%% {name}\n".encode())
    command = ("stamp-folder", "office", drafts, "--at", "100,100", "--out", out, "--workers", "1", "--level")
    before = uses(service)
    with monkeypatch.context() as patched:
        patched.setattr("seals.unfinished.files.give_name", lambda *_what: os.kill(os.getpid(), signal.SIGKILL))
        assert seals(*command, "B-T") == 1
    assert uses(service) == before + 2 and not list(out.glob("*.pdf"))
    assert seals(*command, "B-T") == 0
    assert uses(service) == before + 2
    for name in ("a.pdf", "b.pdf"):
        sealed = (out / name).read_bytes()
        assert service.bureau.office.report(sealed, status=True).verdict is Verdict.VALID
        assert sealed.startswith((drafts / name).read_bytes())
    assert sorted(path.name for path in out.iterdir()) == ["a.pdf", "b.pdf"]


def test_killed_before_the_use_is_recorded_it_begins_again(
    service: Service, seals: Seals, tmp_path: Path, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts, out = tmp_path / "drafts", tmp_path / "sealed"
    drafts.mkdir()
    (drafts / "a.pdf").write_bytes(plain)
    command = ("stamp-folder", "office", drafts, "--at", "100,100", "--out", out, "--workers", "1")
    before, flush = uses(service), files.flush_folder

    def killed(folder: Path) -> None:
        flush(folder)
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr("seals.unfinished.files.flush_folder", killed)
        assert seals(*command) == 1
    (left,) = out.iterdir()
    assert left.stat().st_size > len(plain) and uses(service) == before
    assert seals(*command) == 0
    assert uses(service) == before + 1 and [path.name for path in out.iterdir()] == ["a.pdf"]


def test_a_document_is_sealed_by_one_at_a_time(
    service: Service, seals: Seals, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    drafts, out = tmp_path / "drafts", tmp_path / "sealed"
    drafts.mkdir()
    (drafts / "a.pdf").write_bytes(plain)
    command = ("stamp-folder", "office", drafts, "--at", "100,100", "--out", out, "--workers", "1")
    before = uses(service)
    with unfinished(service.context, out / "a.pdf"):
        assert seals(*command) == 1
    assert "another process is sealing this document" in capsys.readouterr().out
    assert uses(service) == before and list(out.iterdir()) == []
    (out / "a.pdf").write_bytes(b"by somebody else")
    with pytest.raises(YinxinError, match="exists already"), unfinished(service.context, out / "a.pdf"):
        pass
    assert [path.name for path in out.iterdir()] == ["a.pdf"]


def test_a_folder_by_a_service_is_asked_for_again_in_the_same_words(
    service: Service, tmp_path: Path, plain: bytes, sm2_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drafts").mkdir()
    (tmp_path / "drafts" / "a.pdf").write_bytes(plain)
    key = tmp_path / "oa.key"
    key.touch(mode=0o600)
    key.write_text(service.key("by-folder", scopes=[Scope.DOCUMENTS]) + "\n")

    @click.group()
    @click.pass_context
    def elsewhere(context: click.Context) -> None:
        context.obj = Home(tmp_path / "nowhere", sm2_office.clock)

    elsewhere.add_command(group, "seals")
    before = uses(service)
    with serving(service.app) as address:
        command = ["seals", "stamp-folder", "office", str(tmp_path / "drafts"), "--at", "100,100", "--level", "B-T"]
        command += ["--out", str(tmp_path / "out"), "--server", address, "--api-key-file", str(key)]
        with monkeypatch.context() as patched:
            patched.setattr("seals.remote_stamp.files.write", full_disk)
            assert run(elsewhere, command) == 1
        assert run(elsewhere, command) == 0
    assert uses(service) == before + 1
    assert sm2_office.report((tmp_path / "out" / "a.pdf").read_bytes(), status=True).verdict is Verdict.VALID


def full_disk(path: Path, *_what: object, **_how: object) -> None:
    raise YinxinError(Kind.UNAVAILABLE, "cannot write: no space left on device", subject=str(path))


def test_a_document_that_stays_here(
    service: Service, tmp_path: Path, plain: bytes, sm2_office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notice.pdf").write_bytes(plain)
    key = tmp_path / "oa.key"
    key.touch(mode=0o600)
    key.write_text(service.key("by-command") + "\n")

    @click.group()
    @click.pass_context
    def elsewhere(context: click.Context) -> None:
        context.obj = Home(tmp_path / "nowhere", sm2_office.clock)

    elsewhere.add_command(group, "seals")
    with serving(service.app) as address:
        command = ["seals", "stamp", "office", str(tmp_path / "notice.pdf"), "--keyword", "Page 2", "--server", address]
        assert run(elsewhere, command) == 2
        assert "API key" in capsys.readouterr().err
        assert run(elsewhere, [*command, "--api-key-file", str(key)]) == 0
        key.chmod(0o644)
        assert run(elsewhere, [*command, "--api-key-file", str(key), "--out", str(tmp_path / "x.pdf")]) == 2
        assert "others can read" in capsys.readouterr().err
    sealed = (tmp_path / "notice-sealed.pdf").read_bytes()
    assert sm2_office.report(sealed).verdict is Verdict.VALID
