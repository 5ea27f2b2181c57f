"""The plan of a ceremony: what it may say, what is refused, and what the dry run shows."""

from pathlib import Path

import pytest

from ca.ceremony.plan import load_plan, parse_plan
from ca.ceremony.preview import preview
from ca.ceremony.wording import text_of
from ca.profiles import load_profile
from core.algorithms import SM3
from core.errors import YinxinError
from tests.support.ca import PROFILES, pooled_key
from tests.support.ceremony import AT, ROOTS, Stage

BASE = load_profile(PROFILES / "root.toml")


@pytest.fixture(autouse=True)
def keys_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run throws its keys away: these are made once."""
    monkeypatch.setattr("ca.ceremony.preview.generate", lambda kind: pooled_key("preview", kind))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("plan"))


def test_a_plan(stage: Stage) -> None:
    read = load_plan(stage.plan())
    assert read.digest == SM3.of(read.path.read_bytes()).hex()
    assert [one.name for one in read.plan.custodians] == ["赵敏", "钱进", "孙立", "李娜", "周强"]
    assert (read.plan.custody.needed, read.plan.address) == (3, "http://ca.test")
    assert set(read.certificates()) == {"赵敏", "钱进", "孙立", "李娜", "周强"}


def test_the_dry_run_shows_the_certificates_as_they_will_be(stage: Stage) -> None:
    text = text_of(preview(load_plan(stage.plan()), BASE, AT))
    for words in (
        "CN=示范市 SM2 根证书",
        "7300 days later (today it would be 2046-10-27",
        "3660 days later",
        "sm2-sm3",
        "rsa-sha256",
        "Authority, path length: 1 (critical)",
        "no limit (critical)",
        "keyCertSign, cRLSign (critical)",
        "Share 5: 周强",
        str(stage.sheets),
        "吴公证: witness; signs by hand",
    ):
        assert words in text, words
    assert not (stage.folder / "out").exists() and not stage.sheets.exists()


def test_the_plan_that_is_delivered(stage: Stage) -> None:
    """Everybody signs by hand there: nobody has a certificate before there is an authority."""
    read = load_plan(PROFILES.parent / "ceremony.toml")
    assert "示范市 SM2 根证书" in text_of(preview(read, BASE, AT))
    assert read.certificates() == {}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("needed = 3", "needed = 6", "fewer custodians are present"),
        ("needed = 3", "needed = 1", "must be 2 or more"),
        ("needed = 3", "neded = 3", "custody.neded: unknown field"),
        ('title = "', 'titel = "', "title: is missing"),
        ('roles = ["leader", "custodian"]', 'roles = ["custodian"]', "somebody must lead"),
        ('"leader"', '"king"', "present.0.roles.0: must be one of"),
        ('name = "rsa-root"', 'name = "sm2-root"', "two roots of the same name"),
        ('name = "钱进"', 'name = "赵敏"', "two people of the same name"),
        ('key = "sm2"', 'key = "rsa-1024"', "roots.0.key: must be one of"),
        ("path_length = 1", "path_length = -1", "roots.0.path_length"),
        ('address = "http://ca.test/"', 'address = "ftp://x"', "address: not in the form"),
        ("[custody]", "[custody", "not TOML"),
        ('delivery = "sheets"', 'delivery = "mail"', "custody.delivery"),
        ("validity_days = 3660", "validity_days = 0", "roots.1.validity_days"),
        ('name = "sm2-root"', 'name = "SM2 Root"', "roots.0.name: not in the form"),
    ],
)
def test_a_plan_that_is_wrong_says_where(stage: Stage, before: str, after: str, words: str) -> None:
    text = stage.plan(name="right.toml").read_text(encoding="utf-8")
    assert before in text
    with pytest.raises(YinxinError) as caught:
        parse_plan(text.replace(before, after, 1).encode(), "plan.toml")
    assert words in str(caught.value)
    assert caught.value.subject == "plan.toml"


@pytest.mark.parametrize(
    ("roots", "words"),
    [
        (ROOTS.replace("rsa-3072", "rsa-2048"), "the RSA key has 2048 bits"),
        (ROOTS.replace('"示范市 SM2 根证书"', '" x"'), "CN is empty or has spaces"),
        (ROOTS.replace('"示范市 SM2 根证书"', f'"{"长" * 65}"'), "CN is longer than 64"),
        (
            ROOTS.replace("subject = {", 'subject = { locality = "x", organizational_unit = "y",'),
            "organizational_unit|OU|field",
        ),
    ],
)
def test_roots_that_no_linter_would_pass_are_refused_at_the_dry_run(stage: Stage, roots: str, words: str) -> None:
    read = load_plan(stage.plan(roots, name="roots.toml"))
    with pytest.raises(YinxinError, match=words) as caught:
        preview(read, BASE, AT)
    assert caught.value.subject in ("sm2-root", "rsa-root")


def test_a_certificate_that_is_not_there(stage: Stage, tmp_path: Path) -> None:
    moved = tmp_path / "plan.toml"
    moved.write_bytes(stage.plan(name="other.toml").read_bytes())
    with pytest.raises(YinxinError, match="no such file"):
        preview(load_plan(moved), BASE, AT)
