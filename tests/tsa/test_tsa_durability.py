"""Recorded before returned: in groups, by several processes, and when all of them are killed under load."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.algorithms import SHA256
from core.clock import FixedClock
from core.context import Context
from core.storage import Storage, Writer
from tests.support.demonstration import free_ports, listens
from tests.support.processes import environment
from tests.support.tsa import Stamps, write_home
from tsa import records
from tsa.authority import TimeStampAuthority
from tsa.recorder import Recorder
from tsa.records import TimeWentBack, TokenRecord
from tsa.request import QUERY, MessageImprint, TimeStampRequest
from tsa.response import token_of
from tsa.verification import read_token

WORKERS = 3
CLIENTS = 8


def entry(clock: FixedClock, serial: int) -> TokenRecord:
    return TokenRecord(serial, "sm2", "1.2.3", "sm3", bytes(32), clock.now(), bytes(32))


def books(storage: Storage) -> list[sa.Row[Any]]:
    with storage.reading() as connection:
        return list(connection.execute(sa.select(records.tokens).order_by(records.tokens.c.number)))


class SlowWriter(Writer):
    """That of `Slow`."""

    def __init__(self, storage: "Slow") -> None:
        super().__init__(storage)
        self.slow = storage

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        self.slow.begun.set()
        assert self.slow.let.wait(20)
        self.slow.count += 1
        with super().transaction() as connection:
            yield connection
            if self.slow.broken:
                raise OSError("disk full")


class Slow(Storage):
    """Begins no transaction until it is let; counts them; fails if told so."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.let, self.begun, self.count = threading.Event(), threading.Event(), 0
        self.broken = False

    def writer(self) -> Writer:
        return SlowWriter(self)


@pytest.fixture
def slow(each_storage: Storage) -> Iterator[Slow]:
    storage = Slow(each_storage.url)
    yield storage
    storage.close()


def record_all(storage: Slow, entries: list[TokenRecord], *, strictly: bool = False) -> list[Exception | None]:
    """What each was told: the first is under way when the others come, so that these make one group."""
    recorder = Recorder(storage, strictly=strictly)
    told: dict[int, Exception | None] = {}
    all_told = threading.Event()

    def then(place: int) -> Any:
        def tell(failure: Exception | None) -> None:
            assert place not in told
            told[place] = failure
            if len(told) == len(entries):
                all_told.set()

        return tell

    recorder.record([(entries[0], then(0))])
    assert storage.begun.wait(20)
    for place, one in enumerate(entries[1:], 1):
        recorder.record([(one, then(place))])
    assert not told
    storage.let.set()
    assert all_told.wait(20)
    return [told[place] for place in range(len(entries))]


def test_a_group_is_one_transaction(slow: Slow, clock: FixedClock) -> None:
    assert record_all(slow, [entry(clock, serial) for serial in range(1, 41)]) == [None] * 40
    assert slow.count == 2
    assert [row.number for row in books(slow)] == list(range(1, 41))


def test_a_group_fails_as_one(slow: Slow, clock: FixedClock) -> None:
    slow.broken = True
    told = record_all(slow, [entry(clock, serial) for serial in range(1, 11)])
    assert [str(failure) for failure in told] == ["disk full"] * 10
    assert books(slow) == []
    slow.broken = False
    assert record_all(slow, [entry(clock, 1)]) == [None]


def test_a_serial_twice_fails_its_group_and_no_other(slow: Slow, clock: FixedClock) -> None:
    told = record_all(slow, [entry(clock, serial) for serial in (1, 2, 3, 1)])
    assert told[0] is None
    assert all(isinstance(failure, sa.exc.IntegrityError) for failure in told[1:])
    assert [int(row.serial, 16) for row in books(slow)] == [1]


