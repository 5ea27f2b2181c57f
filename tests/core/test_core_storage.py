"""Storage, on SQLite and PostgreSQL: all or nothing, nothing lost between processes, words when it fails."""

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Kind, YinxinError
from core.storage import Storage, UtcDateTime, driver_cursor
from tests.conftest import hurry
from tests.support.counting import count, counter, rows, tables

moments = sa.Table("test_moments", tables, sa.Column("at", UtcDateTime))


@pytest.fixture
def books(each_storage: Storage) -> Storage:
    tables.create_all(each_storage.engine)
    with each_storage.transaction() as connection:
        connection.execute(sa.insert(counter).values(number=0))
    return each_storage


def number_in(storage: Storage) -> int:
    with storage.reading() as connection:
        number: int = connection.execute(sa.select(counter.c.number)).scalar_one()
    return number


def test_what_is_committed_is_seen_by_another_process(books: Storage) -> None:
    count(books, 1)
    other = Storage(books.url)
    assert number_in(other) == 1
    other.close()


def test_an_exception_rolls_everything_back(books: Storage) -> None:
    for failure in (ValueError, KeyboardInterrupt, SystemExit, YinxinError):
        with pytest.raises(failure), books.transaction() as connection:
            connection.execute(sa.update(counter).values(number=7))
            connection.execute(sa.insert(rows).values(number=7))
            raise failure(Kind.INVALID, "no") if failure is YinxinError else failure
    assert number_in(books) == 0
    with books.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(rows)).scalar_one() == 0


def test_a_failing_statement_rolls_back_what_went_before(books: Storage) -> None:
    with pytest.raises(sa.exc.IntegrityError), books.transaction() as connection:
        connection.execute(sa.update(counter).values(number=7))
        connection.execute(sa.insert(rows).values(number=None))
    assert number_in(books) == 0


def test_what_is_written_while_reading_is_not_kept(books: Storage) -> None:
    with books.reading() as connection:
        connection.execute(sa.update(counter).values(number=7))
    assert number_in(books) == 0


def test_nothing_is_seen_before_it_is_committed(books: Storage) -> None:
    with books.transaction() as connection:
        connection.execute(sa.update(counter).values(number=7))
        assert number_in(books) == 0
    assert number_in(books) == 7


def test_processes_do_not_lose_each_others_updates(books: Storage) -> None:
    times = 15
    # Forked, because a fresh interpreter takes a second to import; each opens the database for itself.
    processes = multiprocessing.get_context("fork")
    writers = [processes.Process(target=lambda: count(Storage(books.url), times)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert number_in(books) == 3 * times
    with books.reading() as connection:
        written = connection.execute(sa.select(rows.c.number).order_by(rows.c.id)).scalars().all()
    assert sorted(written) == list(range(1, 3 * times + 1))


def test_threads_do_not_lose_each_others_updates(books: Storage) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            count(books, 10)
        except BaseException as error:  # noqa: BLE001 - the test's own thread reports it
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert number_in(books) == 40


def test_row_numbers_are_never_used_again(books: Storage) -> None:
    with books.transaction() as connection:
        first = connection.execute(sa.insert(rows).values(number=1).returning(rows.c.id)).scalar_one()
        connection.execute(sa.delete(rows))
        second = connection.execute(sa.insert(rows).values(number=2).returning(rows.c.id)).scalar_one()
    assert second > first


def test_moments_come_back_as_they_were_and_in_utc(books: Storage) -> None:
    given_moments = [
        datetime(2026, 11, 1, 2, 3, 4, 567891, tzinfo=UTC),
        datetime(2026, 11, 1, 10, 3, 4, tzinfo=timezone(timedelta(hours=8))),
        datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-11))),
        None,
    ]
    for moment in given_moments:
        with books.transaction() as connection:
            connection.execute(sa.delete(moments))
            connection.execute(sa.insert(moments).values(at=moment))
        with books.reading() as connection:
            found = connection.execute(sa.select(moments.c.at)).scalar_one()
        assert found == moment
        assert found is None or found.utcoffset() == timedelta(0)


def test_moments_are_compared_in_utc(books: Storage) -> None:
    late, early = datetime(2026, 1, 1, 0, tzinfo=UTC), datetime(2026, 1, 1, 7, tzinfo=timezone(timedelta(hours=8)))
    with books.transaction() as connection:
        connection.execute(sa.insert(moments), [{"at": late}, {"at": early}])
    with books.reading() as connection:
        assert connection.execute(sa.select(moments.c.at).order_by(moments.c.at)).scalars().all() == [early, late]
        assert connection.execute(sa.select(moments.c.at).where(moments.c.at < late)).scalars().all() == [early]


