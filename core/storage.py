"""Storage: SQLAlchemy Core over SQLite (embedded) or PostgreSQL (by its URL), and the schema's migrations.

SQLite runs in WAL mode with full synchronisation: what was committed survives a power cut. Write transactions take the
write lock at their beginning (BEGIN IMMEDIATE), so that none fails half way because another writer came first.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

from core import schema
from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage_failures import explain, is_out_of_reach

BUSY_SECONDS = 30

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)
"""Every module's tables (`records.py`)."""


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware moment, kept in UTC to the microsecond; a naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a moment without a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
        """For SQLite the text that SQLAlchemy would write, which takes it four times as long."""
        if dialect.name != "sqlite":
            return super().bind_processor(dialect)

        def text(value: datetime | None) -> str | None:
            moment = self.process_bind_param(value, dialect)
            return None if moment is None else moment.isoformat(" ", "microseconds")

        return text

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""A row's number: SQLite counts by itself only in INTEGER columns."""


class Storage:
    """One database. Threads share it; processes open it each for itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._spare: list[Writer] = []
        self._of_thread = _OfThread()
        arguments: dict[str, Any] = {}
        if url.startswith("sqlite"):
            arguments["connect_args"] = {"timeout": BUSY_SECONDS}
        self.engine = _engine(url, arguments)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _configure_sqlite)
            # Not by an event for it: then SQLAlchemy asks for listeners at every step of every statement.
            self.engine.dialect.do_begin = _begin_sqlite  # type: ignore[assignment, method-assign]

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A write transaction: committed at the end of the block, rolled back on any exception.

        What is read here in order to be changed is read `with_for_update()`: PostgreSQL locks rows, SQLite everything.
        """
        try:
            writer = self._spare.pop()
        except IndexError:
            writer = self.writer()
        here = self._of_thread
        here.transactions += 1
        try:
            with writer.transaction() as connection:
                yield connection
        finally:
            self._keep(writer)
            here.transactions -= 1
            if here.waiting and not here.transactions:
                waiting, here.waiting = here.waiting, []
                for act in waiting:
                    act()

    def afterwards(self, act: Callable[[], None]) -> None:
        """Have something done that takes a transaction of its own: now, or when that of this thread has ended."""
        if self._of_thread.transactions:
            self._of_thread.waiting.append(act)
        else:
            act()

    def _keep(self, writer: "Writer") -> None:
        """One for the next transaction: in SQLite, connecting takes as long as a small transaction itself."""
        if self._spare or self.engine.dialect.name != "sqlite":
            writer.close()
        else:
            self._spare.append(writer)

    def writer(self) -> "Writer":
        """For write transactions one after the other, hundreds a second. To be closed."""
        return Writer(self)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for queries: one consistent view in SQLite."""
        with self._reachable(), self.engine.connect() as connection:
            connection.info["writing"] = False
            yield connection

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """`YinxinError` (unavailable) if, in this block, the database does not answer."""
        try:
            yield
        except (sa.exc.DatabaseError, sa.exc.TimeoutError) as error:
            if not is_out_of_reach(error):
                raise
            what, remedy = explain(self.engine.url, error)
            place = self.engine.url.render_as_string(hide_password=True)
            raise YinxinError(Kind.UNAVAILABLE, what, subject=place, remedy=remedy) from error

    def migrate(self) -> None:
        """Bring the schema to the newest version. `YinxinError` (conflict) if it is newer than this program."""
        with self._reachable():
            schema.upgrade(self.engine)

    def require_current_schema(self) -> None:
        """Return if the schema is the newest; else `YinxinError` that says how to bring it there."""
        with self.reading() as connection:
            schema.require_current(connection)

    def close(self) -> None:
        """Close every connection."""
        while self._spare:
            self._spare.pop().close()
        self.engine.dispose()


class _OfThread(threading.local):
    """What a thread does with a storage."""

    def __init__(self) -> None:
        self.transactions = 0
        """That are open; `Writer`'s own are not counted."""
        self.waiting: list[Callable[[], None]] = []


class Writer:
    """Keeps its connection open from one transaction to the next; after a failure, the next has another."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._connection: sa.Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """As that of `Storage`."""
        with self._storage._reachable():
            if self._connection is None:
                self._connection = self._storage.engine.connect()
                self._connection.info["writing"] = True
            try:
                with self._connection.begin():
                    yield self._connection
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()


@contextmanager
def driver_cursor(connection: sa.Connection) -> Iterator[DBAPICursor]:
    """A cursor of the driver itself, in the transaction of this connection; what fails, fails as in SQLAlchemy.

    For what is done a thousand times a second, as `core.prepared` does it: SQLAlchemy takes longer over such statements
    than the database does.
    """
    dialect, pooled = connection.dialect, connection.connection
    cursor = pooled.cursor()
    try:
        yield cursor
    except dialect.loaded_dbapi.Error as error:
        if dialect.is_disconnect(error, cast(DBAPIConnection, pooled), cursor):
            connection.invalidate(error)
        raise sa.exc.DBAPIError.instance(None, None, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
    finally:
        cursor.close()


def _engine(url: str, arguments: dict[str, Any]) -> sa.Engine:
    try:
        return sa.create_engine(url, **arguments)
    except (sa.exc.ArgumentError, ValueError, ImportError):
        # Neither chained nor quoted: the URL may hold a password.
        raise YinxinError(
            Kind.INVALID,
            _("the URL of the database (storage.url) cannot be used"),
            remedy=_("write it like postgresql+psycopg://user@host/yinxin or sqlite:////folder/yinxin.db"),
        ) from None


def _configure_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # sqlite3 would begin transactions by itself, too late and of the wrong kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.PoolProxiedConnection) -> None:
    connection.cursor().execute("BEGIN IMMEDIATE" if connection.info.get("writing") else "BEGIN")
