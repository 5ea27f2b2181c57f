"""The command, on a home made by hand: stamp, verify, and the protocol as files."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from core.algorithms import SM3
from core.cli import run
from core.clock import FixedClock
from core.home import Home
from core.storage import Storage
from tests.support.tsa import Stamps, furnish, write_pem
from tsa.cli import tsa
from tsa.installation import load_units, open_authority

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def home(tmp_path: Path, storage: Storage, clock: FixedClock, stamps: Stamps) -> Home:
    """`storage` is yinxin.db in the same folder."""
    furnish(tmp_path, stamps)
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
        return code, json.loads(printed.out) if printed.out.startswith(("{", "[")) else printed.out, printed.err

    return call


def test_stamp_and_verify(command: Run, document: Path, trust: Path, stamps: Stamps) -> None:
    code, facts, _errors = command("stamp", document, "--json")
    assert code == 0
    assert facts == [{"file": str(document), "token": f"{document}.tst", "gen_time": "2026-11-01T02:00:00Z"}]
    # Without --trust, whom the home trusts.
    for trusted in ([], ["--trust", trust]):
        code, facts, _errors = command("verify", f"{document}.tst", document, *trusted, "--json")
        assert code == 0
        assert facts["verdict"] == "valid"
        assert facts["gen_time"] == "2026-11-01T02:00:00Z"
        assert facts["holds_until"] == "2028-09-27T00:00:00Z"
        assert (facts["digest"], facts["algorithm"]) == ("sm3", "sm2-sm3")
        assert len(facts["path"]) == 3
    code, text, notes = command("verify", f"{document}.tst", document, "--trust", trust)
    assert code == 0
    assert "CN=TSA sm2" in text
    assert "revocation was not asked" in notes


def test_many_files_and_no_token_replaced(command: Run, document: Path, trust: Path) -> None:
    other = document.with_name("other.pdf")
    other.write_bytes(b"other")
    code, facts, _errors = command("stamp", document, other, "--unit", "p256", "--digest", "sha384", "--json")
    assert (code, len(facts)) == (0, 2)
    assert command("verify", f"{other}.tst", other, "--trust", trust)[0] == 0
    before = Path(f"{document}.tst").read_bytes()
    code, _facts, errors = command("stamp", document)
    assert code == 2
    assert "exists already" in errors
    assert Path(f"{document}.tst").read_bytes() == before
    assert command("stamp", document, other, "--out", "x.tst")[0] == 2


@pytest.mark.parametrize(
    ("spoil", "verdict", "code", "words"),
    [
        ("file", "changed", 3, "the time stamp is for something else"),
        ("swap", "changed", 3, "the time stamp is for something else"),
        ("cut", "invalid", 3, "neither a time-stamp token nor a response"),
        ("bit", "invalid", 3, "the message was changed"),
        ("root", "untrusted", 1, "no trusted issuer"),
        ("years", "weakened", 1, "held until 2028-09-27"),
    ],
)
def test_every_fault_has_its_verdict(
    command: Run, document: Path, trust: Path, home: Home, spoil: str, verdict: str, code: int, words: str
) -> None:
    command("stamp", document)
    token = Path(f"{document}.tst")
    data = token.read_bytes()
    if spoil == "file":
        document.write_bytes(b"%PDF-1.7 changed")
    elif spoil == "swap":
        other = document.with_name("other.pdf")
        other.write_bytes(b"other")
        command("stamp", other)
        token.write_bytes(Path(f"{other}.tst").read_bytes())
    elif spoil == "cut":
        token.write_bytes(data[:-7])
    elif spoil == "bit":
        token.write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))
    elif spoil == "root":
        (trust / "sm2-root.pem").unlink()
    else:
        home.clock.advance(timedelta(days=1000))  # type: ignore[attr-defined]
    answer, facts, errors = command("verify", token, document, "--trust", trust, "--json")
    assert (answer, facts["verdict"]) == (code, verdict), facts
    assert words in facts["explanation"]
    assert errors == ""
    answer, text, _errors = command("verify", token, document, "--trust", trust)
    assert answer == code
    assert words in text


def test_a_token_without_certificates_is_helped(
    command: Run, document: Path, trust: Path, home: Home, stamps: Stamps, tmp_path: Path
) -> None:
    token = open_authority(home).stamp(SM3, SM3.of(document.read_bytes()), include_certificates=False)
    (tmp_path / "bare.tst").write_bytes(token)
    code, facts, _errors = command("verify", tmp_path / "bare.tst", document, "--trust", trust, "--json")
    assert (code, facts["verdict"]) == (3, "invalid")
    others = tmp_path / "certificates" / "tsa"
    arguments = ("verify", tmp_path / "bare.tst", document, "--trust", trust, "--certificates", others, "--json")
    assert command(*arguments)[:2][0] == 0


def test_an_archive(command: Run, home: Home, trust: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)
    code, facts, _errors = command("check", folder, "--json")
    assert (code, [one["standing"] for one in facts]) == (1, ["unprotected", "unprotected"])
    assert command("archive", folder)[:2] == (0, "2 files: stamped: 2\n")
    assert "evidence already" in command("archive", folder)[1]
    assert command("check", folder)[:2] == (0, "2 files: valid: 2\n")
    code, facts, _errors = command("verify", folder / "evidence" / "a.txt.ers", folder / "a.txt", "--json")
    assert (code, facts["verdict"], facts["renewals"]) == (0, "valid", [])
    assert command("renew", folder)[:2] == (0, "2 files: valid: 2\n")
    home.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    assert command("renew", folder, "--all", "--unit", "p256")[:2] == (0, "2 files: renewed: 2\n")
    assert command("renew", folder, "--digest", "sha512")[:2] == (0, "2 files: renewed: 2\n")
    code, facts, _errors = command("verify", folder / "evidence" / "b.txt.ers", folder / "b.txt", "--json")
    assert facts["renewals"] == ["2026-11-02T02:00:00Z", "2026-11-02T02:00:00Z"]
    home.clock.advance(timedelta(days=600))  # type: ignore[attr-defined]
    code, text, _errors = command("check", folder)
    assert code == 0
    assert "valid, to be renewed: 2" in text
    (folder / "b.txt").write_text("changed")
    code, text, _errors = command("check", folder, "--trust", trust)
    assert code == 3
    assert "b.txt" in text and "another or changed file" in text


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
        (["verify", "nothing.tst", "notice.pdf", "--trust", "trust"], "no such file"),
        (["verify", "notice.pdf", "nothing.pdf", "--trust", "trust"], "no such file"),
        (["stamp", "notice.pdf", "--server", "http://127.0.0.1:9", "--unit", "sm2"], "--unit is for this installation"),
        (["archive", "keys", "--digest", "sm3", "--unit", "dsa"], "no such time-stamping unit"),
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
    for verb in ("stamp", "verify", "query", "respond", "archive", "check", "renew"):
        code, text, _errors = command(verb, "--help")
        assert code == 0
        assert f"yinxin tsa {verb} {'documents' if verb in ('archive', 'check', 'renew') else 'notice'}" in text
