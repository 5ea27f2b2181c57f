"""`yinxin ra operator found --replace`: never one person alone in the dark."""

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from audit import bundle as bundles
from audit.findings import Gravity
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Judge
from tests.yinxin.conftest import Yinxin

SUPER, AUDIT = "super.administrator", "audit.administrator"


@pytest.fixture
def found(yinxin: Yinxin, home_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Found a new super administrator, with or without a witness."""
    monkeypatch.setenv("YINXIN_NEW_PIN", "a-new-pin")

    def call(*options: str | Path) -> Any:
        key = tmp_path / "new.pem"
        place = "--role", "super", "--authority", "sm2-issuing", "--new-key", key
        return yinxin("--home", home_copy, "ra", "operator", "found", "li.super", *place, "--replace", *options)

    return call


def witness(home: Path, name: str) -> tuple[str | Path, ...]:
    folder = home / "administrators"
    pin = next(file for file in folder.iterdir() if name in file.name and file.suffix != ".pem")
    return "--witness", name, "--witness-key", folder / f"{name}.pem", "--witness-pin-file", pin


def findings(yinxin: Yinxin, home: Path, file: Path) -> list[tuple[str, str]]:
    assert yinxin("--home", home, "audit", "export", file).code == 0
    told = json.loads(yinxin("--home", home, "audit", "verify", file, "--json").out)
    return [(one["rule"], one["gravity"]) for one in told["findings"]]


def test_another_administrator_is_there(yinxin: Yinxin, home_copy: Path, tmp_path: Path, found: Any) -> None:
    alone = found()
    assert "not replaced by one person alone" in alone.err and AUDIT in alone.err
    assert not (tmp_path / "new.pem").exists()
    itself = found(*witness(home_copy, SUPER))
    assert "no administrator who could be a witness" in itself.err
    done = found(*witness(home_copy, AUDIT))
    assert done.code == 0, done.err
    assert findings(yinxin, home_copy, tmp_path / "audit.zip") == []
    acts = json.loads(yinxin("--home", home_copy, "audit", "list", "--limit", "50", "--json").out)
    assert sum(one["act"] == "ra.operator.found.refused" for one in acts) == 2

    with bundles.opened(tmp_path / "audit.zip") as bundle:
        log, evidence = [json.loads(one) for one in bundle.entries()], Evidence.of(bundle)

    def judged(**details: Any) -> list[tuple[str, Gravity]]:
        judge = Judge(evidence)
        for position, entry in enumerate(log):
            if entry["subject"] == "li.super" and entry["act"] == "ra.operator.found":
                kept = {name: value for name, value in (entry["details"] | details).items() if value is not None}
                entry = entry | {"details": kept}
            judge.take(position, rfc8785.dumps(entry))
        return [(one.rule, one.gravity) for one in judge.finish()]

    signed = next(one for one in log if one["subject"] == "li.super" and one["act"] == "ra.operator.found")["details"]
    assert judged() == []
    broken = [("founding", Gravity.BROKEN)]
    assert judged(witness=None) == broken
    assert judged(witness="wang.fang") == broken
    assert judged(witness=SUPER) == broken
    assert judged(witnessed=None) == broken
    assert judged(witnessed="zz") == broken
    altered = bytearray.fromhex(signed["witnessed"])
    altered[-1] ^= 1
    assert judged(witnessed=altered.hex()) == broken
    # Somebody else's good statement, about something else.
    assert judged(witnessed=next(iter(evidence.messages.values())).hex()) == broken


def test_where_nobody_else_is_left_it_is_told_for_ever(
    yinxin: Yinxin, home_copy: Path, tmp_path: Path, found: Any
) -> None:
    people = json.loads(yinxin("--home", home_copy, "ra", "operator", "list", "--json").out)
    others = [one for one in people if {"audit", "business"} & set(str(one["roles"]).replace("'", " ").split())]
    assert len(others) >= 2
    for one in others:
        serial = str(one["certificate"]).rpartition("/")[2]
        revoked = yinxin("--home", home_copy, "ca", "revoke", serial, "--reason", "keyCompromise")
        assert revoked.code == 0, revoked.err
    assert found().code == 0
    assert findings(yinxin, home_copy, tmp_path / "audit.zip") == [("founding", "remark")]
