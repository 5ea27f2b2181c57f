"""The home folder, the one error, and the language of a block of work."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import FixedClock
from core.config import FILE_NAME
from core.context import Context
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _, current_language, language_of_environment, speaking
from core.storage import Storage


def test_the_database_is_in_the_home_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("")
    assert Home(tmp_path).database_url == f"sqlite:///{tmp_path / 'yinxin.db'}"
    (tmp_path / FILE_NAME).write_text('[storage]\nurl = "postgresql+psycopg://h/x"\n')
    assert Home(tmp_path).database_url == "postgresql+psycopg://h/x"


def test_no_home_is_an_error_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(YinxinError, match="no Yinxin home"):
        _unused = Home(tmp_path / "nowhere").context
    assert not (tmp_path / "nowhere").exists()


def test_the_context_is_on_the_homes_clock_and_storage(tmp_path: Path, clock: FixedClock) -> None:
    (tmp_path / FILE_NAME).write_text("")
    home = Home(tmp_path, clock)
    Storage(home.database_url).migrate()
    assert home.context.storage is home.storage
    clock.advance(timedelta(days=1))
    assert home.context.clock.now() == clock.now()
    assert isinstance(home.context, Context)


def test_a_key_store_without_a_passphrase_says_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.delenv("YINXIN_TSA_PASSPHRASE", raising=False)
    folder = tmp_path / "keys" / "tsa"
    folder.mkdir(parents=True)
    (folder / "unit.pem").write_bytes(b"")
    with pytest.raises(YinxinError, match="no terminal") as caught:
        Home(tmp_path).key_store("tsa").signer("unit")
    assert "YINXIN_TSA_PASSPHRASE" in caught.value.remedy
    assert caught.value.subject == "keys/tsa"


@pytest.mark.parametrize(
    ("subject", "remedy", "line"),
    [
        ("", "", "what"),
        ("file", "", "file: what"),
        ("", "do this", "what (do this)"),
        ("file", "do this", "file: what (do this)"),
    ],
)
def test_an_error_is_one_line(subject: str, remedy: str, line: str) -> None:
    assert str(YinxinError(Kind.INVALID, "what", subject=subject, remedy=remedy)) == line


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "en_GB.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh_CN"),
        ({"LANGUAGE": "", "LANG": "zh_CN.UTF-8"}, "zh_CN"),
    ],
)
def test_the_locale_chooses_the_language(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], language: str
) -> None:
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert language_of_environment() == language


def test_a_block_of_work_has_its_own_language() -> None:
    outside = current_language()
    with speaking("zh_CN"):
        assert current_language() == "zh_CN"
        with pytest.raises(ZeroDivisionError), speaking("en"):
            assert current_language() == "en"
            assert _("no such file") == "no such file"
            raise ZeroDivisionError
        assert current_language() == "zh_CN"
    assert current_language() == outside
