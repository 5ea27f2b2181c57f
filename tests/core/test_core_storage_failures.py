"""What is wrong with a database that does not answer, in words."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.errors import Kind, YinxinError
from core.storage import Storage
from core.storage_failures import explain, is_out_of_reach


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database at all, but long enough to be looked at " * 40)
    with pytest.raises(YinxinError, match=r"the database is damaged.*yinxin restore") as caught:
        Storage(f"sqlite:///{tmp_path}/x.db").require_current_schema()
    assert caught.value.kind is Kind.UNAVAILABLE


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(YinxinError, match="there is no folder for the database"):
        Storage(f"sqlite:///{tmp_path}/none/x.db").require_current_schema()


def test_another_process_keeps_it(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = sqlite3.connect(str(storage.engine.url.database), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with storage.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
        storage._keep(storage.writer())
    with pytest.raises(YinxinError, match="another process has not let go"), storage.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    holder.close()


class RefusalError(Exception):
    """Of a driver."""

    def __init__(self, sqlstate: str, words: str) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


URL = sa.make_url("postgresql+psycopg://somebody@localhost/yinxin")


@pytest.mark.parametrize(
    ("kind", "state", "words", "expected"),
    [
        (sa.exc.OperationalError, "53100", "could not extend file", "is full"),
        (sa.exc.InternalError, "25006", "cannot execute INSERT in a read-only transaction", "can only be read"),
        (sa.exc.OperationalError, "57P01", "terminating connection", "went away.*look whether"),
        (sa.exc.OperationalError, "", "server closed the connection unexpectedly", "went away"),
        (sa.exc.OperationalError, "", "connection refused", "does not answer: connection refused"),
    ],
)
def test_what_a_server_says(kind: Any, state: str, words: str, expected: str) -> None:
    error = kind(None, None, RefusalError(state, words))
    assert is_out_of_reach(error)
    with pytest.raises(AssertionError, match=expected):
        raise AssertionError("; ".join(explain(URL, error)))


def test_what_speaks_of_a_statement_is_a_defect_of_ours() -> None:
    assert not is_out_of_reach(sa.exc.InternalError(None, None, RefusalError("25P02", "aborted")))
    assert not is_out_of_reach(sa.exc.IntegrityError(None, None, RefusalError("23505", "unique")))