def test_a_moment_without_a_zone_is_refused(books: Storage) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(sa.exc.StatementError, match="time zone"), books.transaction() as connection:
        connection.execute(sa.insert(moments).values(at=naive))
    with pytest.raises(sa.exc.StatementError, match="time zone"), books.reading() as connection:
        connection.execute(sa.select(moments).where(moments.c.at == naive))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_survives(storage: Storage, moment: datetime) -> None:
    moments.create(storage.engine, checkfirst=True)
    with storage.transaction() as connection:
        connection.execute(sa.delete(moments))
        connection.execute(sa.insert(moments).values(at=moment))
        assert connection.execute(sa.select(moments.c.at)).scalar_one() == moment


# SQLite


@pytest.fixture
def unhurried() -> Iterator[None]:
    """SQLite waits for the disk, as it does outside of the tests."""
    sa.event.remove(sa.pool.Pool, "checkout", hurry)
    yield
    sa.event.listen(sa.pool.Pool, "checkout", hurry)


def test_sqlite_keeps_what_was_committed_through_a_power_cut(unhurried: None, storage: Storage) -> None:
    for connect in (storage.transaction, storage.reading):
        with connect() as connection:
            settings_in_force = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert settings_in_force == ["wal", 2, 1]


def test_sqlite_writers_wait_at_the_beginning_and_readers_do_not(storage: Storage) -> None:
    tables.create_all(storage.engine)
    other = sa.create_engine(storage.url, connect_args={"timeout": 0})
    with storage.transaction():
        with other.connect() as connection, pytest.raises(sa.exc.OperationalError, match="locked"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        with storage.reading() as reader:
            assert reader.execute(sa.select(counter)).all() == []
    other.dispose()


def test_a_view_stays_as_it_was_when_it_began(storage: Storage) -> None:
    tables.create_all(storage.engine)
    with storage.transaction() as connection:
        connection.execute(sa.insert(counter).values(number=0))
    with storage.reading() as reader:
        assert reader.execute(sa.select(counter.c.number)).scalar_one() == 0
        count(storage, 1)
        assert reader.execute(sa.select(counter.c.number)).scalar_one() == 0
    assert number_in(storage) == 1


# What cannot be had


def test_the_schema_is_brought_to_the_newest_version_and_stays(each_storage: Storage) -> None:
    each_storage.require_current_schema()
    each_storage.migrate()
    each_storage.require_current_schema()


def test_another_version_of_the_schema_is_refused_with_the_way_out(each_storage: Storage) -> None:
    with each_storage.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("DELETE FROM alembic_version")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('of-tomorrow')")
    with pytest.raises(YinxinError, match="another version") as caught:
        each_storage.require_current_schema()
    assert caught.value.kind is Kind.CONFLICT
    assert "yinxin migrate" in caught.value.remedy
    with pytest.raises(YinxinError, match="does not know") as caught:
        each_storage.migrate()
    assert caught.value.kind is Kind.CONFLICT


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql+psycopg://office:hunter2@127.0.0.1:1/yinxin", "does not answer"),
        ("sqlite:////nowhere/at/all/yinxin.db", "no folder for the database"),
        ("sqlite:////proc/yinxin.db", "does not answer"),
    ],
)
def test_a_database_that_does_not_answer_is_named_without_its_password(url: str, words: str) -> None:
    storage = Storage(url)
    for act in (storage.migrate, storage.require_current_schema, lambda: count(storage, 1)):
        with pytest.raises(YinxinError, match=words) as caught:
            act()
        assert caught.value.kind is Kind.UNAVAILABLE
        assert caught.value.subject
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "yinxin.db"
    file.write_bytes(b"a letter, by mistake " * 200)
    with pytest.raises(YinxinError, match="not a database"):
        Storage(f"sqlite:///{file}").migrate()
    assert file.read_bytes() == b"a letter, by mistake " * 200


def test_a_database_that_may_not_be_written_is_refused(storage: Storage) -> None:
    tables.create_all(storage.engine)
    read_only = Storage(f"sqlite:///file:{storage.engine.url.database}?mode=ro&uri=true")
    with pytest.raises(YinxinError, match="readonly") as caught, read_only.transaction() as connection:
        connection.execute(sa.insert(counter).values(number=1))
    assert caught.value.kind is Kind.UNAVAILABLE
    read_only.close()


