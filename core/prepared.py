"""Statements that are compiled once and carried out by the driver itself: those of every issuance.

SQLAlchemy takes five times as long over one of them as SQLite does. Whatever is done more seldom goes through it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from core.storage import driver_cursor

Values = Mapping[str, Any]


class Prepared:
    """One statement. Values become the driver's by the types of their columns, as in SQLAlchemy; results do not."""

    def __init__(self, statement: sa.UpdateBase | sa.Select[Any]) -> None:
        """An INSERT fills the columns that the first row names. Not for RETURNING, expanding lists or defaults."""
        self._statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def execute(self, connection: sa.Connection, rows: Sequence[Values]) -> int:
        """Carry it out with each of these, one at least, in the caller's transaction; how many rows that concerned."""
        compiled = self._for(connection.dialect, rows[0])
        with driver_cursor(connection) as cursor:
            if len(rows) == 1:
                cursor.execute(compiled.text, compiled.arguments(rows[0]))
            else:
                cursor.executemany(compiled.text, list(map(compiled.arguments, rows)))
            return cursor.rowcount

    def first(self, connection: sa.Connection, values: Values) -> Any:
        """The first row that it finds, as the driver gives it; None if it finds none."""
        compiled = self._for(connection.dialect, values)
        with driver_cursor(connection) as cursor:
            cursor.execute(compiled.text, compiled.arguments(values))
            return cursor.fetchone()

    def _for(self, dialect: sa.Dialect, values: Values) -> "_Compiled":
        key = (dialect.name, dialect.driver, *values)
        if key not in self._compiled:
            self._compiled[key] = _Compiled(self._statement, dialect, list(values))
        return self._compiled[key]


class _Compiled:
    """A statement in the words of one driver."""

    def __init__(self, statement: sa.UpdateBase | sa.Select[Any], dialect: sa.Dialect, names: list[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)
        self.text = str(compiled)
        self._by_position: bool = compiled.positional
        self._fixed = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
        self._processors = [
            (name, _processor(compiled.binds[name].type, dialect))
            for name in (compiled.positiontup if self._by_position else compiled.binds)
        ]

    def arguments(self, values: Values) -> Any:
        """What the driver is handed beside the text."""
        if self._fixed:
            values = {**self._fixed, **values}
        if self._by_position:
            return [process(values[name]) if process else values[name] for name, process in self._processors]
        return {name: process(values[name]) if process else values[name] for name, process in self._processors}


def _processor(kind: Any, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    """What makes the driver's value of ours. Both drivers take octets as they are."""
    return None if isinstance(kind, sa.LargeBinary) else kind.dialect_impl(dialect).bind_processor(dialect)


def insert_absent(connection: sa.Connection, table: sa.Table, rows: Sequence[Values]) -> int:
    """Insert the rows, one at least, except those whose unique key is there already; how many were inserted."""
    return _insert_absent(connection.dialect.name, table).execute(connection, rows)


@cache
def _insert_absent(dialect: str, table: sa.Table) -> Prepared:
    # Each has this in words of its own, and only the one in use is worth loading.
    insert: Callable[[sa.Table], Any]
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert
    return Prepared(insert(table).on_conflict_do_nothing().inline())
