"""`yinxin audit list`: what was done, by whom, the newest first."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.yinxin.conftest import Yinxin
from yinxin.demo import cast


def entries(yinxin: Yinxin, home: Path, *options: str) -> list[dict[str, Any]]:
    listed = yinxin("--home", home, "audit", "list", "--json", *options)
    assert listed.code == 0, listed.err
    rows: list[dict[str, Any]] = json.loads(listed.out)
    return rows


def test_pages_follow_each_other(yinxin: Yinxin, seeded_home: Path) -> None:
    whole = entries(yinxin, seeded_home, "--limit", "1000")
    assert [row["number"] for row in whole] == sorted((row["number"] for row in whole), reverse=True)
    pages: list[dict[str, Any]] = []
    while page := entries(
        yinxin, seeded_home, "--limit", "17", *(["--before", str(pages[-1]["number"])] if pages else [])
    ):
        assert len(page) <= 17
        pages += page
    assert pages == whole


def test_everything_that_seeding_did_is_there(yinxin: Yinxin, seeded_home: Path) -> None:
    acts = [(row["act"], row["actor"]) for row in entries(yinxin, seeded_home, "--limit", "1000")]
    # A root and an issuing authority in each hierarchy, and one for attributes.
    assert acts.count(("ca.authority.create", "ceremony")) == 5
    assert acts.count(("ra.session.open", cast.ENTERER)) == 1
    assert sum(actor == cast.ENTERER for act, actor in acts if act != "ra.session.open") == 7  # certificates, a role
    assert any(actor == cast.REVIEWER for _act, actor in acts)
    assert {"ca.profile.activate", "ca.crl.publish", "seals.seal.make"} <= {act for act, _actor in acts}


def test_personal_numbers_never_go_in(yinxin: Yinxin, seeded_home: Path) -> None:
    text = yinxin("--home", seeded_home, "audit", "list", "--json", "--limit", "1000").out
    for subject in cast.STAFF.values():
        assert subject.identity.resident_id
        assert subject.identity.resident_id not in text


def test_numbers_that_are_searched_for_do_not_go_in(yinxin: Yinxin, home_copy: Path) -> None:
    """Whatever somebody types where a name or a serial number belongs: of it, a digest at most is entered."""
    resident = next(one.identity.resident_id for one in cast.STAFF.values() if one.identity.resident_id)
    canaries = [resident, "610302199902290016"]
    who: tuple[str | Path, ...] = "--as", cast.REVIEWER, "--key", home_copy / f"people/operators/{cast.REVIEWER}.pem"
    who += "--pin-file", home_copy / "people/pin"
    ra = "--home", home_copy, "ra"
    for canary in canaries:
        for by in ("identity", "name", "unit"):
            yinxin(*ra, "search", canary, "--by", by, *who)
        yinxin(*ra, "list", "--unit", canary, *who)
        yinxin(*ra, "list", "--by", canary, *who)
        yinxin(*ra, "show", canary, *who)
        yinxin(*ra, "expiring", "--unit", canary, *who)
        yinxin(*ra, "approve", canary, *who)
        yinxin(*ra, "hold", canary, *who)
        yinxin(*ra, "list", "--as", canary, "--key", home_copy / f"people/operators/{cast.REVIEWER}.pem", *who[4:])
    rows = entries(yinxin, home_copy, "--limit", "60")
    text = json.dumps([yinxin("--home", home_copy, "audit", "show", str(one["number"]), "--json").out for one in rows])
    assert {"ra.request.list", "ra.session.open"} <= {one["act"] for one in rows}
    assert not [one for one in canaries if one in text]


def test_people_get_a_table(yinxin: Yinxin, seeded_home: Path) -> None:
    shown = yinxin("--home", seeded_home, "audit", "list", "--limit", "3")
    assert shown.code == 0
    assert len(shown.out.strip().splitlines()) == 5  # headings, a line, three entries
    assert shown.out.split()[:2] == ["No.", "Time"]


@pytest.mark.parametrize("options", [("--limit", "0"), ("--limit", "x"), ("--before", "x")])
def test_wrong_options(yinxin: Yinxin, seeded_home: Path, options: tuple[str, ...]) -> None:
    assert yinxin("--home", seeded_home, "audit", "list", *options).code == 2


def test_an_empty_page(yinxin: Yinxin, seeded_home: Path) -> None:
    assert entries(yinxin, seeded_home, "--before", "1") == []
