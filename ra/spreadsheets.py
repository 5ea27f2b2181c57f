"""Reading the lists that units send: CSV of any usual kind and XLSX workbooks, as rows of text with their numbers.

What a program cannot read as it was meant (formulas, merged cells, numbers that the spreadsheet rounded) is a problem
with its place; what is dangerous or no spreadsheet is refused as a whole. The limits are data.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core import files
from core.errors import Kind, YinxinError
from core.i18n import _

WORKBOOK_MAGIC = b"PK\x03\x04"
OLD_WORKBOOK_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""OLE2: XLS of before 2007, and XLSX behind a password."""

_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ROUNDED = re.compile(r"\d(\.\d+)?[Ee]\+\d+")


@dataclass(frozen=True)
class Limits:
    """How much is read before the answer is no."""

    file_octets: int = 64 * 2**20
    unpacked_octets: int = 128 * 2**20
    """Of a workbook, all of its parts together."""
    compression: int = 200
    """How many times larger than its packed form a part may be; sheets reach some 30."""
    rows: int = 20_000
    """Rows that hold something, the headings included."""
    last_row: int = 2**20
    """The last row that a spreadsheet can have."""
    columns: int = 64
    cells: int = 4_000_000
    """Of a sheet, the empty ones between others included."""
    cell_characters: int = 8192
    """Room for a CSR in PEM."""


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong, and where. `row` counts from 1 as the spreadsheet does; `column` too, 0 being the whole row."""

    row: int
    column: int
    what: str


@dataclass(frozen=True)
class Row:
    """A row that holds something: its number in the file, and its cells as text without spaces around it."""

    number: int
    cells: tuple[str, ...]

    def cell(self, column: int) -> str:
        """The cell in this column, counted from 1; empty beyond the last."""
        return self.cells[column - 1] if 0 < column <= len(self.cells) else ""


@dataclass(frozen=True)
class Table:
    """The rows of a file, the headings first, and what is wrong with single cells."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def read_table(path: Path, limits: Limits | None = None) -> Table:
    """The rows of a CSV file or of the first sheet of an XLSX workbook, told apart by their content.

    `YinxinError` (invalid) if it is neither, holds nothing, or goes beyond the limits.
    """
    limits = limits or Limits()
    try:
        data = files.read(path)
        if len(data) > limits.file_octets:
            raise too_large(_("the file is larger than {size} MiB").format(size=limits.file_octets >> 20))
        if data.startswith(OLD_WORKBOOK_MAGIC):
            raise YinxinError(
                Kind.UNSUPPORTED,
                _("an old workbook (XLS), or one behind a password"),
                remedy=_("save it as XLSX without a password, or as CSV"),
            )
        if data.startswith(WORKBOOK_MAGIC):
            from ra.workbooks import read_workbook  # openpyxl takes a fifth of a second

            table = read_workbook(data, limits)
        else:
            table = read_csv(data, limits)
        if not table.rows:
            raise YinxinError(Kind.INVALID, _("the file holds no rows"), remedy=_("fill in a template"))
        return table
    except YinxinError as error:
        error.subject = error.subject or str(path)
        raise


def read_csv(data: bytes, limits: Limits) -> Table:
    """The rows of a CSV file in UTF-8 (with a byte order mark or without), UTF-16 with one, or GB18030."""
    text = decode(data)
    if "\0" in text:
        raise YinxinError(
            Kind.INVALID,
            _("line {line} holds a NUL character").format(line=text[: text.index("\0")].count("\n") + 1),
            remedy=_("this is no text file, or it is damaged: save it anew as CSV or XLSX"),
        )
    gathered = Gathering(limits)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            gathered.add(number, cells)
    except csv.Error as error:
        raise YinxinError(
            Kind.INVALID,
            _("line {line} cannot be read as CSV: {reason}").format(line=reader.line_num, reason=error),
            remedy=_("check the quotation marks, or save it as XLSX"),
        ) from error
    return gathered.table()


def decode(data: bytes) -> str:
    """The text: by its byte order mark, else UTF-8, else GB18030, which old office software writes."""
    marked = [encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)]
    for encoding in marked or ["utf-8", "gb18030"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise YinxinError(
        Kind.INVALID,
        _("neither a workbook (XLSX) nor a text in UTF-8 or GB18030"),
        remedy=_("save it as XLSX, or as CSV in UTF-8"),
    )


class Gathering:
    """Takes the rows of a file, one after the other, within the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rows: list[Row] = []
        self.problems: list[Problem] = []

    def add(self, number: int, values: list[str]) -> None:
        """The next row; one without content counts for nothing."""
        cells = [value.strip() for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            return
        limits = self._limits
        if len(self._rows) == limits.rows:
            raise too_large(_("the file has more than {count} rows").format(count=limits.rows))
        if len(cells) > limits.columns:
            raise too_large(
                _("row {row} has more than {count} columns").format(row=number, count=limits.columns),
            )
        self.problems += [Problem(number, column, what) for column, what in self._complaints(cells)]
        self._rows.append(Row(number, tuple(cell[: limits.cell_characters] for cell in cells)))

    def table(self) -> Table:
        """What was gathered."""
        return Table(tuple(self._rows), tuple(sorted(set(self.problems))))

    def _complaints(self, cells: list[str]) -> Iterator[tuple[int, str]]:
        for column, cell in enumerate(cells, start=1):
            if len(cell) > self._limits.cell_characters:
                yield column, _("longer than {count} characters").format(count=self._limits.cell_characters)
            elif _ROUNDED.fullmatch(cell):
                yield column, rounded()


def rounded() -> str:
    """What is wrong with a long number in a cell that is not of the kind text."""
    return _("a number that the spreadsheet has rounded: make the column text and type it again")


def too_large(what: str) -> YinxinError:
    """A limit was met."""
    return YinxinError(Kind.INVALID, what, remedy=_("divide the list into several files"))


def _delimiter(text: str) -> str:
    """The sign that the headings use most, outside of quotation marks."""
    headings = re.sub(r'"[^"]*"', "", text[:8192].lstrip("\r\n")).partition("\n")[0]
    return max(_DELIMITERS, key=headings.count)