@pytest.mark.parametrize(("strictly", "late"), [(False, {3}), (True, {2, 3, 5})])
def test_who_comes_too_late_is_told_alone(slow: Slow, clock: FixedClock, strictly: bool, late: set[int]) -> None:
    start = clock.now()
    entries = []
    for serial, second in enumerate((0, 1, 1, 0, 2, 2), 1):
        clock.moment = start.replace(second=second)
        entries.append(entry(clock, serial))
    told = record_all(slow, entries, strictly=strictly)
    assert {place for place, failure in enumerate(told) if isinstance(failure, TimeWentBack)} == late
    assert [failure for place, failure in enumerate(told) if place not in late] == [None] * (6 - len(late))
    rows = books(slow)
    assert [row.number for row in rows] == list(range(1, 7 - len(late)))
    assert [row.gen_time for row in rows] == sorted(row.gen_time for row in rows)


def test_the_recorder_wakes_again(slow: Slow, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsa.recorder.IDLE_SECONDS", 0.01)
    slow.let.set()
    recorder = Recorder(slow)
    for serial in range(1, 4):
        told = threading.Event()
        recorder.record([(entry(clock, serial), lambda _failure, told=told: told.set())])  # type: ignore[misc]
        assert told.wait(20)
        deadline = time.monotonic() + 20
        while recorder._thread is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert recorder._thread is None
    assert len(books(slow)) == 3


def test_ordered_tokens_can_be_told_apart(each_storage: Storage, clock: FixedClock, stamps: Stamps) -> None:
    """Also by a clock that stands still, and after a restart."""
    ordered = [unit for unit in stamps.units if unit.name == "p256"]
    times = []
    for _restart in range(2):
        authority = TimeStampAuthority(Context(each_storage, clock), ordered, ordering=True)
        with_threads = [threading.Thread(target=lambda a=authority: a.stamp(SHA256, bytes(32))) for _ in range(8)]
        for thread in with_threads:
            thread.start()
        for thread in with_threads:
            thread.join()
        clock.moment = clock.moment.replace(microsecond=clock.moment.microsecond + 5000)
    times = [row.gen_time for row in books(each_storage)]
    assert len(times) == 16
    assert times == sorted(set(times))


class Service:
    """The service of a home in processes of its own, and clients that keep what they were given."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tsa.server"],
            env=environment(YINXIN_HOME=str(folder), YINXIN_TSA__PORT=str(self.port), YINXIN_TSA__WORKERS=str(WORKERS)),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while not listens(self.port):
            assert self.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        self.tokens: list[bytes] = []
        self._clients = [threading.Thread(target=self._ask) for _place in range(CLIENTS)]

    def _ask(self) -> None:
        query = TimeStampRequest(MessageImprint.of(SHA256, bytes(32)), wants_certificates=True).encode()
        with suppress(OSError, HTTPException):
            while True:
                connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
                for _request in range(20):  # then a new connection, which the kernel may give to another process
                    connection.request("POST", "/", query, {"Content-Type": QUERY})
                    self.tokens.append(token_of(connection.getresponse().read()))
                connection.close()

    def kill_under_load(self, after: int) -> None:
        """All processes at once, when so many tokens were given."""
        for client in self._clients:
            client.start()
        deadline = time.monotonic() + 60
        while len(self.tokens) < after and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for client in self._clients:
            client.join()


def test_kill_under_load_loses_no_token(each_storage: Storage, stamps: Stamps, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    write_home(folder, {"p256": stamps.hierarchies["p256"]}, f'[storage]\nurl = "{each_storage.url}"\n')
    given: list[bytes] = []
    for _round in range(2):
        service = Service(folder)
        service.kill_under_load(after=150)
        given += service.tokens
    rows = {int(row.serial, 16): row for row in books(each_storage)}
    serials = [read_token(token).serial for token in given]
    assert len(given) >= 300 and len(set(serials)) == len(serials)
    for token, serial in zip(given, serials, strict=True):
        assert rows[serial].token_digest == SHA256.of(token)
    in_order = sorted(rows.values(), key=lambda row: row.number)
    assert [row.number for row in in_order] == list(range(1, len(rows) + 1))
    assert [row.gen_time for row in in_order] == sorted(row.gen_time for row in in_order)
