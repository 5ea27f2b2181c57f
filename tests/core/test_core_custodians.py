"""Custodians enter their shares: at a prompt that repeats itself until they are right, or in files."""

import getpass
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.keys.custodians import ask_for_one, collect, read_share
from core.keys.custody import entrust
from core.keys.key_file import create_key_file
from core.keys.sealed import seal
from tests.support import pki

AT = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
CUSTODY, PASSPHRASE, SHARES = entrust(["赵敏", "钱进", "孙立"], 2, AT)
_OTHER, _PASSPHRASE, OTHERS = entrust(["x", "y"], 2, AT)
VARIABLE = "YINXIN_TEST_SHARES"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What people will type, in order."""
    lines: list[str] = []
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda _question: lines.pop(0))
    return lines


def share_file(folder: Path, number: int, mode: int = 0o600) -> Path:
    file = folder / f"share-{number}.txt"
    file.write_text(SHARES[number - 1].text + "\n")
    file.chmod(mode)
    return file


def test_they_are_asked_until_they_are_right(
    typed: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = SHARES[0].text
    slip = ("A" if text[0] != "A" else "B") + text[1:]
    typed += ["", slip, OTHERS[0].text, text, text.lower(), str(tmp_path / "none.txt"), str(share_file(tmp_path, 3))]
    shares = collect(CUSTODY, "keys/ca", VARIABLE)
    assert CUSTODY.combine(shares) == PASSPHRASE
    assert [one.number for one in shares] == [1, 3]
    said = capsys.readouterr().err
    for words in (
        "these are 0",
        "mistyped in group 1",
        "of another set",
        "entered twice",
        "no such file",
        "孙立: right",
    ):
        assert words in said
    assert not any(group in said for group in SHARES[0].groups)
    assert typed == []


def test_files_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = pki.root(KeyKind.SM2, not_before=AT)
    pin = tmp_path / "qian.pin"
    pin.write_text("1234\n")
    pin.chmod(0o600)
    key = create_key_file(tmp_path / "qian.pem", KeyKind.SM2, b"1234")
    holder = root.issue("钱进", key=key, not_before=AT)
    sealed = tmp_path / "share-2.pem"
    sealed.write_bytes(seal(SHARES[1].text.encode(), holder.certificate))
    monkeypatch.setenv(VARIABLE, f"{share_file(tmp_path, 1)}:{sealed}={tmp_path / 'qian.pem'}")
    assert CUSTODY.combine(collect(CUSTODY, "keys/ca", VARIABLE)) == PASSPHRASE
    monkeypatch.setenv(VARIABLE, str(share_file(tmp_path, 1)))
    with pytest.raises(YinxinError, match="2 shares are needed, and there are 1"):
        collect(CUSTODY, "keys/ca", VARIABLE)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setenv(VARIABLE, f"{share_file(tmp_path, 1)}:{sealed}")
    with pytest.raises(YinxinError, match="encrypted to its custodian's key"):
        collect(CUSTODY, "keys/ca", VARIABLE)


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(YinxinError, match="2 custodians are needed") as caught:
        collect(CUSTODY, "keys/ca", VARIABLE)
    assert VARIABLE in caught.value.remedy
    with pytest.raises(YinxinError, match="no terminal"):
        ask_for_one("keys/ca")


def test_a_share_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(YinxinError, match="others can read this share") as caught:
        read_share(share_file(tmp_path, 1, 0o644))
    assert caught.value.kind is Kind.FORBIDDEN


def test_one_share_is_asked_for_once(typed: list[str]) -> None:
    typed.append(SHARES[2].text)
    assert ask_for_one("keys/ca") == SHARES[2]
