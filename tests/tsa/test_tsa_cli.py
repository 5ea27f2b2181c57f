"""The command, on a home made by hand: stamp, verify, and the protocol as files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from core.cli import run
from core.clock import FixedClock
from core.home import Home
from core.storage import Storage
from tests.support.tsa import Stamps, write_home, write_pem
from tsa.cli import tsa
from tsa.installation import load_units

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def home(tmp_path: Path, storage: Storage, clock: FixedClock, stamps: Stamps) -> Home:
    """`storage` is yinxin.db in the same folder."""
    write_home(tmp_path, stamps.hierarchies)
    return Home(tmp_path, clock)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "notice.pdf"
    path.write_bytes(b"%PDF-1.7 notice")
    return path


@pytest.fixture
def trust(tmp_path: Path, stamps: Stamps) -> Path:
    folder = tmp_path / "trust"
    folder.mkdir()
    for name, hierarchy in stamps.hierarchies.items():
        write_pem(folder / f"{name}-root.pem", hierarchy.root.certificate)
    return folder


@pytest.fixture
def command(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LANGUAGE", "en")

    @click.group()
    @click.pass_context
    def yinxin(ctx: click.Context) -> None:
        ctx.obj = home

    yinxin.add_command(tsa)

    def call(*arguments: str | Path) -> tuple[int, Any, str]:
        code = run(yinxin, ["tsa", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out.startswith("{") else printed.out, printed.err

    return call


def test_stamp_and_verify(command: Run, document: Path, trust: Path, stamps: Stamps) -> None:
    code, facts, _errors = command("stamp", document, "--json")
    assert (code, facts) == (0, {"token": f"{document}.tst"})
    code, facts, _errors = command("verify", f"{document}.tst", document, "--trust", trust, "--json")
    assert code == 0
    assert facts["verdict"] == "valid"
    assert facts["gen_time"] == "2026-11-01T02:00:00Z"
    assert (facts["digest"], facts["algorithm"]) == ("sm3", "sm2-sm3")
    assert len(facts["path"]) == 3
    code, text, notes = command("verify", f"{document}.tst", document, "--trust", trust)
    assert code == 0
    assert "CN=TSA sm2" in text
    assert "revocation was not asked" in notes


def test_a_changed_file_is_refused_in_words(command: Run, document: Path, trust: Path) -> None:
    command("stamp", document)
    document.write_bytes(b"%PDF-1.7 changed")
    code, _facts, errors = command("verify", f"{document}.tst", document, "--trust", trust)
    assert code == 2
    assert "notice.pdf.tst: the time stamp is for something else" in errors


def test_query_and_respond(command: Run, document: Path, trust: Path, stamps: Stamps, tmp_path: Path) -> None:
    query, reply = tmp_path / "a.tsq", tmp_path / "a.tsr"
    policy = stamps.policy("p256")
    assert command("query", document, "--out", query, "--digest", "sha512", "--policy", policy)[0] == 0
    code, facts, _errors = command("respond", query, "--json")
    assert (code, facts) == (0, {"response": str(reply), "granted": True})
    code, facts, _errors = command("verify", reply, document, "--trust", trust, "--json")
    assert (facts["policy"], facts["digest"], facts["algorithm"]) == (policy, "sha512", "ecdsa-p256-sha256")
    code, facts, warnings = command("respond", query, "--unit", "rsa", "--json")
    assert (code, facts["granted"]) == (0, False)
    assert "unaccepted_policy" in warnings


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stamp", "nowhere.pdf"], "no such file"),
        (["stamp", "notice.pdf", "--server", "gopher://x"], "not the address"),
        (["stamp", "notice.pdf", "--policy", "1.2.3"], "under policy 1.2.3"),
        (["verify", "notice.pdf", "notice.pdf", "--trust", "trust"], "neither a time-stamp token nor a response"),
        (["verify", "notice.pdf", "notice.pdf", "--trust", "keys"], "no certificates here"),
        (["respond", "notice.pdf", "--unit", "dsa"], "no such time-stamping unit"),
        (["query", "notice.pdf", "--policy", "policy"], "not an object identifier"),
    ],
)
def test_mistakes(
    command: Run,
    document: Path,
    trust: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, _facts, errors = command(*arguments)
    assert code == 2
    assert words in errors
    assert [path for path in sorted(tmp_path.rglob("*")) if "yinxin.db" not in path.name] == [
        path for path in before if "yinxin.db" not in path.name
    ]


def test_units_of_a_home(home: Home, tmp_path: Path) -> None:
    assert [unit.name for unit in load_units(home)] == ["sm2", "rsa", "p256", "sm2-gm"]
    for file in (tmp_path / "certificates" / "tsa").iterdir():
        file.unlink()
    with pytest.raises(Exception, match="no time-stamping unit"):
        load_units(home)


def test_help_has_an_example(command: Run) -> None:
    for verb in ("stamp", "verify", "query", "respond"):
        code, text, _errors = command(verb, "--help")
        assert code == 0
        assert f"yinxin tsa {verb} notice" in text