@pytest.mark.parametrize(
    "url",
    ["", "yinxin.db", "oracel://x", "postgresql+psycopg://u:hunter2@h:port/x", "postgresql+nodriver://u:hunter2@h/x"],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(YinxinError, match=r"storage\.url") as caught:
        Storage(url)
    assert caught.value.kind is Kind.INVALID
    assert "hunter2" not in str(caught.value)
    assert "postgresql+psycopg" in caught.value.remedy


@pytest.mark.parametrize("by_driver", [False, True], ids=["sqlalchemy", "driver"])
def test_a_connection_lost_in_the_middle_is_said_and_nothing_is_kept(postgresql_url: str, by_driver: bool) -> None:
    storage = Storage(postgresql_url)
    tables.create_all(storage.engine)
    try:
        with pytest.raises(YinxinError, match="went away"), storage.transaction() as connection:
            connection.execute(sa.insert(counter).values(number=1))
            killer = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
            process = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            with killer.connect() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:process)"), {"process": process})
            killer.dispose()
            if by_driver:
                with driver_cursor(connection) as cursor:
                    cursor.execute("INSERT INTO test_counter VALUES (2)")
            else:
                connection.execute(sa.insert(counter).values(number=2))
        with storage.reading() as connection:
            assert connection.execute(sa.select(counter)).all() == []
    finally:
        tables.drop_all(storage.engine)
        storage.close()


def test_the_driver_fails_as_sqlalchemy_does(books: Storage) -> None:
    """In the same transaction, which is undone."""
    with pytest.raises(sa.exc.IntegrityError), books.transaction() as connection, driver_cursor(connection) as cursor:
        cursor.execute("UPDATE test_counter SET number = 5")
        cursor.execute("INSERT INTO test_counter VALUES (NULL)")
    assert number_in(books) == 0
    count(books, 1)
    assert number_in(books) == 1


def test_the_driver_writes_in_the_callers_transaction(books: Storage) -> None:
    with books.transaction() as connection:
        with driver_cursor(connection) as cursor:
            cursor.execute("UPDATE test_counter SET number = number + 2")
        connection.execute(sa.update(counter).values(number=counter.c.number + 1))
    assert number_in(books) == 3


def test_a_writer_keeps_its_connection_until_it_fails(books: Storage) -> None:
    used = []
    writer = books.writer()
    for number, failure in ((1, None), (2, None), (30, ValueError), (3, None)):
        with suppress(ValueError), writer.transaction() as connection:
            used.append(connection)
            connection.execute(sa.update(counter).values(number=number))
            assert number_in(books) == min(number, 3) - 1  # nobody else sees it yet
            if failure:
                raise failure
    writer.close()
    writer.close()
    assert number_in(books) == 3
    assert used[0] is used[1] is used[2] is not used[3]
    assert all(connection.closed for connection in used)


SQLITE = sa.create_engine("sqlite://").dialect


@settings(deadline=None)
@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_sqlite_keeps_the_text_that_sqlalchemy_writes(local: datetime, minutes: int) -> None:
    """What earlier versions wrote is compared with it, as text."""
    written = UtcDateTime().dialect_impl(SQLITE).bind_processor(SQLITE)
    standard = sa.DateTime().dialect_impl(SQLITE).bind_processor(SQLITE)
    assert written is not None
    assert standard is not None
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    try:
        utc = moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:  # before the year 1, or after 9999
        return
    assert written(moment) == standard(utc)


def test_one_transaction_after_the_other_has_one_connection_in_sqlite(storage: Storage) -> None:
    used = []
    for failure in (None, None, ValueError, None):
        with suppress(ValueError), storage.transaction() as connection:
            used.append(connection)
            if failure:
                raise failure
    assert used[0] is used[1] is used[2] is not used[3]
    assert used[2].closed
    storage.close()
    assert used[3].closed
    with storage.transaction() as connection:
        assert connection is not used[3]


def test_transactions_side_by_side_leave_one_connection_behind(books: Storage) -> None:
    """However many threads wait for each other, readers find connections."""
    begun, seen = threading.Barrier(8), set()

    def write() -> None:
        begun.wait()
        with books.transaction() as connection:
            seen.add(connection)

    threads = [threading.Thread(target=write) for _thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([connection for connection in seen if not connection.closed]) <= 1
    count(books, 1)
    assert number_in(books) == 1


def test_a_writer_finds_the_database_again(postgresql_url: str) -> None:
    storage = Storage(postgresql_url)
    tables.create_all(storage.engine)
    writer = storage.writer()
    try:
        with writer.transaction() as connection:
            connection.execute(sa.insert(counter).values(number=1))
            process = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with storage.reading() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:process)"), {"process": process})
        with pytest.raises(YinxinError, match="went away"), writer.transaction() as connection:
            connection.execute(sa.insert(counter).values(number=2))
        with writer.transaction() as connection:
            connection.execute(sa.insert(counter).values(number=3))
        with storage.reading() as connection:
            assert connection.execute(sa.select(counter.c.number)).scalars().all() == [1, 3]
    finally:
        writer.close()
        tables.drop_all(storage.engine)
        storage.close()
