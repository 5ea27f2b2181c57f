"""What is no backup, what was altered, what is not for this person, what cannot be written: nothing half done."""

import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from audit.notes import sign_checkpoint
from ca.kmc.custody import Custodian as KeyCustodian
from ca.kmc.pools import generate, statistics
from ca.kmc.state import Pool
from core.algorithms import DIGESTS, KeyKind
from core.audit import entries
from core.cli import run
from core.errors import YinxinError
from core.home import Home
from core.keys.key_file import open_key_file
from core.keys.signer import Signer
from core.storage import Storage
from tests.conftest import postgresql_database
from tests.support.backups import PIN, TestCustodian, custodian, postgresql_programs
from tests.support.secrets_in_clear import found_in
from tests.yinxin.conftest import Yinxin
from yinxin.backup import archive, container, making, snapshot
from yinxin.backup.records import backups, newest
from yinxin.cli import front_door


@pytest.fixture(scope="module")
def home(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("refused") / "home"
    shutil.copytree(seeded_home, path)
    opened = Home(path)
    list(generate(opened.context, KeyCustodian(opened.key_store("kmc")), KeyKind.SM2, 3, actor="test"))
    opened.storage.close()
    return path


@pytest.fixture(scope="module")
def zhang(tmp_path_factory: pytest.TempPathFactory) -> TestCustodian:
    return custodian(tmp_path_factory.mktemp("people"), KeyKind.SM2, "zhang")


@pytest.fixture(scope="module")
def backup(home: Path, zhang: TestCustodian, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backups")
    return making.make(Home(home), folder, making.custodians_of([zhang.certificate]), actor="test").file


@pytest.fixture
def options(home: Path, zhang: TestCustodian) -> tuple[str, ...]:
    return *zhang.options, "--audit-key", str(home / "trust/audit-log.pub")


def test_no_passphrase_and_no_pin_and_no_key_in_clear_is_in_it(
    home: Path, zhang: TestCustodian, backup: Path, tmp_path: Path
) -> None:
    secrets = [file.read_bytes().strip() for file in (home / "passphrases").iterdir()]
    secrets += [file.read_bytes().strip() for file in home.rglob("*pin") if file.is_file()]
    assert len(secrets) >= 10
    recipient = open_key_file(zhang.key, PIN.encode())
    with container.opened(backup, audit_keys=[_audit_key(home)]) as opened, opened.content(recipient) as stream:
        names = archive.unpack(stream, tmp_path / "all", DIGESTS[opened.header.digest])
    assert {"records", "yinxin.toml", "keys/ca/sm2-issuing.pem", "trust/audit-log.pub"} <= set(names)
    assert not any(name.startswith(("passphrases", "administrators", "people")) for name in names)
    assert found_in(tmp_path / "all", secrets) == []
    shutil.copy(backup, tmp_path / "all/the-backup")
    assert b"SQLite format" not in backup.read_bytes()


def _audit_key(home: Path) -> bytes:
    from audit.key import read_public_key

    return read_public_key(home / "trust/audit-log.pub")


def _altered(backup: Path, folder: Path, place: int) -> Path:
    octets = bytearray(backup.read_bytes())
    octets[place] ^= 1
    file = folder / f"altered-{place}.backup"
    file.write_bytes(octets)
    return file


def test_an_altered_backup_is_refused_before_anything_is_read(
    yinxin: Yinxin, backup: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    with zipfile.ZipFile(backup) as whole:
        # What lies between the members, as dates of entries, is ZIP's and means nothing.
        begins = [(one.header_offset + 80, one.file_size) for one in whole.infolist()]
    for place in (begin + size * part // 8 for begin, size in begins for part in (0, 3, 7)):
        refused = yinxin("--home", tmp_path / "new", "restore", _altered(backup, tmp_path, place), *options)
        assert refused.code == 2 and "error: " in refused.err, place
    assert not (tmp_path / "new").exists()
    assert {file.suffix for file in tmp_path.iterdir()} == {".backup"}


def test_a_truncated_backup_is_refused(yinxin: Yinxin, backup: Path, options: tuple[str, ...], tmp_path: Path) -> None:
    octets = backup.read_bytes()
    for length in (0, 10, 1000, len(octets) // 2, len(octets) - 1):
        (tmp_path / "short.backup").write_bytes(octets[:length])
        refused = yinxin("--home", tmp_path / "new", "restore", tmp_path / "short.backup", *options)
        assert "cut off or altered" in refused.refusal
    assert [file.name for file in tmp_path.iterdir()] == ["short.backup"]


def _write(path: Path, header: container.Header, signer: Signer) -> None:
    with path.open("wb") as file, container.writing(file, header, bytes(16), signer) as stream:
        stream.write(b"anything")


def _remade(backup: Path, file: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.get(name.partition(".")[0], old.read(name)))
    return file


def test_another_installation_cannot_pass_for_this_one(
    yinxin: Yinxin, home: Path, backup: Path, zhang: TestCustodian, options: tuple[str, ...], tmp_path: Path
) -> None:
    header = container.read_header(backup)
    stranger = custodian(tmp_path, KeyKind.SM2, "stranger").party.key
    forged = header.model_copy(update={"audit_key": stranger.public_key_info})
    _write(tmp_path / "forged.backup", forged, stranger)
    refused = yinxin("--home", tmp_path / "new", "restore", tmp_path / "forged.backup", *options)
    assert "signed by another key" in refused.refusal
    # Nor by naming our key in a header that the stranger signs.
    _write(tmp_path / "named.backup", header, stranger)
    refused = yinxin("--home", tmp_path / "new", "restore", tmp_path / "named.backup", *options)
    assert "the signature of the backup is not good" in refused.refusal
    # A checkpoint of the log is no manifest.
    note = _remade(backup, tmp_path / "note.backup", manifest=header.checkpoint.encode())
    assert "not good" in yinxin("--home", tmp_path / "new", "restore", note, *options).refusal
    nobody = yinxin("--home", tmp_path / "new", "restore", backup, *zhang.options)
    assert "nobody says whose backup this is" in nobody.refusal


def test_it_opens_for_its_custodian_only(
    yinxin: Yinxin, home: Path, backup: Path, zhang: TestCustodian, tmp_path: Path
) -> None:
    key = "--audit-key", home / "trust/audit-log.pub"
    li = custodian(tmp_path, KeyKind.SM2, "li")
    other = yinxin("--home", tmp_path / "new", "restore", backup, *li.options, *key)
    assert "not encrypted to this key (it opens for: " in other.refusal
    li.pin.write_bytes(b"wrong")
    wrong = yinxin("--home", tmp_path / "new", "restore", backup, *li.options, *key)
    assert "wrong passphrase or PIN" in wrong.refusal
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["../escaped", "keys/../../escaped", "/tmp/escaped", "passphrases/ca", "keys/", "x"])
def test_nothing_is_written_elsewhere(name: str, tmp_path: Path) -> None:
    """Though it is signed: an archive says what is in it, not where it lies."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        made.addfile(entry, io.BytesIO(b"x"))
    packed.seek(0)
    with pytest.raises(YinxinError, match="not as its manifest has it"):
        archive.unpack(packed, tmp_path / "new", DIGESTS["sm3"])
    assert not list(tmp_path.rglob("*escaped*"))


def test_a_link_and_a_missing_manifest_are_refused(tmp_path: Path) -> None:
    for kind, size in ((tarfile.SYMTYPE, 0), (tarfile.REGTYPE, 1)):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as made:
            entry = tarfile.TarInfo("keys/ca/a.pem")
            entry.type, entry.size, entry.linkname = kind, size, "/etc/passwd" if not size else ""
            made.addfile(entry, io.BytesIO(b"x"))
        packed.seek(0)
        with pytest.raises(YinxinError):
            archive.unpack(packed, tmp_path / str(size), DIGESTS["sm3"])


def test_a_home_or_records_that_are_there_stay(
    yinxin: Yinxin, home: Path, backup: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    before = (home / "yinxin.db").read_bytes()
    there = yinxin("--home", home, "restore", backup, *options)
    assert "there is something here already" in there.refusal
    place = f"sqlite:///{home / 'yinxin.db'}"
    records = yinxin("--home", tmp_path / "new", "restore", backup, *options, "--storage", place)
    assert "there are records here already" in records.err
    kind = yinxin("--home", tmp_path / "new", "restore", backup, *options, "--storage", "postgresql+psycopg://x@/y")
    assert "of another kind" in kind.err
    assert (home / "yinxin.db").read_bytes() == before
    assert not list(tmp_path.iterdir())


def test_records_go_where_they_are_asked_to(
    yinxin: Yinxin, backup: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "records/books.db"
    url = f"sqlite:///{elsewhere}"
    done = yinxin("--home", tmp_path / "new", "restore", backup, *options, "--storage", url, "--json")
    assert done.code == 0, done.err
    facts = json.loads(done.out)
    assert (facts["lost"], facts["presumed"], facts["discarded"]) == (0, [], 3)
    restored = Home(tmp_path / "new")
    with restored.storage.reading() as connection:
        assert newest(connection) == container.read_header(backup).made_at
    assert restored.configuration.storage.url == url and elsewhere.exists()
    assert "# Who runs the centre" in (tmp_path / "new/yinxin.toml").read_text()
    assert not [count for count in statistics(restored.context) if count.pool is Pool.SPARE]
    restored.storage.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new", "records"]


def _later_checkpoint(home: Home, folder: Path, more: int, *, size: int = 0) -> Path:
    """What was copied outside after the backup, when there were so many entries more."""
    from audit.notes import Checkpoint
    from audit.sequencer import latest_checkpoint, read_log

    with home.storage.reading() as connection:
        log, last = read_log(connection), latest_checkpoint(connection)
    assert last is not None
    checkpoint = Checkpoint(log.origin, size or last.size + more, bytes(32), log.digest, home.clock.now())
    file = folder / "later.txt"
    file.write_bytes(sign_checkpoint(checkpoint, home.key_store("audit").signer("log")))
    return file


def test_what_was_lost_is_said_in_numbers(
    yinxin: Yinxin, home: Path, backup: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    later = _later_checkpoint(Home(home), tmp_path, 40)
    done = yinxin("--home", tmp_path / "new", "restore", backup, *options, "--storage", "", "--checkpoint", later)
    assert done.code == 0
    # The entry about the backup itself was made after its snapshot: one of the forty is not lost but was never in it.
    assert "40 acts or more are lost" in done.err
    listed = yinxin("--home", tmp_path / "new", "audit", "list", "--json", "--limit", "9").out
    (entry,) = [one for one in json.loads(listed) if one["act"] == "backup.restore"]
    assert entry["details"]["lost"] == 40 and entry["details"]["beyond"]["size"] > entry["details"]["entries"]


def test_another_history_is_refused(
    yinxin: Yinxin, home: Path, backup: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    other = _later_checkpoint(Home(home), tmp_path, 0, size=20)  # of that size the log had another root
    refused = yinxin("--home", tmp_path / "new", "restore", backup, *options, "--checkpoint", other)
    assert "the log differs from the checkpoint over 20 entries" in refused.err
    assert [file.name for file in tmp_path.iterdir()] == ["later.txt"]


def test_a_clock_that_is_behind_is_refused(home: Path, backup: Path, zhang: TestCustodian, tmp_path: Path) -> None:
    from core.clock import FixedClock
    from yinxin.backup.restoring import Restoration

    with container.opened(backup, audit_keys=[_audit_key(home)]) as opened:
        behind = FixedClock(opened.header.made_at - timedelta(seconds=1))
        recipient = open_key_file(zhang.key, PIN.encode())
        with pytest.raises(YinxinError, match="the clock is behind"):
            Restoration(opened, tmp_path / "new", recipient, storage_url="", clock=behind).run(lambda _step: None)
    assert not list(tmp_path.iterdir())


@contextmanager
def small_disk(octets: int) -> Iterator[None]:
    """No file of this process grows beyond so many octets."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def _acts(home: Path) -> list[str]:
    opened = Home(home)
    with opened.storage.reading() as connection:
        acts = list(connection.scalars(sa.select(entries.c.act).where(entries.c.act.like("backup.%"))))
    opened.storage.close()
    return acts


@pytest.mark.parametrize("room_for_records", [False, True])
def test_a_full_disk_leaves_no_backup(
    home: Path, zhang: TestCustodian, tmp_path: Path, room_for_records: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the copy of the records has no room, then the backup."""
    certificates, before, take = making.custodians_of([zhang.certificate]), _acts(home), snapshot.take

    def taking(storage: Storage, file: Path) -> snapshot.Snapshot:
        if room_for_records:
            taken = take(storage, file)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        return taken if room_for_records else take(storage, file)

    monkeypatch.setattr(snapshot, "take", taking)
    with small_disk(resource.RLIM_INFINITY), pytest.raises(YinxinError, match="cannot"):
        making.make(Home(home), tmp_path, certificates, actor="test")
    assert not list(tmp_path.iterdir())
    assert _acts(home) == before


def test_a_full_disk_leaves_nothing_restored(
    yinxin: Yinxin, backup: Path, options: tuple[str, ...], tmp_path: Path
) -> None:
    with small_disk(200_000):
        refused = yinxin("--home", tmp_path / "new", "restore", backup, *options, "--storage", "")
    assert refused.code == 2
    assert not list(tmp_path.iterdir())


def test_killed_in_the_middle_nothing_is_there(
    yinxin: Yinxin,
    home: Path,
    backup: Path,
    zhang: TestCustodian,
    options: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a backup nor a home has its name before it is whole; begun again, it comes to be."""
    scratch = tmp_path / "scratch"
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    for folder in (scratch, tmp_path / "backups"):
        folder.mkdir()
    certificates = making.custodians_of([zhang.certificate])
    restoring = ("--home", str(tmp_path / "new"), "restore", str(backup), *options, "--storage", "")

    def make() -> None:
        making.make(Home(home), tmp_path / "backups", certificates, actor="test")

    for act, watched in ((make, tmp_path / "backups"), (lambda: run(front_door, restoring), tmp_path)):
        began = {file.name for file in watched.iterdir()}
        child = multiprocessing.get_context("fork").Process(target=act)
        child.start()
        while child.is_alive() and {file.name for file in watched.iterdir()} == began:
            time.sleep(0.001)
        child.kill()
        child.join()
        left = {file.name for file in watched.iterdir()} - began
        assert left and all(name.startswith(".") for name in left)
        assert child.exitcode == -signal.SIGKILL
    assert yinxin(*restoring).code == 0
    # The copy of the records that was left behind goes with the first backup a day later.
    (copy,) = scratch.iterdir()
    os.utime(copy, (0, 0))
    make()
    assert not list(scratch.iterdir())


def test_older_ones_are_removed_and_nobody_elses(
    home: Path, backup: Path, zhang: TestCustodian, tmp_path: Path
) -> None:
    header = container.read_header(backup)
    key = Home(home).key_store("audit").signer("log")
    for day in range(1, 5):
        for origin in (header.origin, "another/log"):
            made_at = header.made_at - timedelta(days=day, hours=origin == header.origin)
            changed = header.model_copy(update={"origin": origin, "made_at": made_at})
            _write(tmp_path / container.file_name(made_at), changed, key)
    (tmp_path / "yinxin-notes.backup").write_bytes(b"mine")
    (tmp_path / ".yinxin-20200101T000000Z.backup.0badcafe").write_bytes(b"left by a kill")
    os.utime(tmp_path / ".yinxin-20200101T000000Z.backup.0badcafe", (0, 0))
    certificates = making.custodians_of([zhang.certificate])
    made = making.make(Home(home), tmp_path, certificates, keep=3, actor="test")
    assert len(made.removed) == 2
    left = [file for file in tmp_path.iterdir() if file.name != "yinxin-notes.backup"]
    assert sorted(container.read_header(file).origin == header.origin for file in left) == [False] * 4 + [True] * 3
    assert made.file in left and (tmp_path / "yinxin-notes.backup").exists()


def test_whoever_may_not_open_backups(yinxin: Yinxin, home: Path, tmp_path: Path) -> None:
    to = ("--home", home, "backup", "--to", tmp_path / "a.backup")
    assert "nobody is named" in yinxin(*to).refusal
    signs_only = home / "people/staff/sm2-zhangsan.crt"
    assert "not for encryption" in yinxin(*to, "--custodian", signs_only).refusal
    assert "say where to" in yinxin("--home", home, "backup").err
    assert not list(tmp_path.iterdir())


def test_it_is_recorded_before_it_leaves(
    home: Path, zhang: TestCustodian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_arguments: object) -> None:
        raise YinxinError("unavailable", "no audit today")  # type: ignore[arg-type]

    monkeypatch.setattr(making, "_record", failing)
    with pytest.raises(YinxinError, match="no audit today"):
        making.make(Home(home), tmp_path, making.custodians_of([zhang.certificate]), actor="test")
    assert not list(tmp_path.iterdir())


def test_the_books_say_which_backups_were_made(home: Path, backup: Path) -> None:
    opened = Home(home)
    with opened.storage.reading() as connection:
        first = connection.execute(sa.select(backups).order_by(backups.c.id)).first()
    assert first is not None and (first.place, first.octets) == (str(backup), backup.stat().st_size)
    opened.storage.close()


def test_postgresql_programs_that_are_too_old_are_named(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from yinxin.backup import postgresql

    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgresql, "_DEBIAN", tmp_path)
    with pytest.raises(YinxinError, match=r"no pg_dump for PostgreSQL 18 here \(there is: 9\)"):
        postgresql.program_for("pg_dump", 18)


def test_an_unfinished_restoration_into_postgresql_is_begun_again(
    yinxin: Yinxin, postgresql_url: str, tmp_path: Path
) -> None:
    from yinxin.backup.target import target_for

    with postgresql_programs(), postgresql_database(postgresql_url) as empty:
        broken = tmp_path / "records"
        broken.write_bytes(b"no dump")
        target = target_for(empty.url, "postgresql", tmp_path / "home", tmp_path)
        with pytest.raises(YinxinError, match="pg_restore failed"):
            target.fill(broken)
        # Killed here: the mark stays, and whoever comes next may remove what is marked, but nothing else.
        assert _tables(empty) == ["yinxin_restoring"]
        target_for(empty.url, "postgresql", tmp_path / "home", tmp_path).undo()
        assert _tables(empty) == ["yinxin_restoring"]
        target.undo()
        assert _tables(empty) == []
        with empty.transaction() as connection:
            connection.exec_driver_sql("CREATE TABLE somebody_elses (id int)")
        with pytest.raises(YinxinError, match="there are records here already"):
            target_for(empty.url, "postgresql", tmp_path / "home", tmp_path).fill(broken)
        assert _tables(empty) == ["somebody_elses"]


def _tables(storage: Storage) -> list[str]:
    with storage.reading() as connection:
        return sa.inspect(connection).get_table_names()
