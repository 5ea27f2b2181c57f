"""Accidents under every act: the disk is full or can only be read, the clock is wrong. Nothing is half done."""

import random
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core import files
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.home import Home
from core.storage import Storage
from tests.faults import acts_house, books
from tests.faults.campaign import ACTS, Campaign
from tests.faults.kills import Told, undisturbed
from tests.faults.world import Later, World
from tsa.response import Rejection

LEISURELY = {"time stamps, four at once", "backup"}
"""Acts of threads, whose errors are the threads' own; and one that works on copies, which has a test below."""
SHORT = [name for name in ACTS if name not in LEISURELY]


@pytest.fixture(scope="module")
def campaign(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    folder = tmp_path_factory.mktemp("accidents")
    home = Home(shutil.copytree(seeded_home, folder / "home"), Later())
    yield Campaign(World(home), folder, random.Random(8))
    home.storage.close()


def done(campaign: Campaign, name: str) -> tuple[list[Told], YinxinError | None]:
    """What the caller of an act was told, and how it ended."""
    told: list[Told] = []

    def tell(**what: Any) -> None:
        told.append(what)

    try:
        ACTS[name](campaign.world, tell)
    except YinxinError as error:
        return told, error
    return told, None


@contextmanager
def pragma(storage: Storage, words: str) -> Iterator[None]:
    """On each connection that is opened meanwhile."""

    def say(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA {words}")

    storage.close()
    sa.event.listen(storage.engine, "connect", say)
    try:
        yield
    finally:
        sa.event.remove(storage.engine, "connect", say)
        storage.close()


def compacted(storage: Storage) -> None:
    """No page is free in the file."""
    storage.close()
    connection = sqlite3.connect(str(storage.engine.url.database), isolation_level=None)
    connection.execute("VACUUM")
    connection.close()


def pages(storage: Storage) -> int:
    with storage.reading() as connection:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar() or 0)


def test_a_full_disk_stops_every_act_in_words_and_loses_nothing(campaign: Campaign) -> None:
    storage, stopped = campaign.world.home.storage, 0
    for name in SHORT:
        compacted(storage)
        with pragma(storage, f"max_page_count = {pages(storage)}"):
            told, error = done(campaign, name)
        with storage.reading() as connection:
            assert [finding for one in told for finding in books.lost(connection, one)] == []
        assert campaign.look() == []
        if error is not None:
            stopped += 1
            assert error.kind is Kind.UNAVAILABLE, (name, error)
            assert "full" in str(error) or "could not be recorded" in str(error), (name, error)
    assert stopped >= len(SHORT) / 2
    assert campaign.verify() == []


def test_a_database_that_can_only_be_read(campaign: Campaign) -> None:
    storage = campaign.world.home.storage
    with pragma(storage, "query_only = ON"):
        for name in SHORT:
            told, error = done(campaign, name)
            assert told == [] and error is not None, name
            assert error.kind is Kind.UNAVAILABLE, (name, error)
            assert "may not write to the database" in str(error) or "could not be recorded" in str(error), (name, error)
    assert campaign.look() == []


@pytest.mark.parametrize("days", [-1000, 366 * 12])
def test_a_wrong_clock_is_told_in_words(campaign: Campaign, days: int) -> None:
    """A day when nothing is valid yet, and one when nothing is any more; afterwards all goes on."""
    clock = campaign.world.home.clock
    assert isinstance(clock, Later)
    clock.by = timedelta(days=days)
    for name in SHORT:
        _told, error = done(campaign, name)
        if name in ("audit checkpoint", "certificate of a service", "key recovery", "batch sealing"):
            continue  # they stand on no certificate of ours, or wait for better times
        assert error is not None, name
        words = str(error)
        if days < 0:
            assert "clock" in words or "does not hold" in words, (name, words)
        else:
            assert any(one in words for one in ("expired", "ended", "does not hold", "no longer valid")), (name, words)
    with pytest.raises(YinxinError, match="check the clock" if days < 0 else "yinxin renew tsa"):
        campaign.world.timestamps.stamp(SM3, b"0" * 32, unit="sm2")
    clock.by = timedelta()
    assert campaign.look() == []


def test_after_a_leap_into_the_future_no_earlier_time_is_told(campaign: Campaign) -> None:
    clock = campaign.world.home.clock
    assert isinstance(clock, Later)
    clock.by = timedelta(days=2)
    told, error = done(campaign, "revocation list")
    assert error is None and told
    campaign.world.timestamps.stamp(SM3, b"0" * 32, unit="sm2")
    clock.by = timedelta()
    _told, error = done(campaign, "revocation list")
    assert error is not None and "the clock is behind the last CRL" in str(error)
    with pytest.raises((YinxinError, Rejection), match="the clock is behind the latest token"):
        campaign.world.timestamps.stamp(SM3, b"0" * 32, unit="sm2")
    assert campaign.look() == [] and campaign.verify() == []


def limited(size: int, work: Callable[[], None]) -> str:
    """What becomes of the work in a process that cannot write more than so many octets to a file."""

    def body(tell: Callable[..., None]) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            work()
        except YinxinError as error:
            tell(error=str(error))

    told = undisturbed(body).told
    return str(told[0]["error"]) if told else ""


def test_a_file_that_has_no_room_is_not_there(campaign: Campaign, tmp_path: Path) -> None:
    error = limited(1000, lambda: files.write(tmp_path / "large", b"x" * 2000))
    assert "cannot write: File too large" in error
    assert list(tmp_path.iterdir()) == []


def test_a_backup_that_has_no_room_is_neither_there_nor_in_the_books(campaign: Campaign) -> None:
    world = campaign.world
    backups = world.home.path.parent / "backups"
    backups.mkdir(exist_ok=True)
    with world.closed():
        error = limited(200_000, lambda: acts_house.back_up(world, lambda **_what: None))
    assert "disk" in error or "cannot write" in error, error
    assert list(backups.iterdir()) == []
    assert acts_house.backup_findings(world.home) == []
