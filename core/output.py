"""What a command prints: tables for people, JSON for programs, from the same call."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

import click

from core.i18n import _
from core.words import all_in_words

if TYPE_CHECKING:
    from rich.table import Table

# rich and pydantic are imported where something is printed: commands that print plain words start in half the time.

Item = TypeVar("Item")

# Wide enough that nothing is folded in a file or a pipe.
_UNBOUNDED_WIDTH = 10_000


def one_line(text: str) -> str:
    """The text on one line, without control characters: names come from strangers, and terminals obey escapes."""
    return "".join(character if character.isprintable() else "�" for character in " ".join(text.split()))


def for_people(value: object) -> str:
    """A value as people read it; moments in local time."""
    match value:
        case None:
            return "-"
        case bool():
            return _("yes") if value else _("no")
        case datetime():
            return value.astimezone().isoformat(sep=" ", timespec="seconds")
        case bytes():
            return value.hex()
        case Enum():
            return for_people(value.value)
        case list() | tuple() | set() | frozenset():
            return ", ".join(for_people(item) for item in value)
        case _:
            return one_line(str(value))


_OUR_WORDS = frozenset({"state", "stage", "standing", "reason", "move", "act", "roles", "kind", "level", "check"})
"""Fields that hold words of ours (`core.words`), and not somebody's name that reads the same."""


def _cell(field: str, value: object) -> str:
    words = for_people(value)
    return all_in_words(words.split(", ")) if field in _OUR_WORDS else words


class Output:
    """Where a command puts its answer: stdout for the answer itself, stderr for everything else."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json

    def table(self, rows: Iterable[Mapping[str, object]], columns: Mapping[str, str]) -> None:
        """Rows of named values; `columns` says which of them people see, in which order, under which heading."""
        if self.json:
            self._print_json([dict(row) for row in rows])
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for heading in columns.values():
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(key, row.get(key))) for key in columns))
        if table.row_count:
            _draw(table)
        else:
            self.note(_("Nothing to show."))

    def details(self, facts: Mapping[str, object], labels: Mapping[str, str]) -> None:
        """One thing's named values; `labels` says which of them people see, in which order, called what."""
        if self.json:
            self._print_json(dict(facts))
            return
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        for key, label in labels.items():
            grid.add_row(label, Text(_cell(key, facts.get(key))))
        _draw(grid)

    def done(self, sentence: str, facts: Mapping[str, object] | None = None) -> None:
        """An act's outcome: people read the sentence, programs the facts."""
        if self.json:
            self._print_json(dict(facts or {}))
        else:
            click.echo(one_line(sentence))

    def note(self, sentence: str) -> None:
        """A remark for people, beside the answer."""
        if not self.json:
            click.echo(one_line(sentence), err=True)

    def warn(self, sentence: str) -> None:
        """Something that the reader should know although the command goes on."""
        click.echo(click.style(_("warning:"), fg="yellow", bold=True) + " " + one_line(sentence), err=True)

    @contextmanager
    def progress(self, description: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A bar for work that takes over a second; call what it gives with the number of things just done."""
        if self.json or not sys.stderr.isatty():
            yield lambda _done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total)
            yield lambda done: bar.advance(task, done)

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """The items, one after the other, with a progress bar."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        with self.progress(description, total) as advance:
            for item in items:
                yield item
                advance(1)

    def _print_json(self, value: object) -> None:
        from pydantic_core import to_json

        utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
        click.echo(to_json(value, indent=2, bytes_mode="hex", ensure_ascii=not utf8).decode())


def _draw(table: "Table") -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _UNBOUNDED_WIDTH
    console.print(table)
