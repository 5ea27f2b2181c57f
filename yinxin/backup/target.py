"""Where records are restored to: an SQLite file that does not exist yet, or an empty PostgreSQL database.

Until `finish`, nothing is there: the file has another name, and what is in the database is marked as unfinished, so
that whoever restores again after a crash may remove it.
"""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import Storage
from yinxin.backup import postgresql
from yinxin.backup.snapshot import DatabaseKind, kind_of, sqlite_file

_MARK = "yinxin_restoring"


class Target(Protocol):
    """A place for the records."""

    def fill(self, snapshot: Path) -> Storage:
        """The records of a snapshot, to be worked on; `YinxinError`, and nothing has changed, if they have no place."""
        ...

    def finish(self) -> None:
        """Put them into place."""
        ...

    def undo(self) -> None:
        """Remove what was filled."""
        ...


def target_for(url: str, database: DatabaseKind, home: Path, staging: Path) -> Target:
    """For a database of this URL. `home`: where the staging folder will be afterwards."""
    storage = Storage(url)
    if kind_of(storage) != database:
        storage.close()
        raise YinxinError(
            Kind.INVALID,
            _("the backup is of a database of another kind ({kind})").format(kind=database),
            subject=storage.engine.url.render_as_string(hide_password=True),
            remedy=_("name a database of that kind with --storage"),
        )
    if database == "postgresql":
        return _Postgresql(storage)
    file = sqlite_file(storage).absolute()
    storage.close()
    if file.is_relative_to(home.absolute()):
        return _InHome(staging / file.relative_to(home.absolute()))
    return _Elsewhere(file)


class _File:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._storage: Storage | None = None

    def fill(self, snapshot: Path) -> Storage:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(snapshot, self._file)
        self._storage = Storage(f"sqlite:///{self._file}")
        return self._storage

    def finish(self) -> None:
        if self._storage:
            self._storage.close()
        with self._file.open("rb") as file:
            os.fsync(file.fileno())

    def undo(self) -> None:
        if self._storage:
            self._storage.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)


class _InHome(_File):
    """It gets its place with the home."""


class _Elsewhere(_File):
    def __init__(self, file: Path) -> None:
        super().__init__(file.with_name(f".{file.name}.{secrets.token_hex(4)}"))
        self._place = file
        if file.exists():
            raise _taken(str(file))

    def finish(self) -> None:
        super().finish()
        try:
            os.link(self._file, self._place)
        except FileExistsError:
            raise _taken(str(self._place)) from None
        self._file.unlink()


class _Postgresql:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._ours = False

    def fill(self, snapshot: Path) -> Storage:
        tables = self._tables()
        if _MARK in tables:
            self._drop()
        elif tables:
            raise _taken(self._storage.engine.url.render_as_string(hide_password=True))
        with self._storage.transaction() as connection:
            connection.exec_driver_sql(f"CREATE TABLE {_MARK} (since timestamptz DEFAULT now())")
        self._ours = True
        postgresql.load(self._storage, snapshot)
        return self._storage

    def finish(self) -> None:
        with self._storage.transaction() as connection:
            connection.exec_driver_sql(f"DROP TABLE {_MARK}")
        self._ours = False
        self._storage.close()

    def undo(self) -> None:
        if self._ours:
            with suppress(YinxinError):
                self._drop()
        self._storage.close()

    def _tables(self) -> list[str]:
        with self._storage.reading() as connection:
            return list(sa.inspect(connection).get_table_names())

    def _drop(self) -> None:
        with self._storage.transaction() as connection:
            made = sa.MetaData()
            made.reflect(connection)
            made.drop_all(connection)


def _taken(subject: str) -> YinxinError:
    return YinxinError(
        Kind.CONFLICT,
        _("there are records here already"),
        subject=subject,
        remedy=_("name another database with --storage; nothing was changed"),
    )
