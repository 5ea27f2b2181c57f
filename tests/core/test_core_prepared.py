"""Statements carried out by the driver: the same rows, counts and failures as through SQLAlchemy, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from ca.records import SerialNumber
from core.prepared import Prepared, insert_absent
from core.storage import BigId, Storage, UtcDateTime

tables = sa.MetaData()
things = sa.Table(
    "test_things",
    tables,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("at", UtcDateTime, nullable=True),
    sa.Column("serial", SerialNumber, nullable=True),
    sa.Column("octets", sa.LargeBinary, nullable=True),
    sa.Column("texts", sa.JSON, nullable=True),
    sa.Column("text", sa.String(16), nullable=True),
)
MOMENT = datetime(2026, 11, 1, 10, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))
THING = {"at": MOMENT, "serial": 1 << 144 | 7, "octets": b"\x00\xff'", "texts": ["李四", "%s ?"], "text": "王'五"}
INSERT = Prepared(sa.insert(things).inline())
UPDATE = Prepared(
    sa.update(things).where(things.c.number == sa.bindparam("which"), things.c.text.is_(None)).values(text="done")
)
LAST = Prepared(
    sa.select(things.c.number, things.c.text)
    .where(things.c.number < sa.bindparam("below"))
    .order_by(things.c.number.desc())
    .limit(1)
)


@pytest.fixture
def storage(each_storage: Storage) -> Iterator[Storage]:
    tables.create_all(each_storage.engine)
    yield each_storage
    tables.drop_all(each_storage.engine)


def numbered(*numbers: int, **values: Any) -> list[dict[str, Any]]:
    return [{**dict.fromkeys(THING), **values, "number": number} for number in numbers]


def rows_in(storage: Storage) -> list[sa.Row[Any]]:
    with storage.reading() as connection:
        return list(connection.execute(sa.select(things).order_by(things.c.number)))


@pytest.mark.parametrize("numbers", [(1,), (1, 2, 3)], ids=["one", "many"])
def test_values_are_written_as_sqlalchemy_writes_and_reads_them(storage: Storage, numbers: tuple[int, ...]) -> None:
    with storage.transaction() as connection:
        assert INSERT.execute(connection, numbered(*numbers, **THING)) == len(numbers)
        connection.execute(sa.insert(things), numbered(*(10 + number for number in numbers), **THING))
    kept = [tuple(row)[2:] for row in rows_in(storage)]
    assert kept == [(MOMENT.astimezone(UTC), *list(THING.values())[1:])] * 2 * len(numbers)
    with storage.reading() as connection:
        differences = connection.scalar(sa.select(sa.func.count(things.c.at.distinct())))
    assert differences == 1  # the same text in the database, not only the same moment when read


def test_it_says_how_many_rows_it_changed(storage: Storage) -> None:
    with storage.transaction() as connection:
        INSERT.execute(connection, [*numbered(1, 2, 3), *numbered(4, text="before")])
        assert UPDATE.execute(connection, [{"which": 1}]) == 1
        assert UPDATE.execute(connection, [{"which": number} for number in (1, 2, 3, 4, 9)]) == 2
    assert [row.text for row in rows_in(storage)] == ["done", "done", "done", "before"]


def test_it_finds_the_first_row(storage: Storage) -> None:
    with storage.transaction() as connection:
        INSERT.execute(connection, numbered(1, 2, 3, text="here"))
        assert tuple(LAST.first(connection, {"below": 3})) == (2, "here")
        assert LAST.first(connection, {"below": 1}) is None


def test_absent_rows_are_inserted(storage: Storage) -> None:
    with storage.transaction() as connection:
        assert insert_absent(connection, things, numbered(1, 2)) == 2
        assert insert_absent(connection, things, numbered(2)) == 0
        assert insert_absent(connection, things, numbered(1, 2, 3, 3)) == 1


def test_it_fails_as_sqlalchemy_does_and_is_undone_with_its_transaction(storage: Storage) -> None:
    with pytest.raises(sa.exc.IntegrityError), storage.transaction() as connection:
        INSERT.execute(connection, numbered(1))
        INSERT.execute(connection, numbered(2, 1))
    assert rows_in(storage) == []


@pytest.mark.parametrize("wrong", [{"at": datetime(2026, 11, 1)}, {"number": None}], ids=["naive", "null"])  # noqa: DTZ001
def test_what_a_column_refuses_is_refused(storage: Storage, wrong: dict[str, Any]) -> None:
    with (
        pytest.raises((TypeError, sa.exc.IntegrityError)),
        storage.transaction() as connection,
    ):
        INSERT.execute(connection, [{**numbered(1)[0], **wrong}])
    assert rows_in(storage) == []


def test_each_call_has_the_columns_of_its_first_row(storage: Storage) -> None:
    with storage.transaction() as connection:
        INSERT.execute(connection, [{"number": 1}])
        INSERT.execute(connection, [{"text": "here", "number": 2}])
        INSERT.execute(connection, [{"number": 3, "text": "there"}])
        with pytest.raises(KeyError):
            INSERT.execute(connection, [{"number": 4, "text": "there"}, {"number": 5}])
    assert [(row.number, row.text) for row in rows_in(storage)] == [(1, None), (2, "here"), (3, "there")]
