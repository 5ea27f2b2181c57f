"""`make audit-dependencies`: what is known against the packages of the lock files, by a file of advisories at hand.

The file is what OSV offers for the ecosystem PyPI: records in JSON by the OSV schema, in a ZIP or a folder. It is
brought in by hand, where there is no network; how old it is, is said. Exit code: 0 nothing is known, 1 something is,
2 there is no file.
"""

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tools.lock import Locked, read_lock

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
VARIABLE = "ADVISORIES"
BEGINNING = "0"
"""In `introduced`: before every version (OSV schema, affected[].ranges[].events)."""


@dataclass(frozen=True)
class Known:
    """Something is known against a package."""

    package: str
    version: str
    advisory: str
    summary: str
    fixed: str
    """The first version without it; empty: there is none."""


def records(source: Path) -> Iterator[dict[str, Any]]:
    """Every advisory in a ZIP or a folder."""
    if source.is_dir():
        for file in sorted(source.rglob("*.json")):
            yield json.loads(file.read_bytes())
        return
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def known_against(packages: list[Locked], source: Path) -> tuple[list[Known], int, str]:
    """What is known, how many advisories were looked at, and when the newest was changed."""
    versions = {canonicalize_name(one.name): one.version for one in packages}
    found, count, newest = [], 0, ""
    for record in records(source):
        count += 1
        newest = max(newest, str(record.get("modified", "")))
        if record.get("withdrawn"):
            continue
        for affected in record.get("affected", ()):
            package = affected.get("package", {})
            name = canonicalize_name(str(package.get("name", "")))
            if package.get("ecosystem") == "PyPI" and name in versions and is_affected(affected, versions[name]):
                summary = str(record.get("summary") or record.get("details", "")).split("\n")[0]
                found.append(Known(name, versions[name], str(record["id"]), summary[:100], _fixed(affected)))
    return sorted(set(found), key=lambda one: (one.package, one.advisory)), count, newest


def is_affected(affected: dict[str, Any], version: str) -> bool:
    """Whether the version is named, or lies in a range (OSV schema, evaluation algorithm)."""
    if version in affected.get("versions", ()):
        return True
    return any(_in_range(one.get("events", ()), version) for one in affected.get("ranges", ()) if _is_of_versions(one))


def _is_of_versions(one: dict[str, Any]) -> bool:
    return one.get("type") in ("ECOSYSTEM", "SEMVER")


def _in_range(events: Any, version: str) -> bool:
    mine, inside = Version(version), False
    for event in sorted(events, key=_place):
        (what, _at), *_others = event.items()
        place = _place(event)
        if what == "introduced" and mine >= place:
            inside = True
        elif (what == "fixed" and mine >= place) or (what == "last_affected" and mine > place):
            inside = False
    return inside


def _place(event: dict[str, str]) -> Version:
    (at,) = list(event.values())[:1]
    try:
        return Version("0.dev0" if at == BEGINNING else at)
    except InvalidVersion:
        return Version("0.dev0")


def _fixed(affected: dict[str, Any]) -> str:
    ranges = [one for one in affected.get("ranges", ()) if _is_of_versions(one)]
    return ", ".join(str(event["fixed"]) for one in ranges for event in one.get("events", ()) if "fixed" in event)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("advisories", nargs="?", type=Path)
    source: Path | None = parser.parse_args().advisories
    if source is None or not source.exists():
        named = f"{source} is not there" if source else "no file of advisories was named"
        print(
            f"error: {named}; nothing was checked (fetch the OSV records of the ecosystem PyPI, a ZIP, on a machine"
            f" with a network, bring it here, and run: make audit-dependencies {VARIABLE}=FILE)",
            file=sys.stderr,
        )
        return 2
    packages = [one for name in LOCKS for one in read_lock(ROOT / name)]
    found, count, newest = known_against(packages, source)
    if not count:
        print(f"error: there is no OSV record in {source}; nothing was checked", file=sys.stderr)
        return 2
    for one in found:
        mended = f"mended in {one.fixed}" if one.fixed else "not mended yet"
        print(f"{one.package} {one.version}: {one.advisory} {one.summary} ({mended})")
    names = {one.name for one in packages}
    days = f", the newest of {newest[:10]}" if newest else ""
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    print(f"{len(found)} known against {len(names)} packages; {count} advisories{days}; today is {today}.")
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
