"""A filled database of every earlier revision comes to the newest one with all that is in it, on both databases."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from core import schema
from core.errors import Kind, YinxinError
from core.storage import Storage
from tests.conftest import postgresql_database

Rows = dict[str, list[dict[str, Any]]]

SCRIPTS = ScriptDirectory(str(schema.MIGRATIONS))
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
MADE_ANEW = {"ra_operators": "0003"}
"""Tables that a revision empties, because what stood there no longer counts."""
MOVED = {("ca_crls", "crl"), ("ca_certificate_pairs", "key_is_due")}
"""Columns whose content a later revision keeps elsewhere."""
LEFT_BEHIND = {"ra_http_outcomes"}
"""Tables that a later revision does without: what they keep lasts a day."""
ONE_ROW = {"tsa_ledger", "audit_log"}


DatabaseOf = Callable[[str], AbstractContextManager[Storage]]


@contextmanager
def sqlite_database(folder: Path, template: str = "") -> Iterator[Storage]:
    """A database of its own: empty, or a copy of another."""
    file = folder / f"{len(list(folder.iterdir()))}.db"
    if template:
        shutil.copy(template, file)
    storage = Storage(f"sqlite:///{file}")
    yield storage
    storage.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatabaseOf]:
    """A new database of any revision, with no rows: a copy of one that was made from that of the revision before."""
    if request.param == "postgresql":
        another = partial(postgresql_database, request.getfixturevalue("postgresql_url"))
    else:
        another = partial(sqlite_database, tmp_path_factory.mktemp("revisions"))
    with ExitStack() as templates:

        @cache
        def template(revision: str) -> str:
            earlier = REVISIONS[: REVISIONS.index(revision)]
            storage = templates.enter_context(another(*map(template, earlier[-1:])))
            schema.upgrade(storage.engine, revision)
            storage.close()
            return str(storage.engine.url.database)

        yield lambda revision: another(template(revision))


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_what_is_in_a_database_of_an_earlier_revision_stays(database_of: DatabaseOf, revision: str) -> None:
    with database_of(revision) as storage:
        before = content(storage, fill(storage, revision))
        assert all(before.values())

        storage.migrate()
        storage.require_current_schema()

        after = content(storage, tables_of(storage, REVISIONS[-1]))
    for table, rows in before.items():
        if table in LEFT_BEHIND:
            continue
        if revision < MADE_ANEW.get(table, ""):
            assert after[table] == []
            continue
        gone = {column for name, column in MOVED if name == table}
        assert gone >= rows[0].keys() - after[table][0].keys()
        kept = [{column: row[column] for column in rows[0] if column in row} for row in after[table]]
        assert kept == [{column: row[column] for column in row if column in after[table][0]} for row in rows], table


@pytest.mark.parametrize(
    ("waiting", "state", "due"),
    [(True, "revoked", "intended_at"), (False, "valid", "not_after"), (False, "revoked", None)],
)
def test_keys_of_pairs_are_due_when_they_were_or_at_the_end(
    database_of: DatabaseOf, waiting: bool, state: str, due: str | None
) -> None:
    """Revoked and not told: at once. Valid: at the end. Revoked and told: never again."""
    with database_of("0014") as storage:
        fill(storage, "0014")
        with storage.transaction() as connection:
            connection.execute(sa.text("UPDATE certificate_events SET state = :state"), {"state": state})
            connection.execute(
                sa.text(
                    "UPDATE ca_certificate_pairs SET key_is_due = :waiting, encryption_serial = (SELECT serial"
                    " FROM ca_certificates AS c WHERE c.authority_id = ca_certificate_pairs.authority_id)"
                ),
                {"waiting": waiting},
            )
        storage.migrate()
        after = content(storage, tables_of(storage, REVISIONS[-1]))
    ends = [row[due] if due else None for row in after["ca_certificates"]]
    assert [row["key_due_at"] for row in after["ca_certificate_pairs"]] == ends


def test_references_are_kept_again_after_the_upgrade(database_of: DatabaseOf) -> None:
    with database_of(REVISIONS[0]) as storage:
        storage.migrate()
        with pytest.raises(sa.exc.IntegrityError), storage.transaction() as connection:
            statement = "INSERT INTO ra_request_versions (request_id, revision, content) VALUES (7, 1, '')"
            connection.exec_driver_sql(statement)


def test_a_reference_to_nothing_stops_the_upgrade_and_nothing_is_changed(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'yinxin.db'}")
    schema.upgrade(storage.engine, "0003")
    fill(storage, "0003")
    with sqlite3.connect(tmp_path / "yinxin.db") as somebody:  # who does not ask for the references to be kept
        somebody.execute("DELETE FROM ra_requests WHERE id = 1")
    before, tables = content(storage), definitions(storage)

    with pytest.raises(YinxinError) as caught:
        storage.migrate()
    assert caught.value.kind is Kind.CONFLICT
    assert "ra_request_moves" in caught.value.subject

    assert content(storage) == before
    assert definitions(storage) == tables
    storage.close()


def test_an_upgrade_that_is_broken_off_changes_nothing(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'yinxin.db'}")
    schema.upgrade(storage.engine, "0001")
    fill(storage, "0001")
    with storage.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE ra_notices (id INTEGER)")  # in the way of a later revision
    before, tables = content(storage), definitions(storage)

    with pytest.raises(YinxinError, match="ra_notices"):
        storage.migrate()

    assert content(storage) == before
    assert definitions(storage) == tables
    storage.close()


def definitions(storage: Storage) -> list[tuple[str, str]]:
    with storage.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT name, sql FROM sqlite_schema ORDER BY name")]


def reflected(connection: sa.Connection) -> list[sa.Table]:
    found = sa.MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


_TABLES: dict[tuple[str, str], list[sa.Table]] = {}


def tables_of(storage: Storage, revision: str) -> list[sa.Table]:
    """What the database has at this revision, as it was found the first time: to look takes long."""
    key = (storage.engine.dialect.name, revision)
    if key not in _TABLES:
        with storage.reading() as connection:
            _TABLES[key] = reflected(connection)
    return _TABLES[key]


def content(storage: Storage, tables: Sequence[sa.Table] = ()) -> Rows:
    """The rows of the tables; without them, of those that are found now."""
    with storage.reading() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
            ]
            for table in tables or reflected(connection)
        }


def fill(storage: Storage, revision: str) -> list[sa.Table]:
    """Two rows in every table that takes them, the second of which refers to the second of whatever it refers to."""
    tables = tables_of(storage, revision)
    with storage.transaction() as connection:
        made: Rows = {}
        for table in tables:
            made[table.name] = []
            for number in (1,) if table.name in ONE_ROW else (1, 2):
                row = {column.name: value(column, number) for column in table.columns}
                for key in table.foreign_key_constraints:
                    parent = key.referred_table.name
                    # A table that refers to itself: the second row to the first.
                    referred = made[parent][number - 1 if parent != table.name else 0] if made[parent] else None
                    for element in key.elements:
                        row[element.parent.name] = referred[element.column.name] if referred else None
                connection.execute(sa.insert(table).values(row))
                made[table.name].append(row)
        return tables


def value(column: sa.Column[Any], number: int) -> Any:
    if isinstance(column.type, sa.JSON):
        return [number]
    kind = column.type.python_type
    if kind is int:
        return number
    if kind is bool:
        return number == 1
    if (column.table.name, column.name) == ("seal_versions", "content"):
        return b'{"unit": "unit %d", "branch": "branch %d"}' % (number, number)  # a later revision reads it
    if kind is bytes:
        return column.name.encode()[:19] + bytes([number])
    if kind is datetime:
        moment = datetime(2026, 11, number, 2, 3, 4, 567, tzinfo=UTC)
        return moment if getattr(column.type, "timezone", False) else moment.replace(tzinfo=None)
    assert isinstance(column.type, sa.String), column
    return f"{column.name[: (column.type.length or 99) - 1]}{number}"
