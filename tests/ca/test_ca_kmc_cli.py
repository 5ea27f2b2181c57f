"""`yinxin ca kmc` as people and programs call it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from ca.cli import group
from ca.escrow import AllottedKey
from ca.kmc.allotment import allot
from ca.kmc.custody import Custodian
from core.certificates import armour
from core.cli import Group, run
from core.clock import FixedClock
from core.config import FILE_NAME
from core.home import Home
from core.keys.encryption import encrypt_private_key
from core.storage import Storage
from tests.support.kmc import OFFICERS, Centre, hierarchy, party
from tests.support.secrets_in_clear import found_in

Yinxin = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(storage: Storage, tmp_path: Path, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a database, officers and a root; the keys of people are beside it."""
    (tmp_path / FILE_NAME).write_text("")
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.setenv("YINXIN_PIN", "pin")
    monkeypatch.chdir(tmp_path)
    for folder in ("trust", "certificates/kmc/officers", "people"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "trust/root.pem").write_bytes(armour([hierarchy().certificate]))
    for name in (*OFFICERS, "张三"):
        (tmp_path / f"people/{name}.pem").write_bytes(encrypt_private_key(party(name).key, b"pin"))
        (tmp_path / f"people/{name}.crt").write_bytes(armour([party(name).certificate]))
    for name in OFFICERS:
        (tmp_path / f"certificates/kmc/officers/{name}.pem").write_bytes(armour([party(name).certificate]))
    return Home(tmp_path, clock)


@pytest.fixture
def yinxin(home: Home, capsys: pytest.CaptureFixture[str]) -> Yinxin:
    """`yinxin ca kmc ARGUMENTS`: exit code, stdout, stderr."""

    @click.group(cls=Group)
    @click.pass_context
    def front_door(context: click.Context) -> None:
        context.obj = Home(home.path, home.clock)

    front_door.add_command(group, "ca")

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(front_door, ["ca", "kmc", *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    assert call("found")[0] == 0
    return call


def read(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert code == 0, err
    return json.loads(out)


def as_officer(name: str) -> tuple[str, ...]:
    return ("--as", name, "--key", f"people/{name}.pem")


def allotted(home: Home) -> AllottedKey:
    custodian = Custodian(home.key_store("kmc"))
    request = Centre.request(_Holder(home), "张三")  # type: ignore[arg-type]
    return allot(home.context, custodian, request, actor="ca")


class _Holder:
    """As much of a centre as a request needs."""

    def __init__(self, home: Home) -> None:
        self.context = home.context
        self.counter = iter(range(9))


def test_founding_is_done_once(yinxin: Yinxin, home: Home) -> None:
    assert home.passphrase_file("kmc").stat().st_mode & 0o777 == 0o600
    code, _out, err = yinxin("found")
    assert (code, "exists already" in err) == (2, True)
    assert found_in(home.path / "keys", []) == []


def test_pools(yinxin: Yinxin, home: Home) -> None:
    assert read(yinxin("generate", "sm2", "3", "--json"))["made"] == 3
    assert read(yinxin("generate", "sm2", "--least", "4", "--full", "5", "--json"))["made"] == 2
    assert "0 spare keys" in yinxin("generate", "sm2", "--least", "4")[1]
    assert read(yinxin("pools", "--json")) == [{"kind": "sm2", "pool": "spare", "count": 5}]
    number = allotted(home).number
    (row,) = read(yinxin("keys", "--pool", "active", "--json"))
    assert row["number"] == number
    assert len(read(yinxin("keys", "--limit", "2", "--after", "1", "--json"))) == 2
    assert read(yinxin("due", "--json")) == []
    assert read(yinxin("destroy", "--all", "--json", *as_officer("甲"))) == []
    code, _out, err = yinxin("generate", "p256", "1")
    assert code == 2
    assert "p256" in err


def test_a_recovery_from_request_to_inspection(yinxin: Yinxin, home: Home) -> None:
    assert yinxin("generate", "sm2", "1")[0] == 0
    key = allotted(home)
    asked = yinxin(
        *("recover", "request", key.number, "--to", "people/张三.crt", "--reason", "lost", "--json"), *as_officer("甲")
    )
    number = read(asked)["number"]
    code, _out, err = yinxin("recover", "approve", number, *as_officer("甲"))
    assert (code, "cannot approve" in err) == (2, True)
    assert read(yinxin("recover", "approve", number, "--json", *as_officer("乙")))["stage"] == "requested"
    code, _out, err = yinxin("recover", "deliver", number, "--out", "out.env", *as_officer("甲"))
    assert (code, "2 are needed" in err, Path("out.env").exists()) == (2, True, False)
    assert read(yinxin("recover", "approve", number, "--json", *as_officer("丙")))["stage"] == "approved"
    assert yinxin("recover", "deliver", number, "--out", "out.env", *as_officer("甲"))[0] == 0
    shown = read(yinxin("recover", "show", number, "--out", "again.env", "--json"))
    assert (shown["stage"], shown["approvers"]) == ("delivered", ["乙", "丙"])
    assert "张三" in shown["recipient"]
    assert Path("again.env").read_bytes() == Path("out.env").read_bytes()
    facts = read(yinxin("envelope", "inspect", "out.env", "--key", "people/张三.pem", "--json"))
    assert facts["shape"] == "SM2EnvelopedKey"
    assert (facts["belongs_together"], facts["remarks"]) == (True, [])
    assert facts["public_key"] == key.public_key_info.hex()


def test_inspection_says_when_keys_do_not_belong_together(yinxin: Yinxin, home: Home) -> None:
    assert yinxin("generate", "sm2", "1")[0] == 0
    Path("key.env").write_bytes(allotted(home).envelope)
    options = ("--certificate", "people/甲.crt", "--key", "people/张三.pem")
    code, out, _err = yinxin("envelope", "inspect", "key.env", *options)
    assert (code, "another public key" in out) == (1, True)
    code, _out, err = yinxin("envelope", "inspect", "key.env", "--key", "people/甲.pem")
    assert (code, "not for this key" in err) == (2, True)


def test_a_wrong_pin_a_stranger_and_a_rejection(yinxin: Yinxin, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert yinxin("generate", "sm2", "1")[0] == 0
    request = ("recover", "request", allotted(home).number, "--to", "people/张三.crt", "--reason", "x")
    code, _out, err = yinxin(*request, "--as", "张三", "--key", "people/张三.pem")
    assert (code, "no such officer" in err) == (2, True)
    number = read(yinxin(*request, "--json", *as_officer("甲")))["number"]
    rejected = yinxin("recover", "reject", number, "--reason", "who?", "--json", *as_officer("乙"))
    assert read(rejected)["stage"] == "rejected"
    monkeypatch.setenv("YINXIN_PIN", "wrong")
    code, _out, err = yinxin(*request, *as_officer("甲"))
    assert (code, "wrong passphrase" in err) == (2, True)
