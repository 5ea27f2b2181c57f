"""The records as they were at one moment, while others go on writing: SQLite by its backup interface, PostgreSQL by
pg_dump in a snapshot that was exported to it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from audit.sequencer import latest_checkpoint, read_log
from core import schema
from core.algorithms import Digest
from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import Storage
from yinxin.backup import postgresql

DatabaseKind = Literal["sqlite", "postgresql"]


@dataclass(frozen=True)
class Snapshot:
    """The records in a file, and what they say of the audit log."""

    database: DatabaseKind
    file: Path
    revision: str
    origin: str
    digest: Digest
    size: int
    checkpoint: bytes | None


def take(storage: Storage, file: Path) -> Snapshot:
    """Write the snapshot to a new file. `YinxinError` if it cannot be had, or if the database is damaged."""
    kind = kind_of(storage)
    if kind == "sqlite":
        _copy_sqlite(storage, file)
        copy = Storage(f"sqlite:///{file}")
        with copy.reading() as connection:
            facts = _facts(connection)
        copy.close()
    else:
        with _frozen(storage) as connection:
            facts = _facts(connection)
            name = str(connection.scalar(sa.text("SELECT pg_export_snapshot()")))
            postgresql.dump(connection, name, file)
    return Snapshot(kind, file, *facts)


def kind_of(storage: Storage) -> DatabaseKind:
    """Which database it is."""
    return "sqlite" if storage.engine.dialect.name == "sqlite" else "postgresql"


def sqlite_file(storage: Storage) -> Path:
    """Where an SQLite database lies; `YinxinError` for one in memory."""
    name = storage.engine.url.database
    if not name or name == ":memory:":
        raise YinxinError(Kind.UNSUPPORTED, _("a database in memory has no file"))
    return Path(name)


def _facts(connection: sa.Connection) -> tuple[Any, ...]:
    log, newest = read_log(connection), latest_checkpoint(connection)
    return schema.revision_of(connection), log.origin, log.digest, log.size, newest.note if newest else None


def _copy_sqlite(storage: Storage, file: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(sqlite_file(storage), timeout=30)) as source,
            closing(sqlite3.connect(file)) as target,
        ):
            # In one step: who writes meanwhile writes beside this view, and does not make it begin anew.
            source.backup(target)
            complaints = [row[0] for row in target.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("the database cannot be copied: {reason}").format(reason=error),
            subject=str(sqlite_file(storage)),
            remedy=_("see that there is room where TMPDIR points; nothing was changed"),
        ) from error
    if complaints != ["ok"]:
        raise YinxinError(
            Kind.CONFLICT,
            _("the database is damaged: {complaints}").format(complaints="; ".join(complaints)),
            subject=str(sqlite_file(storage)),
            remedy=_("keep the backups that there are; restore the newest that is whole"),
        )


@contextmanager
def _frozen(storage: Storage) -> Iterator[sa.Connection]:
    with storage.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield connection
