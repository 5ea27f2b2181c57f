"""Where a passphrase comes from, in which order, and what is said when it comes from nowhere."""

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from core.errors import Kind, YinxinError
from core.keys import passphrase

VARIABLE = "YINXIN_TEST_PASSPHRASE"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv(VARIABLE, raising=False)


def file_of(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "passphrase"
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"secret", b"secret"),
        (b"secret\n", b"secret"),
        (b"secret\r\n", b"secret"),
        (b"secret\nsecond line\n", b"secret"),
        ("口令\n".encode(), "口令".encode()),
        (b"\xff\xfe\n", b"\xff\xfe"),
    ],
)
def test_the_first_line_of_a_file(tmp_path: Path, content: bytes, expected: bytes) -> None:
    assert passphrase.from_file(file_of(tmp_path, content)) == expected


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666, 0o777])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(YinxinError, match="others can read") as caught:
        passphrase.from_file(file_of(tmp_path, b"secret\n", mode))
    assert caught.value.kind is Kind.FORBIDDEN
    assert caught.value.remedy == f"chmod 600 {tmp_path / 'passphrase'}"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_the_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert passphrase.from_file(file_of(tmp_path, b"secret\n", mode)) == b"secret"


@pytest.mark.parametrize("content", [b"", b"\n", b"  \n", b"\nsecret"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(YinxinError, match="empty"):
        passphrase.from_file(file_of(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(YinxinError, match="no such file") as caught:
        passphrase.obtain("keys/ca", file=tmp_path / "none", variable=VARIABLE)
    assert caught.value.kind is Kind.NOT_FOUND
    assert caught.value.subject == str(tmp_path / "none")


def test_the_file_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "environment")
    assert passphrase.obtain("x", file=file_of(tmp_path, b"file"), variable=VARIABLE) == b"file"
    assert passphrase.obtain("x", variable=VARIABLE) == b"environment"


def test_the_environment_may_hold_any_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, VARIABLE.encode(), b"\xff\xfe")
    assert passphrase.obtain("x", variable=VARIABLE) == b"\xff\xfe"


def test_a_terminal_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[str] = []

    def getpass(prompt: str) -> str:
        prompts.append(prompt)
        return "typed"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", getpass)
    monkeypatch.setenv(VARIABLE, "")
    assert passphrase.obtain("keys/ca", variable=VARIABLE) == b"typed"
    assert "keys/ca" in prompts[0]


@pytest.mark.parametrize("closed", [False, True])
def test_without_a_terminal_there_are_words(monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    if closed:
        monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(YinxinError, match="no terminal") as caught:
        passphrase.obtain("keys/ca", variable=VARIABLE)
    assert caught.value.subject == "keys/ca"
    assert VARIABLE in caught.value.remedy
    with pytest.raises(YinxinError, match="no terminal") as caught:
        passphrase.obtain("keys/ca")
    assert "0600" in caught.value.remedy


def test_a_new_file_is_the_owners_alone_and_unlike_any_other(tmp_path: Path) -> None:
    one, other = tmp_path / "passphrases" / "ca", tmp_path / "passphrases" / "ocsp"
    first, second = passphrase.create_file(one), passphrase.create_file(other)
    assert first != second
    assert len(first) >= 43  # 256 bits in base64
    assert passphrase.from_file(one) == first
    assert stat.S_IMODE(one.stat().st_mode) == 0o600
    with pytest.raises(YinxinError, match="exists already"):
        passphrase.create_file(one)
    assert passphrase.from_file(one) == first
