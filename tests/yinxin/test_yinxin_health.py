"""`yinxin health`: whatever can run out, fall behind or be missing is found, with words about what to do."""

import json
import os
import shutil
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from werkzeug.test import Client

from audit.checkpoints import Notary
from ca.records import certificates, crls
from core.algorithms import KeyKind
from core.audit import Event
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from core.health import Finding, Health, Level, by_end, examine, ok, told_to_anybody, worst
from core.home import Home
from core.keys.private_key import generate
from core.service.records import requests as service_requests
from ra.records import requests as certificate_requests
from seals.batches.records import batch_documents, batches
from tests.yinxin.conftest import Yinxin
from yinxin.applications import build
from yinxin.backup.records import backups
from yinxin.health import checks_of

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def began(seeded_home: Path) -> datetime:
    home = Home(seeded_home)
    with home.storage.reading() as connection:
        at: datetime | None = connection.scalar(sa.select(sa.func.max(crls.c.this_update)))
    home.storage.close()
    assert at is not None
    return at


@pytest.fixture(scope="module")
def well(seeded_home: Path, began: datetime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which all is well: a checkpoint over everything, and a backup."""
    path = tmp_path_factory.mktemp("well") / "home"
    shutil.copytree(seeded_home, path)
    home = Home(path)
    Notary(home.context, home.key_store("audit").signer("log")).checkpoint()
    with home.storage.transaction() as connection:
        row = {"made_at": home.clock.now(), "place": "/mnt/b", "octets": 1, "entries": 1}
        connection.execute(sa.insert(backups).values(row))
    home.storage.close()
    return path


@pytest.fixture
def home(well: Path, began: datetime, tmp_path: Path) -> Iterator[Home]:
    """A copy whose clock stands a little after its making."""
    shutil.copytree(well, tmp_path / "home")
    opened = Home(tmp_path / "home", FixedClock(datetime.now(UTC)))
    yield opened
    opened.storage.close()


def amiss(home: Home, *checks: str) -> dict[str, list[Finding]]:
    """What is not ok, by check; of these checks only, or of all."""
    wanted = {name: check for name, check in checks_of(home).items() if not checks or name in checks}
    found: dict[str, list[Finding]] = {}
    for one in examine(wanted):
        if one.level is not Level.OK:
            assert one.what and (one.remedy or one.check == "database"), one
            found.setdefault(one.check, []).append(one)
    return found


def advance(home: Home, by: timedelta) -> None:
    assert isinstance(home.clock, FixedClock)
    home.clock.advance(by)


def change(home: Home, *statements: sa.Executable) -> None:
    with home.storage.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def test_all_is_well(home: Home) -> None:
    found = examine(checks_of(home))
    assert [one for one in found if one.level is not Level.OK] == []
    assert {one.check for one in found} == set(checks_of(home))


@pytest.mark.parametrize(
    ("hours", "level"), [(13, None), (15, Level.WARNING), (22, Level.CRITICAL), (30, Level.CRITICAL)]
)
def test_old_revocation_lists(home: Home, hours: int, level: Level | None) -> None:
    advance(home, timedelta(hours=hours))
    found = amiss(home, "crl").get("crl", [])
    assert {(one.subject, one.level) for one in found} == (
        {(f"{name}.crl", level) for name in ("sm2-issuing", "rsa-issuing", "sm2-attributes")} if level else set()
    )
    assert all(one.remedy.startswith("run: yinxin ca crl publish ") for one in found)


@pytest.mark.parametrize(
    ("days", "level"), [(24, None), (26, Level.WARNING), (28, Level.CRITICAL), (31, Level.CRITICAL)]
)
def test_certificates_of_services_that_end(home: Home, days: int, level: Level | None) -> None:
    """Those of OCSP last thirty days; their next ones are asked for after twenty."""
    advance(home, days * DAY)
    found = amiss(home, "certificates").get("certificates", [])
    assert {one.level for one in found} == ({level} if level else set())
    assert all(one.subject.startswith("ocsp/") and "yinxin renew ocsp" in one.remedy for one in found)


def test_authorities_and_seals_that_end(home: Home) -> None:
    advance(home, 3 * 365 * DAY)
    assert {one.subject for one in amiss(home, "seals")["seals"]} == {"sm2-office", "rsa-office", "gm-office"}
    advance(home, 6.5 * 365 * DAY)
    found = amiss(home, "authorities", "units")
    assert {(one.subject, one.level) for one in found["authorities"]} >= {("sm2-issuing", Level.WARNING)}
    assert {one.level for one in found["units"]} == {Level.CRITICAL}


def test_keys_that_do_not_open(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal())
    monkeypatch.setenv("YINXIN_HEALTH__ATTENDED", '["ca", "seals", "audit", "tsa"]')
    home.passphrase_file("tsa").unlink()  # nobody expects it
    home.passphrase_file("ocsp").unlink()
    home.passphrase_file("kmc").write_text("another\n")
    home.passphrase_file("ra").chmod(0o644)
    found = amiss(home, "keys", "clock", "units")["keys"]
    assert [(one.level, one.subject) for one in found] == [
        (Level.CRITICAL, "keys/ocsp"),
        (Level.CRITICAL, "keys/kmc"),
        (Level.CRITICAL, "keys/ra"),
    ]
    assert (
        "no passphrase" in found[0].what and "wrong passphrase" in found[1].what and "others can read" in found[2].what
    )


class _Terminal:
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        raise AssertionError("somebody is asked")


def test_the_clock_is_behind_what_was_recorded(home: Home) -> None:
    advance(home, -timedelta(hours=1))
    (one,) = amiss(home, "database")["database"]
    assert one.level is Level.CRITICAL and "the clock is behind the newest entry" in one.what


def test_a_source_of_time_that_says_nothing(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YINXIN_TSA__CLOCK_SOURCES", '["chrony"]')
    monkeypatch.setenv("PATH", str(tmp_path))
    found = amiss(home, "clock")["clock"]
    assert worst(found) is Level.CRITICAL and "install it" in found[0].remedy


def test_a_database_of_another_version_and_one_that_is_gone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.storage  # noqa: B018 - opened while it was in order
    change(home, sa.text("UPDATE alembic_version SET version_num = '0001'"))
    (one,) = amiss(home, "database")["database"]
    assert (one.level, one.remedy) == (Level.CRITICAL, "run: yinxin migrate")
    monkeypatch.setenv("YINXIN_STORAGE__URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    gone = Home(home.path)
    found = amiss(gone, "database", "crl", "checkpoints", "backup", "requests", "certificates")
    assert {name: worst(each) for name, each in found.items()} == dict.fromkeys(
        ("database", "crl", "checkpoints", "backup", "requests"), Level.CRITICAL
    )


_Usage = namedtuple("_Usage", "total used free")


@pytest.mark.parametrize(("free", "level"), [(11, None), (9, Level.WARNING), (2, Level.CRITICAL)])
def test_a_disk_that_fills(home: Home, free: int, level: Level | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: _Usage(100, 100 - free, free))
    assert [one.level for one in amiss(home, "disk").get("disk", [])] == ([level] if level else [])


def test_what_waits(home: Home) -> None:
    now = home.clock.now()
    asked = {"keeper": "tsa", "name": "sm2.g2", "request": b"x", "asked_at": now, "complaint": "the key is another"}
    change(home, sa.insert(service_requests).values(asked))
    unfinished = sa.update(certificates).where(certificates.c.id == 1).values(certificate=None, intended_at=now)
    change(home, unfinished)
    change(home, sa.update(certificate_requests).where(certificate_requests.c.id == 1).values(state="approved"))
    batch = {"id": 1, "number": "B1", "caller": "oa", "content": b"{}", "state": "started", "made_at": now}
    document = {"position": 1, "name": "a.pdf", "state": "waiting", "sha256_before": "0" * 64, "due_at": now}
    change(home, sa.insert(batches).values(batch), sa.insert(batch_documents).values(batch_id=1, **document))
    found = amiss(home, "service-requests", "requests", "batches", "intents")
    assert {name: one.what for name, (one,) in found.items()}.keys() == {"service-requests"}
    advance(home, 4 * DAY)
    found = amiss(home, "service-requests", "requests", "batches", "intents")
    assert {name: (one.level, one.subject) for name, (one,) in found.items()} == {
        "service-requests": (Level.WARNING, "renewal tsa-sm2.g2"),
        "requests": (Level.WARNING, "requests for certificates"),
        "batches": (Level.WARNING, ""),
        "intents": (Level.WARNING, ""),
    }
    # A batch that is still being filled keeps nobody waiting.
    change(home, sa.update(batches).values(state="open"))
    assert amiss(home, "batches") == {}


def test_a_log_without_checkpoints(home: Home) -> None:
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, Event("ra.request.enter", "张三", "R1"))
    assert amiss(home, "checkpoints") == {}
    for minutes, level in ((16, Level.WARNING), (61, Level.CRITICAL)):
        advance(home, timedelta(minutes=minutes))
        assert {one.level for one in amiss(home, "checkpoints")["checkpoints"]} >= {level}
    Notary(home.context, home.key_store("audit").signer("log")).checkpoint()
    unstamped = amiss(home, "checkpoints")["checkpoints"]
    assert [one.what for one in unstamped] == ["1 checkpoints have no time stamp or no copy outside"]


def test_a_checkpoint_of_another_key(home: Home) -> None:
    from audit.key import armour, public_key_file

    public_key_file(home).write_bytes(armour(generate(KeyKind.SM2).public_key_info))
    (one,) = amiss(home, "checkpoints")["checkpoints"]
    assert one.level is Level.CRITICAL and "tell the auditor" in one.remedy


@pytest.mark.parametrize(("hours", "level"), [(35, None), (37, Level.WARNING), (170, Level.CRITICAL)])
def test_old_backups(home: Home, hours: int, level: Level | None) -> None:
    advance(home, timedelta(hours=hours))
    assert [one.level for one in amiss(home, "backup").get("backup", [])] == ([level] if level else [])
    change(home, sa.delete(backups))
    assert amiss(home, "backup")["backup"][0].what == "no backup was ever made"


def test_the_command(yinxin: Yinxin, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINXIN_HEALTH__ATTENDED", '["ca", "tsa", "seals", "kmc", "ra", "audit"]')
    monkeypatch.setenv("YINXIN_HEALTH__DISK_WARNING_PERCENT", "0")
    monkeypatch.setenv("YINXIN_HEALTH__DISK_CRITICAL_PERCENT", "0")
    shown = yinxin("--home", home.path, "health")
    assert (shown.code, shown.out.split()[0]) == (0, "Level")
    assert yinxin("--home", home.path, "health", "--amiss").err == "Nothing is amiss.\n"
    change(home, sa.delete(backups))
    told = yinxin("--home", home.path, "health", "--json", "--amiss")
    facts = json.loads(told.out)
    assert (told.code, facts["status"], [one["check"] for one in facts["findings"]]) == (1, "warning", ["backup"])
    home.passphrase_file("ocsp").unlink()
    critical = yinxin("--home", home.path, "health")
    assert critical.code == 2 and critical.out.splitlines()[2].startswith("critical")
    assert "Traceback" not in critical.out + critical.err


@pytest.mark.parametrize("service", ["ca", "ra", "seals", "kmc"])
def test_the_world_is_told_which_check_and_nothing_of_what_is_inside(
    home: Home, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(build(service, home))
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: _Usage(100, 99, 1))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json == {"status": "critical", "findings": [{"check": "disk", "level": "critical"}]}
    assert str(home.path) not in answer.text
    assert client.post("/healthz").status_code in (404, 405)


def test_however_often_it_is_asked_it_is_examined_once() -> None:
    made = []

    def check() -> Iterator[Finding]:
        made.append(1)
        yield ok("", "well")

    health = Health({"one": check}, seconds=3600)
    assert {health.told() for _time in range(100)} == {(200, b'{"status": "ok", "findings": []}\n')}
    assert len(made) == 1
    lively = Health({"one": check}, seconds=0)
    lively.told()
    lively.told()
    assert len(made) == 3


def test_a_check_that_fails_does_not_hold_up_the_others() -> None:
    def defective() -> Iterator[Finding]:
        yield ok("a", "well")
        raise RuntimeError("the secret is 42")

    def refused() -> Iterator[Finding]:
        raise YinxinError(Kind.UNAVAILABLE, "away", subject="b", remedy="wait")
        yield

    found = examine({"defective": defective, "refused": refused, "last": lambda: [ok("c", "well")]})
    assert [(one.check, one.level) for one in found] == [
        ("defective", Level.CRITICAL),
        ("refused", Level.CRITICAL),
        ("last", Level.OK),
    ]
    assert "42" not in json.dumps(told_to_anybody(found))


def test_of_a_short_life_only_a_part_counts() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    for left, level in ((5.1, Level.OK), (4.9, Level.WARNING), (2.4, Level.CRITICAL), (-1, Level.CRITICAL)):
        assert by_end("a", now + (left - 30) * DAY, now + left * DAY, now, (30, 7)).level is level
    for left, level in ((31, Level.OK), (29, Level.WARNING), (6, Level.CRITICAL)):
        assert by_end("a", now - 3000 * DAY, now + left * DAY, now, (30, 7)).level is level


def test_nobody_is_asked_for_a_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.keys import passphrase

    monkeypatch.setattr("sys.stdin", _Terminal())
    with passphrase.without_asking(), pytest.raises(YinxinError, match="no terminal"):
        passphrase.obtain("keys/ca")
    assert os.environ.get("YINXIN_CA_PASSPHRASE") is None
