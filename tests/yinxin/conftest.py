"""The command in this process, and ways to found an installation quickly."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.cli import run
from tests.support.ca import activate_untried
from yinxin.cli import front_door


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of a refusal; AssertionError unless it is just that."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.startswith("error: ") and self.err.count("\n") == 1, self.err
        return self.err


Yinxin = Callable[..., Outcome]


@pytest.fixture
def yinxin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Yinxin:
    """`yinxin ARGUMENTS` in this process, in English."""
    monkeypatch.setenv("LANGUAGE", "en")

    def call(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = run(front_door, [str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One hierarchy, and profiles activated without specimens: both have tests of their own."""
    monkeypatch.setattr("yinxin.installation.activate", activate_untried)
    monkeypatch.setenv("YINXIN_CENTRE__KEY_KINDS", '["sm2"]')


ATTEMPTS = {"ra.session.open", "core.keys.open", "core.keys.open.refused", "ca.certificate.refuse"}
"""Acts that are entered although what they were meant for was refused."""


def everything(home: Path) -> dict[str, Any]:
    """An installation as it is: its files, and the rows of its SQLite database, but for entries that it was tried."""
    content: dict[str, Any] = {
        str(file.relative_to(home)): file.read_bytes()
        for file in sorted(home.rglob("*"))
        if file.is_file() and not file.name.startswith("yinxin.db")
    }
    if (home / "yinxin.db").exists():
        with closing(sqlite3.connect(home / "yinxin.db")) as database:
            # By what the database has: of our modules, some are imported only by the command that is tried.
            ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            for (table,) in database.execute(ours).fetchall():
                rows = database.execute(f'SELECT * FROM "{table}"')
                content[table] = [row for row in rows if ATTEMPTS.isdisjoint(row)]
    return content
