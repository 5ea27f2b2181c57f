"""`yinxin seals …`: thin, and clear about what went wrong."""

import json
from pathlib import Path

import pytest

from seals.api import api_keys
from tests.support import pdf
from tests.support.seal_installation import Installation, register
from tests.support.seal_people import AUDITOR, CUSTODIAN, MANAGERS
from tests.support.sealing import NAME


def test_from_making_to_verifying(
    installation: Installation, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    notice, sealed = tmp_path / "notice.pdf", tmp_path / "notice-sealed.pdf"
    notice.write_bytes(plain)
    assert installation.run("stamp", "office", notice, "--page", "2", "--at", "100,100") == 0
    assert sealed.read_bytes().startswith(plain)
    capsys.readouterr()

    assert installation.run("verify", sealed, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["verdict"]) == ("yinxin-seal-report/1", "valid")
    assert report["document"] == "notice-sealed.pdf"

    assert installation.run("verify", sealed) == 0
    words = capsys.readouterr().out
    assert NAME in words
    assert "valid" in words

    assert installation.run("list") == 0
    assert "active" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        (["--straddle", "right", "--opacity", "0.8"], [1, 2]),
        (["--keyword", "Page", "--occurrence", "2", "--offset", "20,-30", "--blending", "cover"], [2]),
        (["--at", "30,30", "--origin", "upper-right", "--pages", "all", "--certify", "annotations"], [1, 2]),
    ],
)
def test_every_way_of_placing_by_command(
    installation: Installation,
    tmp_path: Path,
    plain: bytes,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    pages: list[int],
) -> None:
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    capsys.readouterr()
    assert installation.run("stamp", "office", notice, *options, "--level", "B-T", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pages"] == pages


def test_the_exit_code_is_the_worst_verdict(
    installation: Installation, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    made = {}
    for level, code in (("B-LTA", 0), ("B-B", 2)):
        made[code] = tmp_path / f"{level}.pdf"
        installation.run("stamp", "office", notice, "--at", "100,100", "--level", level, "--out", made[code])
    made[3] = tmp_path / "changed.pdf"
    made[3].write_bytes(pdf.updated(made[0].read_bytes(), pdf.add_text))
    for code, file in made.items():
        assert installation.run("verify", file) == code
    issuing, root = installation.office.crls()
    for name, crl in (("issuing", issuing), ("root", root)):
        (tmp_path / f"{name}.crl").write_bytes(crl)
    lists = ("--crl", tmp_path / "issuing.crl", "--crl", tmp_path / "root.crl")
    assert installation.run("verify", made[2], *lists) == 1
    capsys.readouterr()
    assert installation.run("verify", *made.values(), "--json") == 3
    verdicts = [report["verdict"] for report in json.loads(capsys.readouterr().out)]
    assert verdicts == ["valid", "indeterminate", "invalid"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stamp", "none", "notice.pdf", "--at", "100,100"], "no seal of this name"),
        (["stamp", "office", "notice.pdf", "--at", "middle"], "not a place on a page"),
        (["stamp", "office", "notice.pdf"], "no empty signature field that waits for it (say it: --at X,Y, --keyword"),
        (["stamp", "office", "notice.pdf", "--page", "2"], "not where on it"),
        (["stamp", "office", "notice.pdf", "--at", "9,9", "--field", "F"], "placed in one way"),
        (["stamp", "office", "notice.pdf", "--keyword", "盖章处"], "not found on the pages 1 to 2"),
        (["stamp", "office", "notice.pdf", "--field", "F"], "no empty signature field"),
        (["stamp", "office", "notice.pdf", "--straddle", "right", "--pages", "1"], "at least two pages"),
        (["stamp", "office", "notice.pdf", "--at", "60,60", "--opacity", "7"], "opacity"),
        (["stamp", "office", "notice.pdf", "--at", "60,60", "--pages", "some"], "no page numbers"),
        (["stamp", "office", "none.pdf", "--at", "100,100"], "no such file"),
        (["stamp", "office", "text.pdf", "--at", "100,100"], "not a PDF"),
        (["stamp", "office", "notice.pdf", "--at", "100,100", "--out", "text.pdf"], "exists already"),
        (["stamp", "office", "notice.pdf", "--at", "1,1"], "not wholly on the page"),
        (["verify", "notice.pdf", "--trust", "nowhere"], "no such folder"),
        (["verify", "none.pdf"], "no such file"),
        (["register", "show", "none"], "no seal of this name"),
    ],
)
def test_errors_are_one_line_and_change_nothing(
    installation: Installation,
    tmp_path: Path,
    plain: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notice.pdf").write_bytes(plain)
    Path("text.pdf").write_text("not a PDF")
    before = sorted(tmp_path.iterdir())
    capsys.readouterr()
    assert installation.run(*arguments) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error
    assert sorted(tmp_path.iterdir()) == before


ORDER = ["--owner", NAME, "--custodian", CUSTODIAN, "--key-name"]


@pytest.mark.parametrize(
    ("who", "arguments", "words"),
    [
        (MANAGERS[0], ["register", "apply", "office", *ORDER, "unit"], "already"),
        (MANAGERS[0], ["register", "apply", "two", *ORDER, "none"], "no such file"),
        (MANAGERS[0], ["register", "apply", "two", *ORDER, "unit", "--hours", "8-18"], "08:30-18:00"),
        (MANAGERS[0], ["register", "apply", "two", *ORDER, "unit", "--picture", "text.pdf"], "--width-mm"),
        (MANAGERS[0], ["api-key", "new", "oa", "--seal", "none"], "no seal of this name"),
        (CUSTODIAN, ["api-key", "new", "oa", "--seal", "office"], "for seal administrators to admit"),
        (CUSTODIAN, ["register", "apply", "two", *ORDER, "unit"], "not for he.qing to decide"),
        (MANAGERS[0], ["register", "approve", "office"], "the seal is active"),
        (MANAGERS[0], ["register", "make", "office", "--maker", "maker"], "the seal is active"),
        (MANAGERS[0], ["register", "make", "office", "--maker", "none"], "none"),
        (MANAGERS[0], ["register", "resume", "office", "--reason", "found"], "the seal is active"),
        (MANAGERS[0], ["register", "destroy", "office", "--reason", "old"], "the seal is active"),
        (CUSTODIAN, ["permit", "office", "none.pdf"], "no such file"),
        (MANAGERS[0], ["uses", "office"], "for auditors and its custodians"),
    ],
)
def test_what_people_cannot_do_is_one_line(
    installation: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    who: str,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.pdf").write_text("not a picture")
    capsys.readouterr()
    assert installation.act(who, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error


def test_a_seal_is_shown_with_its_history(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register(installation, "shown", "--per-day", "3", "--standard", "5", "--digests", "--hours", "00:00-24:00")
    capsys.readouterr()
    assert installation.run("register", "show", "shown", "--picture", tmp_path / "shown.png", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["versions"][0]["bounds"] == ["per_day: 3", "hours: 00:00-24:00"]
    assert [one["act"] for one in shown["statements"]] == ["apply", "approve", "approve", "make", "activate"]
    assert (tmp_path / "shown.png").read_bytes().startswith(b"\x89PNG")
    assert installation.run("register", "show", "shown") == 0
    words = capsys.readouterr().out
    assert all(text in words for text in (NAME, "GM/T 0031-2025", "he.qing", "active"))


def test_each_use_is_permitted_and_listed(
    installation: Installation, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    register(installation, "strict", "--permission", "--type", "notice", "--person", "张三")
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    stamp = ("stamp", "strict", notice, "--at", "100,100", "--level", "B-B", "--person", "张三", "--type", "notice")
    capsys.readouterr()
    assert installation.run(*stamp) == 2
    assert "yinxin seals permit strict" in capsys.readouterr().err
    assert installation.act(CUSTODIAN, "permit", "strict", notice) == 0
    assert installation.run(*stamp) == 0
    capsys.readouterr()
    assert installation.act(AUDITOR, "uses", "strict", "--json") == 0
    (use,) = json.loads(capsys.readouterr().out)
    assert (use["ordinal"], use["person"], use["document_type"], use["actor"]) == (1, "张三", "notice", "command")
    assert installation.act(AUDITOR, "uses", "strict") == 0
    assert "张三" in capsys.readouterr().out


def test_a_frozen_seal_can_be_resumed(installation: Installation, tmp_path: Path, plain: bytes) -> None:
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    stamp = ("stamp", "office", notice, "--at", "100,100", "--level", "B-B")
    assert installation.act(CUSTODIAN, "register", "freeze", "office", "--reason", "lost") == 0
    assert installation.run(*stamp) == 2
    assert installation.act(MANAGERS[0], "register", "resume", "office", "--reason", "found") == 0
    assert installation.run(*stamp) == 0


def test_an_api_key_is_told_once(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert installation.act(MANAGERS[0], "api-key", "new", "another", "--seal", "office") == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith(api_keys.PREFIX)
    system = api_keys.bearer(installation.home.context, key)
    assert system is not None and system.name == "another"
    for file in installation.home.path.glob("yinxin.db*"):
        assert key.encode() not in file.read_bytes()
