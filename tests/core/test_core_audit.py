"""The audit log: an entry in the act's own transaction, or no act; canonical JSON."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from core.audit import AuditLog, Event, _canonical, entries, read_entries
from core.clock import FixedClock
from core.context import Context
from core.errors import YinxinError
from core.storage import Storage
from tests.support.counting import counter, tables

EVENT = Event("ca.certificate.issue", "张三", "01ab", {"z": 1, "a": ["中", True, None], "é": 1.5})


@pytest.fixture
def books(context: Context) -> Context:
    tables.create_all(context.storage.engine)
    return context


@pytest.fixture
def each_books(each_storage: Storage, clock: FixedClock) -> Context:
    """On SQLite and on PostgreSQL, where it is the database that decides."""
    tables.create_all(each_storage.engine)
    return Context(each_storage, clock)


def act(books: Context, *events: Event) -> None:
    """Something that changes the books, and says so."""
    with books.storage.transaction() as connection:
        connection.execute(sa.insert(counter).values(number=1))
        books.audit.append(connection, *events)


def rows_in(books: Context, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
    with books.storage.reading() as connection:
        return list(connection.execute(sa.select(table)).all())


def test_an_act_and_its_entry_are_kept_together(each_books: Context, clock: FixedClock) -> None:
    act(each_books, EVENT)
    (row,) = rows_in(each_books, entries)
    assert (row.at, row.act, row.actor, row.subject) == (clock.now(), EVENT.act, EVENT.actor, EVENT.subject)
    assert len(rows_in(each_books, counter)) == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON))
def test_the_quick_way_writes_what_the_library_of_the_standard_writes(document: dict[str, Any]) -> None:
    try:
        expected = rfc8785.dumps(document)
    except ValueError:  # half a surrogate pair
        with pytest.raises(ValueError, match=r"surrogate|utf-8"):
            _canonical(document)
    else:
        assert _canonical(document) == expected


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), b"octets", {1: 2}, {"a": {"b": object()}}]
)
def test_what_is_no_exact_json_is_no_entry(books: Context, value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        act(books, Event("ca.test", "张三", "01", {"value": value}))
    assert rows_in(books, counter) == rows_in(books, entries) == []


def test_an_entry_is_canonical_json(books: Context) -> None:
    """RFC 8785: one way to write it, so that its digest can be compared years later."""
    act(books, EVENT)
    (row,) = rows_in(books, entries)
    read = json.loads(row.entry)
    assert read == {
        "at": "2026-11-01T02:00:00.000000+00:00",
        "act": EVENT.act,
        "actor": EVENT.actor,
        "subject": EVENT.subject,
        "details": dict(EVENT.details),
    }
    assert rfc8785.dumps(read) == row.entry
    assert row.entry.startswith(b'{"act":"ca.certificate.issue","actor":"\xe5\xbc\xa0')
    assert b'"details":{"a":["\xe4\xb8\xad",true,null],"z":1,"\xc3\xa9":1.5}' in row.entry


def test_many_events_keep_their_order(each_books: Context) -> None:
    act(each_books, *(Event("act", "actor", str(number)) for number in range(50)))
    numbers = [row.id for row in rows_in(each_books, entries)]
    assert [row.subject for row in rows_in(each_books, entries)] == [str(number) for number in range(50)]
    assert numbers == sorted(set(numbers))
    act(each_books)
    assert len(rows_in(each_books, entries)) == 50


def test_an_act_that_fails_leaves_no_entry(each_books: Context) -> None:
    with pytest.raises(ZeroDivisionError), each_books.storage.transaction() as connection:
        each_books.audit.append(connection, EVENT)
        raise ZeroDivisionError
    assert rows_in(each_books, entries) == []


def drop_the_table(connection: sa.Connection) -> None:
    entries.drop(connection)


def forbid_by_trigger(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'log full'); END"
        )
        return
    connection.exec_driver_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'log full'; END $$"
    )
    connection.exec_driver_sql("CREATE TRIGGER full_log BEFORE INSERT ON audit_entries EXECUTE FUNCTION refuse()")


@pytest.mark.parametrize("obstacle", [drop_the_table, forbid_by_trigger])
def test_an_act_that_cannot_be_recorded_does_not_happen(
    each_books: Context, obstacle: Callable[[sa.Connection], None]
) -> None:
    with each_books.storage.transaction() as connection:
        obstacle(connection)
    with pytest.raises((YinxinError, sa.exc.SQLAlchemyError)):
        act(each_books, EVENT)
    assert rows_in(each_books, counter) == []


@pytest.mark.parametrize(
    "details", [{"x": b"octets"}, {"x": float("nan")}, {"x": 2**60}, {"x": object()}, {1: "x"}, {"x": {1, 2}}]
)
def test_what_is_no_json_does_not_happen_either(books: Context, details: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        act(books, Event("act", "actor", "subject", details))
    assert rows_in(books, counter) == rows_in(books, entries) == []


def test_the_moment_is_the_clocks(books: Context, clock: FixedClock) -> None:
    log = AuditLog(FixedClock(clock.now().replace(year=2031)))
    with books.storage.transaction() as connection:
        log.append(connection, EVENT)
    (row,) = rows_in(books, entries)
    assert row.at.year == 2031
    assert b'"at":"2031-' in row.entry


def test_entries_are_read_from_the_newest_page_by_page(books: Context) -> None:
    act(books, *(Event("act", "actor", str(number), {"n": number}) for number in range(5)))
    with books.storage.reading() as connection:
        first = read_entries(connection, limit=3)
        second = read_entries(connection, limit=3, before=int(first[-1]["number"]))
    assert [entry["subject"] for entry in first + second] == ["4", "3", "2", "1", "0"]
    assert [entry["details"]["n"] for entry in first + second] == [4, 3, 2, 1, 0]
