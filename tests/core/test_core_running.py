"""A service enters its beginning, changed settings, and its end; opened keys are entered, floods are counted."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.algorithms import KeyKind
from core.audit import CONFIGURATION, entries
from core.config import AuditSettings, BackupSettings, CaSettings, Configuration, StorageSettings
from core.configuration_entries import note_configuration
from core.context import Context
from core.errors import YinxinError
from core.home import Home
from core.running import running
from core.storage import Storage
from core.tally import MAXIMUM, Tally


def logged(storage: Storage, act: str = "") -> list[dict[str, Any]]:
    with storage.reading() as connection:
        query = sa.select(entries.c.entry).order_by(entries.c.id)
        found = [json.loads(one) for one in connection.scalars(query)]
    return [one for one in found if one["act"].startswith(act)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    (tmp_path / "keys/audit").mkdir(parents=True)
    (tmp_path / "passphrases").mkdir()
    (tmp_path / "yinxin.toml").write_text("")
    home = Home(tmp_path)
    Storage(home.database_url).migrate()
    secret = home.passphrase_file("audit")
    secret.write_bytes(b"canary-passphrase")
    secret.chmod(0o600)
    home.key_store("audit").create("log", KeyKind.P256)
    yield Home(tmp_path)
    home.storage.close()


def test_only_changes_are_entered_with_what_changed(context: Context) -> None:
    first, second = Configuration(), Configuration(ca=CaSettings(crl_hours=12), backup=BackupSettings(keep=3))
    digests = [note_configuration(context, one) for one in (first, first, second, second, first)]
    one, other, again = logged(context.storage, CONFIGURATION)
    assert [one["subject"], other["subject"], again["subject"]] == [digests[0], digests[2], digests[4]]
    assert one["details"]["changed"] == {}
    assert other["details"]["changed"] == {"ca.crl_hours": [24, 12], "backup.keep": [14, 3]}
    assert again["details"]["changed"] == {"ca.crl_hours": [12, 24], "backup.keep": [3, 14]}
    assert other["details"]["settings"]["ca.crl_hours"] == 12


def test_after_an_entry_of_an_earlier_version(context: Context) -> None:
    note_configuration(context, Configuration())
    with context.storage.transaction() as connection:
        (octets,) = connection.scalars(sa.select(entries.c.entry)).all()
        earlier = json.loads(octets) | {"subject": "00" * 32, "details": {"digest": "sm3"}}
        connection.execute(sa.update(entries).values(entry=json.dumps(earlier).encode()))
    note_configuration(context, Configuration())
    assert logged(context.storage)[-1]["details"]["changed"] == {}


@pytest.mark.parametrize(
    "secret",
    [
        Configuration(storage=StorageSettings(url="postgresql+psycopg://u:canary@db/yinxin?password=canary")),
        Configuration(audit=AuditSettings(copies=("https://canary:canary@logs.example/x?token=canary",))),
        Configuration(audit=AuditSettings(copies=("https://[canary",))),
    ],
)
def test_no_secret_is_entered(context: Context, secret: Configuration) -> None:
    note_configuration(context, Configuration())
    note_configuration(context, secret)
    (_first, entry) = logged(context.storage)
    assert entry["details"]["changed"] and "canary" not in json.dumps(entry)


def test_the_last_settings_are_found_by_the_index(each_storage: Storage) -> None:
    from core.configuration_entries import _LAST

    if each_storage.engine.dialect.name == "sqlite":
        with each_storage.reading() as connection:
            statement = str(_LAST.compile(connection.engine, compile_kwargs={"literal_binds": True}))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
        assert "audit_entries_configuration" in str(plan)
    context = Context(each_storage)
    assert note_configuration(context, Configuration()) == note_configuration(context, Configuration())


def test_a_service_begins_and_ends(home: Home) -> None:
    with pytest.raises(ZeroDivisionError), running(home, "ocsp"):
        raise ZeroDivisionError
    configuration, start, stop = logged(home.storage)
    assert (start["act"], stop["act"], start["subject"]) == ("service.start", "service.stop", "ocsp")
    assert start["details"]["configuration"] == configuration["subject"]
    assert start["details"]["process"] == os.getpid() and start["actor"].startswith("local:")


def test_what_cannot_be_entered_does_not_begin(home: Home) -> None:
    with home.storage.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE audit_entries")
    with pytest.raises(YinxinError), running(home, "ocsp"):
        pytest.fail("it began")


def test_opening_keys_is_entered_once_for_each_store(home: Home) -> None:
    for _time in range(3):
        home.key_store("audit").signer("log")
    (entry,) = logged(home.storage)
    assert (entry["act"], entry["subject"]) == ("core.keys.open", "keys/audit")
    assert entry["details"]["process"] == os.getpid() and entry["details"]["program"]


def test_a_refused_opening_is_entered_each_time(home: Home) -> None:
    home.passphrase_file("audit").write_bytes(b"another-canary")
    for _time in range(2):
        with pytest.raises(YinxinError, match="wrong passphrase"):
            home.key_store("audit").signer("log")
    found = logged(home.storage, "core.keys.open.refused")
    assert len(found) == 2 and "canary" not in json.dumps(found)


def test_keys_that_open_inside_a_transaction(home: Home) -> None:
    """SQLite has one writer: to enter it then would wait for itself."""
    with home.storage.transaction():
        home.key_store("audit").signer("log")
        assert logged(home.storage) == []
    assert [one["act"] for one in logged(home.storage)] == ["core.keys.open"]
    again = Home(home.path)
    with pytest.raises(ZeroDivisionError), again.storage.transaction():
        again.key_store("audit").signer("log")
        raise ZeroDivisionError
    assert len(logged(home.storage)) == 2  # the act was undone, and the keys were open nevertheless
    again.storage.close()


def test_examining_health_is_no_opening(home: Home) -> None:
    home.records_openings = False
    home.key_store("audit").signer("log")
    assert logged(home.storage) == []


def test_a_flood_is_two_entries(context: Context) -> None:
    tally = Tally(context)

    def count() -> None:
        for _time in range(50):
            tally.count("a.b", "x", "y", "r")

    threads = [threading.Thread(target=count) for _thread in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    tally.count("a.b", "x", "z")
    tally.enter()
    first, other, rest = logged(context.storage)
    assert first["details"] == {"rule": "r"} and other["subject"] == "z"
    assert rest["details"] == {"rule": "r", "again": 199} and rest["subject"] == "y"
    tally.count("a.b", "x", "y", "r")
    assert len(logged(context.storage)) == 4  # another period has begun
    tally.enter()
    assert len(logged(context.storage)) == 4


def test_what_strangers_say_of_themselves_is_bounded(context: Context) -> None:
    tally = Tally(context)
    for number in range(MAXIMUM + 50):
        tally.count("a.b.refused", "unverified", f"{number:03}" * 100, "r")
    tally.enter()
    found = logged(context.storage)
    assert len(found) == MAXIMUM + 2 and found[-1]["details"]["again"] == 49
    assert all(len(one["subject"]) <= 128 for one in found)


def test_the_period_ends_by_itself(context: Context) -> None:
    tally = Tally(context, period_seconds=0.05)
    tally.count("a.b", "x", "y", times=3)
    deadline = threading.Event()
    while len(logged(context.storage)) < 2:
        assert not deadline.wait(0.02)
    assert logged(context.storage)[1]["details"] == {"again": 2}


def test_the_first_that_cannot_be_entered_is_told(context: Context) -> None:
    with context.storage.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE audit_entries")
    with pytest.raises(YinxinError):
        Tally(context).count("a.b", "x", "y")
