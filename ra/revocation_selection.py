"""Which certificates a batch revocation is about: those of a list, of a unit, or found by a search."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ca.register import serial_numbers
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.operators import OperatorSession, find_operator
from ra.records import request_certificates as table
from ra.register import MAXIMUM_PAGE
from ra.search import By, search
from ra.spreadsheets import Row, read_table

Chosen = list[tuple[str, int]]
"""Authority and serial number."""


@dataclass(frozen=True)
class Listed:
    """A row of a list."""

    row: int
    serial: str
    """As it is written there."""
    authority: str = ""
    """Empty: whichever issued this number."""


@dataclass(frozen=True)
class Selection:
    """Which certificates: those of a list, else of a unit, else what a search finds."""

    listed: tuple[Listed, ...] | None = None
    unit: str | None = None
    by: By = By.NAME
    what: str = ""


def choose(context: Context, session: OperatorSession, selection: Selection) -> Chosen:
    """The certificates of a selection."""
    if selection.listed is not None:
        return find_listed(context, selection.listed)
    if selection.unit is not None:
        return of_unit(context, session, selection.unit)
    return searched(context, session, selection.by, selection.what)


def read_list(file: Path) -> tuple[Listed, ...]:
    """A list (CSV, XLSX): a column of serial numbers, and one of authorities if there is one.

    The columns are known by their headings, as `yinxin ra export` writes them; a list without headings has serial
    numbers in its first column.
    """
    read = read_table(file)
    if read.problems:
        first = read.problems[0]
        raise YinxinError(
            Kind.INVALID, _("row {row}: {problem}").format(row=first.row, problem=first.what), subject=str(file)
        )
    serials, authorities, rows = _columns(read.rows)
    return tuple(
        Listed(row.number, text, row.cell(authorities) if authorities else "")
        for row in rows
        if (text := row.cell(serials))
    )


def find_listed(context: Context, listed: Iterable[Listed]) -> Chosen:
    """The certificates of a list; `YinxinError` (not found) names the rows for which there is none."""
    chosen, missing = [], []
    with context.storage.reading() as connection:
        for one in listed:
            found = _find(connection, one.serial, one.authority)
            chosen += found
            if not found:
                missing.append(str(one.row))
    if missing:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no holder's certificate has the number in row {rows}").format(rows=", ".join(missing[:20])),
            remedy=_("correct the list; nothing was ordered"),
        )
    return chosen


def of_unit(context: Context, session: OperatorSession, unit: str) -> Chosen:
    """Every certificate of this unit in the operator's branch."""
    with context.storage.reading() as connection:
        branch = find_operator(connection, session.name).branch
        query = sa.select(table.c.authority, table.c.serial).where(table.c.unit == unit, table.c.branch == branch)
        return [(row.authority, row.serial) for row in connection.execute(query.order_by(table.c.id))]


def searched(context: Context, session: OperatorSession, by: By, what: str) -> Chosen:
    """Every certificate that a search finds, for operators who may search."""
    chosen: Chosen = []
    after = None
    while True:
        page = search(context, session, by, what, after=after, limit=MAXIMUM_PAGE)
        chosen += [(one.authority, one.serial) for one in page.found]
        if (after := page.next) is None:
            return chosen


def _columns(rows: tuple[Row, ...]) -> tuple[int, int, tuple[Row, ...]]:
    """The columns of serial numbers and of authorities (0: none), counted from 1, and the rows below the headings."""
    headings = [cell.lower() for cell in rows[0].cells]
    serial = next((place for place, text in enumerate(headings, 1) if "serial" in text or "序列号" in text), 0)
    authority = next((place for place, text in enumerate(headings, 1) if "authority" in text or "机构" in text), 0)
    return (serial, authority, rows[1:]) if serial else (1, 0, rows)


def _find(connection: sa.Connection, text: str, authority: str) -> Chosen:
    for number in serial_numbers(text):
        query = sa.select(table.c.authority, table.c.serial).where(table.c.serial == number)
        if authority:
            query = query.where(table.c.authority == authority)
        found = [(row.authority, row.serial) for row in connection.execute(query)]
        if found:
            return found
    return []
