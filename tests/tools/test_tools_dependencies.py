"""What the project is made of: locked by hash, told in a bill of materials, compared with advisories at hand."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.audit_dependencies import known_against
from tools.lock import Locked, read_lock
from tools.sbom import bill_of_materials

ROOT = Path(__file__).parents[2]
LOCKS = {"requirements.lock": ("build",), "requirements-dev.lock": ("build", "dev")}


def asked_for(groups: tuple[str, ...]) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    named += [one for group in groups for one in project["dependency-groups"][group] if isinstance(one, str)]
    return [Requirement(one) for one in named]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_locked_by_hash(lock: str) -> None:
    locked = {one.name: one for one in read_lock(ROOT / lock)}
    for wanted in asked_for(LOCKS[lock]):
        one = locked[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(one.version, prereleases=True), (str(wanted), one.version)
    for one in locked.values():
        assert one.hashes and all(re.fullmatch(r"[0-9a-f]{64}", digest) for _name, digest in one.hashes), one.name
        assert {name for name, _digest in one.hashes} == {"sha256"}


def test_nothing_is_installed_unless_its_hash_is_right() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in makefile.splitlines() if "pip install" in line]
    assert installs and all("--require-hashes" in line or "--no-index" in line for line in installs)
    for lock in LOCKS:
        assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


def test_the_bill_of_materials() -> None:
    """Valid by the schema of CycloneDX: `bill_of_materials` refuses to give another."""
    document = json.loads(bill_of_materials(ROOT / "requirements.lock", ROOT / "pyproject.toml"))
    parts = {one["name"]: one for one in document["components"]}
    locked = {one.name: one for one in read_lock(ROOT / "requirements.lock")}
    assert set(parts) == set(locked)
    for name, part in parts.items():
        (files,) = part["externalReferences"]
        assert {one["content"] for one in files["hashes"]} == {digest for _name, digest in locked[name].hashes}
        assert part["purl"] == f"pkg:pypi/{name}@{locked[name].version}"
    without = [name for name, part in parts.items() if "licenses" not in part]
    assert len(without) <= 5, without
    assert parts["cryptography"]["licenses"][0]["expression"] == "Apache-2.0 OR BSD-3-Clause"
    needs = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert parts["flask"]["purl"] in needs["yinxin"] and parts["werkzeug"]["purl"] in needs[parts["flask"]["purl"]]


def advisory(name: str, events: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges} | more.pop("affected", {})
    return {"id": f"PYSEC-{name}", "modified": "2026-10-01T00:00:00Z", "summary": "bad", "affected": [affected]} | more


@pytest.mark.parametrize(
    ("record", "is_known"),
    [
        (advisory("Alpha_Beta", [{"introduced": "0"}, {"fixed": "2.0"}]), True),
        (advisory("alpha.beta", [{"introduced": "0"}, {"fixed": "1.5"}]), False),
        (advisory("alpha-beta", [{"introduced": "1.6"}]), False),
        (advisory("alpha-beta", [{"introduced": "0"}, {"last_affected": "1.5"}]), True),
        (advisory("alpha-beta", [{"introduced": "0"}, {"last_affected": "1.4.9"}]), False),
        (advisory("alpha-beta", [{"introduced": "1.0"}, {"fixed": "1.1"}, {"introduced": "1.4"}]), True),
        (advisory("alpha-beta", [], affected={"versions": ["1.5"]}), True),
        (advisory("alpha-beta", [{"introduced": "0"}], withdrawn="2026-10-02T00:00:00Z"), False),
        (advisory("gamma", [{"introduced": "0"}]), False),
        (advisory("x", [], affected={"package": {"ecosystem": "npm", "name": "alpha-beta"}}), False),
    ],
)
def test_what_is_known_against_a_version(record: dict[str, Any], is_known: bool, tmp_path: Path) -> None:
    package = Locked(Requirement("alpha-beta==1.5"))
    (tmp_path / "one.json").write_text(json.dumps(record), encoding="utf-8")
    found, count, newest = known_against([package], tmp_path)
    assert (bool(found), count, newest[:4]) == (is_known, 1, "2026")


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.audit_dependencies", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)


def test_the_command(tmp_path: Path) -> None:
    nothing = audit()
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "no file of advisories was named; nothing was checked" in nothing.stderr and "://" not in nothing.stderr
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.json", json.dumps(advisory("flask", [{"introduced": "0"}, {"fixed": "999"}])))
    done = audit(str(tmp_path / "all.zip"))
    assert done.returncode == 1, done.stderr
    assert re.match(r"flask \S+: PYSEC-flask bad \(mended in 999\)\n1 known against \d+ packages; 1 adv", done.stdout)
