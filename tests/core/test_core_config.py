"""The configuration: defaults, the file, the environment over it; and one line that names whatever is wrong."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.algorithms import KeyKind
from core.config import FILE_NAME, Configuration, load_configuration
from core.errors import Kind, YinxinError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("YINXIN_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / FILE_NAME).write_text("")
    return tmp_path


def configure(home: Path, toml: str) -> Configuration:
    (home / FILE_NAME).write_text(toml, encoding="utf-8")
    return load_configuration(home)


def refusal(home: Path, toml: str = "") -> YinxinError:
    with pytest.raises(YinxinError) as caught:
        configure(home, toml)
    assert caught.value.kind is Kind.INVALID
    assert "\n" not in str(caught.value)
    return caught.value


def test_an_empty_file_means_the_defaults(home: Path) -> None:
    configuration = load_configuration(home)
    assert configuration == Configuration()
    assert configuration.storage.url == ""
    assert configuration.ca.host == "127.0.0.1"


def test_the_file_is_read(home: Path) -> None:
    configuration = configure(
        home, '[centre]\norganization = "宝鸡市数字证书认证中心"\nkey_kinds = ["sm2"]\n[ca]\nport = 9000\n'
    )
    assert configuration.centre.organization == "宝鸡市数字证书认证中心"
    assert configuration.centre.key_kinds == (KeyKind.SM2,)
    assert configuration.ca.port == 9000
    assert configuration.ca.crl_hours == Configuration().ca.crl_hours


def test_the_configuration_that_is_shipped_shows_the_defaults() -> None:
    assert load_configuration(Path(__file__).parents[2] / "conf") == Configuration()


def test_the_environment_comes_over_the_file_setting_by_setting(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINXIN_CA__PORT", "9001")
    monkeypatch.setenv("YINXIN_CENTRE__KEY_KINDS", '["p256"]')
    configuration = configure(home, "[ca]\nport = 9000\ncrl_hours = 5\n")
    assert (configuration.ca.port, configuration.ca.crl_hours) == (9001, 5)
    assert configuration.centre.key_kinds == (KeyKind.P256,)


def test_other_variables_of_yinxin_are_no_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("YINXIN_HOME", "YINXIN_CA_PASSPHRASE", "YINXIN_OCSP_PASSPHRASE", "YINXIN_TRACEBACK"):
        monkeypatch.setenv(variable, "x")
    assert load_configuration(home) == Configuration()


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[ca]\nprot = 1\n", "ca.prot: unknown field"),
        ("[certificates]\n", "certificates: unknown field"),
        ("port = 1\n", "port: unknown field"),
        ("[ca]\nport = 'many'\n", "ca.port: "),
        ("[ca]\nport = 70000\n", "ca.port: "),
        ("[ca]\nport = -1\n", "ca.port: "),
        ("[ca]\ncrl_hours = 0\n", "ca.crl_hours: "),
        ("[centre]\nkey_kinds = ['dsa']\n", "centre.key_kinds.0: "),
        ("[centre]\nkey_kinds = 'sm2'\n", "centre.key_kinds: "),
        ("ca = 3\n", "ca: "),
        ("[storage]\nurl = 5\n", "storage.url: "),
    ],
)
def test_a_wrong_setting_is_named(home: Path, toml: str, words: str) -> None:
    error = refusal(home, toml)
    assert error.what.startswith(words)
    assert error.subject == str(home / FILE_NAME)
    assert error.remedy


@pytest.mark.parametrize("toml", ["[ca\n", "port\n[ca]\n", "a = 1\na = 2\n", "[ca]\nport = 08\n", "{}"])
def test_what_is_no_toml_is_said_with_its_line(home: Path, toml: str) -> None:
    error = refusal(home, toml)
    assert re.search(r"not TOML: .*line \d", error.what)
    assert error.subject == str(home / FILE_NAME)


def test_a_file_in_another_encoding_is_refused(home: Path) -> None:
    (home / FILE_NAME).write_bytes('[centre]\nname = "印信"\n'.encode("gb18030"))
    with pytest.raises(YinxinError, match="not TOML"):
        load_configuration(home)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("YINXIN_CA__PORT", "many", "ca.port: "),
        ("YINXIN_CA__PROT", "1", "ca.prot: unknown field"),
        ("YINXIN_CAA__PORT", "1", "caa: unknown field"),
        ("YINXIN_OCSP__RESPONSE_HOURS", "0", "ocsp.response_hours: "),
    ],
)
def test_a_wrong_setting_in_the_environment_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    error = refusal(home)
    assert error.what.startswith(words)
    assert error.subject == variable


@pytest.mark.parametrize("variable", ["YINXIN_CA", "YINXIN_CENTRE__KEY_KINDS"])
def test_what_cannot_be_read_from_the_environment_is_not_blamed_on_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "sm2")
    error = refusal(home)
    assert "environment" in error.what
    assert "TOML" not in str(error)


def test_no_home_says_how_to_make_one(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(YinxinError, match="no Yinxin home") as caught:
            load_configuration(place)
        assert caught.value.kind is Kind.NOT_FOUND
        assert caught.value.remedy.endswith(f"yinxin --home {place} init")


def test_a_file_that_cannot_be_read_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(YinxinError, match="cannot read"):
        load_configuration(tmp_path)


def test_a_password_in_the_url_is_not_repeated(home: Path) -> None:
    error = refusal(home, '[storage]\nurl = "postgresql+psycopg://u:hunter2@h/x"\nurll = "hunter2"\n')
    assert "hunter2" not in str(error)


def test_settings_do_not_change_while_it_runs(home: Path) -> None:
    configuration = load_configuration(home)
    with pytest.raises(ValidationError):
        configuration.ca.port = 1
    with pytest.raises(ValidationError):
        configuration.ca = configuration.ca


def test_two_hierarchies_of_one_family_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('[centre]\nkey_kinds = ["rsa-3072", "rsa-4096"]\n')
    with pytest.raises(YinxinError, match=r"centre\.key_kinds.*same family"):
        load_configuration(tmp_path)
