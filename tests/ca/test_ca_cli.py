"""`yinxin ca` as people and programs call it."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from asn1crypto import pem

from ca import crl
from ca.authorities import list_authorities
from ca.cli import group
from ca.inspection import inspect_certificates, inspect_crls
from ca.records import certificates
from ca.revocation import Reason, hold, revoke
from core.certificates import serial_text
from core.cli import Group, LaterCommand, run
from core.clock import FixedClock
from core.config import FILE_NAME
from core.home import Home
from core.storage import Storage
from tests.support.ca import PROFILES, TestCentre

Yinxin = Callable[..., tuple[int, str, str]]


@pytest.fixture
def yinxin(
    centre: TestCentre,
    tmp_path: Path,
    clock: FixedClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Yinxin:
    """`yinxin ca ARGUMENTS` in a home with the centre's books and keys: exit code, stdout, stderr."""
    (tmp_path / FILE_NAME).write_text("")
    shutil.copytree(PROFILES, tmp_path / "profiles")
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setattr(Home, "key_store", lambda _home, _authority: centre.keys)
    monkeypatch.setattr(Storage, "require_current_schema", lambda _storage: None)

    @click.group(cls=Group)
    @click.pass_context
    def front_door(context: click.Context) -> None:
        context.obj = Home(tmp_path, clock)

    front_door.add_command(group, "ca")

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(front_door, ["ca", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def read(result: tuple[int, str, str]) -> Any:
    code, out, err = result
    assert code in (0, 1), err
    return json.loads(out)


def test_authorities(yinxin: Yinxin, tmp_path: Path, centre: TestCentre) -> None:
    code, out, _err = yinxin("list")
    assert code == 0
    assert "sm2-issuing" in out
    assert [row["name"] for row in read(yinxin("list", "--json"))] == ["sm2-root", "sm2-issuing"]
    chain = tmp_path / "chain.pem"
    assert read(yinxin("show", "sm2-issuing", "--out", str(chain), "--json"))["algorithm"] == "sm2-sm3"
    assert len(list(pem.unarmor(chain.read_bytes(), multiple=True))) == 2
    code, _out, err = yinxin("show", "nobody")
    assert (code, "no such authority" in err) == (2, True)


def test_certificates_page_by_page(yinxin: Yinxin, centre: TestCentre) -> None:
    issued = centre.ca.issue([centre.request() for _ in range(4)], actor="operator")
    hold(centre.context, "sm2-issuing", issued[0].serial, actor="operator")
    first = read(yinxin("certificates", "--limit", "4", "--json"))
    second = read(yinxin("certificates", "--after", str(first[-1]["row"]), "--json"))
    assert len(first) == 4
    assert [row["serial"] for row in first + second][2:] == [serial_text(one.serial) for one in issued]
    assert [row["state"] for row in read(yinxin("certificates", "--state", "held", "--json"))] == ["held"]
    assert read(yinxin("certificates", "--subject", "nobody", "--json")) == []
    _code, _out, err = yinxin("certificates", "--limit", "4")
    assert "--after" in err


def test_one_certificate_by_either_notation(yinxin: Yinxin, centre: TestCentre, tmp_path: Path) -> None:
    issued = centre.issue()
    revoke(centre.context, "sm2-issuing", issued.serial, Reason.SUPERSEDED, actor="operator")
    for notation in (f"{issued.serial}", serial_text(issued.serial), f"0x{issued.serial:X}"):
        facts = read(yinxin("certificate", notation, "--json"))
        assert facts["state"] == "revoked"
        assert [step["move"] for step in facts["history"]] == ["issue", "revoke"]
    out = tmp_path / "one.pem"
    code, text, _err = yinxin("certificate", str(issued.serial), "--out", str(out))
    assert code == 0
    assert "superseded" in text
    assert pem.unarmor(out.read_bytes())[2] == issued.certificate
    assert yinxin("certificate", "123456")[0] == 2
    assert yinxin("certificate", "xyz")[0] == 2


def test_lists(yinxin: Yinxin, centre: TestCentre, tmp_path: Path) -> None:
    assert yinxin("crl", "show", "sm2-issuing")[0] == 2
    (facts,) = read(yinxin("crl", "publish", "sm2-issuing", "--hours", "2", "--json"))
    assert (facts["authority"], facts["number"], facts["entries"]) == ("sm2-issuing", 1, 0)
    out = tmp_path / "one.crl"
    assert read(yinxin("crl", "show", "sm2-issuing", "--out", str(out), "--json"))["number"] == 1
    assert out.read_bytes() == crl.latest(centre.context, "sm2-issuing")
    assert yinxin("crl", "publish", "nobody")[0] == 2


def test_without_a_name_the_lists_that_have_lived_half_their_time_are_published(
    yinxin: Yinxin, centre: TestCentre, clock: FixedClock
) -> None:
    everybody = {row["authority"] for row in read(yinxin("crl", "publish", "--json"))}
    assert everybody == {authority.name for authority in list_authorities(centre.context.storage)}
    assert read(yinxin("crl", "publish", "--json")) == []
    clock.advance(timedelta(hours=12))
    due = {row["authority"] for row in read(yinxin("crl", "publish", "--json"))}
    assert due == {name for name in everybody if name.endswith("-issuing")}


def test_profiles(yinxin: Yinxin, tmp_path: Path) -> None:
    assert len(read(yinxin("profile", "list", "--json"))) == 14
    staff = tmp_path / "profiles" / "staff.toml"
    text = staff.read_text().replace("1096", "365").replace('"sm2", "rsa", "p256"', '"sm2"')
    staff.write_text(text)
    assert read(yinxin("profile", "activate", str(staff), "--json")) == [{"name": "staff", "version": 2}]
    assert {row["name"]: row["version"] for row in read(yinxin("profile", "activate", "--json"))}["staff"] == 2
    staff.write_text(text.replace("critical = true", "critical = false"))
    code, _out, err = yinxin("profile", "activate", str(staff))
    assert code == 2
    assert "WARNING" in err
    assert len(err.splitlines()) == 1


def test_reconcile(yinxin: Yinxin, centre: TestCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_arguments: object) -> bytes:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("ca.signing.AuthorityKey.sign", dead)
        with pytest.raises(RuntimeError):
            centre.issue(reference="R-9")
    (row,) = read(yinxin("reconcile", "--json"))
    assert row["approval"] == "R-9"
    assert read(yinxin("reconcile", "--json")) == []
    code, _out, err = yinxin("certificate", row["serial"], "--out", "x.pem")
    assert (code, "only the intent is known" in err) == (2, True)


def test_lint_of_sound_books(yinxin: Yinxin, centre: TestCentre) -> None:
    centre.issue("unit")
    crl.publish(centre.context, centre.keys, "sm2-issuing", 24)
    code, out, err = yinxin("lint")
    assert code == 0, out + err
    assert "3 certificates" in out
    assert read(yinxin("lint", "--json")) == []


def test_lint_of_altered_books(yinxin: Yinxin, centre: TestCentre, clock: FixedClock) -> None:
    issued, other = centre.issue(), centre.issue()
    crl.publish(centre.context, centre.keys, "sm2-issuing", 1)
    with centre.context.storage.transaction() as connection:
        connection.execute(
            sa.update(certificates).where(certificates.c.serial == issued.serial).values(certificate=other.certificate)
        )
    clock.moment = clock.moment.replace(day=clock.moment.day + 1)
    assert yinxin("lint")[0] == 1
    found = read(yinxin("lint", "--json"))
    assert {row["object"] for row in found} == {serial_text(issued.serial), "sm2-issuing.crl"}
    assert any("not over the bytes of its intent" in row["finding"] for row in found)
    assert any("nextUpdate" in row["finding"] for row in found)
    assert len(list(inspect_certificates(centre.context))) == 4
    assert dict(inspect_crls(centre.context)).keys() == {"sm2-issuing.crl"}


def commands(command: click.Command) -> list[click.Command]:
    if isinstance(command, LaterCommand):
        return commands(command.load())
    if isinstance(command, click.Group):
        return [found for one in command.commands.values() for found in commands(one)]
    return [command]


@pytest.mark.parametrize("command", commands(group), ids=lambda command: command.name)
def test_every_command_has_help_and_an_example(command: click.Command) -> None:
    assert command.help
    assert getattr(command, "example", "").startswith("yinxin ca ")
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help


def test_the_centre_revokes_its_own_and_leaves_holders_to_the_ra(yinxin: Yinxin, centre: TestCentre) -> None:
    own = centre.issue("tsa")
    assert yinxin("revoke", f"{own.serial:x}", "--reason", "superseded")[0] == 0
    assert yinxin("revoke", f"{own.serial:x}", "--reason", "superseded")[0] == 2  # final
    held = centre.issue()
    code, _out, error = yinxin("revoke", f"{held.serial:x}", "--reason", "superseded")
    assert code == 2
    assert "yinxin ra revoke" in error
