"""`yinxin audit rotate`: as an auditor sees it who was given the first key years ago and nothing since."""

import json
import shutil
from pathlib import Path

import pytest

from core.algorithms import KeyKind
from core.home import Home
from tests.support.backups import custodian
from tests.yinxin.conftest import Yinxin


def _keys(home: Path) -> set[str]:
    return {file.name for file in (home / "keys/audit").glob("*.pem")}


def test_whoever_has_the_first_key_needs_no_other(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    first, audit, proof, notes = (tmp_path / name for name in ("first.pub", "audit.zip", "proof.json", "notes"))
    shutil.copy(home_copy / "trust/audit-log.pub", first)
    notes.mkdir()
    home = "--home", home_copy
    assert yinxin(*home, "audit", "checkpoint", "--out", notes / "1.txt").code == 0
    done = yinxin(*home, "audit", "rotate", "--reason", "yearly", "--kind", "p256", "--json")
    assert done.code == 0 and _keys(home_copy) == {"log-2.pem"}
    second = json.loads(done.out)["key"]
    assert yinxin(*home, "audit", "rotate", "--reason", "again").code == 0
    assert _keys(home_copy) == {"log-3.pem"}
    entered = json.loads(yinxin(*home, "audit", "list", "--limit", "1", "--json").out)[0]
    assert entered["act"] == "audit.key.rotate"
    assert entered["details"] == {"former": second, "reason": "again"} and entered["actor"].startswith("local:")
    assert yinxin(*home, "audit", "prove", "5", "--out", proof).code == 0
    assert yinxin(*home, "audit", "export", audit).code == 0
    elsewhere = ("--home", tmp_path / "nothing", "audit", "verify")
    for file in (audit, proof):
        seen = yinxin(*elsewhere, file, "--key", first)
        assert seen.code == 0, seen
    assert yinxin(*elsewhere, audit, "--key", first, "--checkpoint", notes).code == 0
    assert yinxin(*elsewhere, audit, "--fingerprint", second).code == 2  # the file brings the first key along
    assert yinxin(*home, "audit", "prove", "--since", notes / "1.txt", "--out", proof).code == 0
    assert yinxin(*elsewhere, proof, "--key", first).code == 0
    report = yinxin(*home, "audit", "report", "--out", tmp_path / "report.html")
    assert report.code == 0 and second in (tmp_path / "report.html").read_text()
    told = json.loads(yinxin(*home, "health", "--json").out)
    assert [one for one in told["findings"] if one["check"] == "checkpoints" and one["level"] == "critical"] == []
    assert yinxin(*home, "migrate").code == 0 and _keys(home_copy) == {"log-3.pem"}


def test_a_backup_after_a_rotation(
    yinxin: Yinxin, home_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zhang, notes = custodian(tmp_path, KeyKind.SM2, "zhang"), tmp_path / "notes"
    first = tmp_path / "first.pub"
    shutil.copy(home_copy / "trust/audit-log.pub", first)
    monkeypatch.setenv("YINXIN_AUDIT__COPIES", json.dumps([str(notes)]))
    monkeypatch.setenv("YINXIN_AUDIT__TIMESTAMPS", "false")
    home = "--home", home_copy
    assert yinxin(*home, "audit", "rotate", "--reason", "yearly").code == 0
    assert yinxin(*home, "backup", "--to", tmp_path / "b", "--custodian", zhang.certificate).code == 0
    options = "restore", tmp_path / "b", *zhang.options, "--audit-key", first
    assert "signed by another key" in yinxin("--home", tmp_path / "new", *options).err
    restored = yinxin("--home", tmp_path / "new", *options, "--checkpoint", notes)
    assert restored.code == 0, restored.err
    shutil.copytree(home_copy / "passphrases", tmp_path / "new/passphrases")
    assert yinxin("--home", tmp_path / "new", "audit", "checkpoint").code == 0
    Home(home_copy).storage.close()


def test_a_key_that_is_lost(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    first, second, audit = home_copy / "trust/audit-log.pub", home_copy / "trust/audit-log-2.pub", tmp_path / "a.zip"
    home = "--home", home_copy
    assert yinxin(*home, "audit", "checkpoint").code == 0
    (home_copy / "keys/audit/log.pem").unlink()
    assert yinxin(*home, "audit", "rotate", "--reason", "?").code == 2 and _keys(home_copy) == set()
    assert "new public key" in yinxin(*home, "audit", "rotate", "--replace", "--reason", "lost").refusal
    done = yinxin(*home, "audit", "rotate", "--replace", "--reason", "lost", "--out", second)
    assert done.code == 0 and "nobody vouches" in done.err
    assert yinxin(*home, "audit", "export", audit).code == 0
    elsewhere = ("--home", tmp_path / "nothing", "audit", "verify", audit)
    told = yinxin(*elsewhere, "--key", first)
    assert told.code == 3 and "did not vouch" in told.out
    for trusted in (("--key", first, "--key", second), ("--key", second)):
        assert yinxin(*elsewhere, *trusted).code == 0
    at_home = yinxin(*home, "audit", "verify", audit, "--json")
    (remark,) = json.loads(at_home.out)["findings"]
    assert at_home.code == 0 and remark["rule"] == "key" and remark["gravity"] == "remark"
