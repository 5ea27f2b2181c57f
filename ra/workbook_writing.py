"""Writing XLSX workbooks, row by row: the template of a list, a list with its problems marked, exports.

Every value is written as text, so that no office program takes one for a formula or rounds a number.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import openpyxl
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from ra.import_columns import COLUMNS, PROFILE, Column
from ra.spreadsheets import Problem, Table

TEMPLATE_ROWS = 10_000
"""As far down as the template's checks reach."""
MAXIMUM_CELL = 32_767
"""Characters that a cell can hold (ECMA-376 18.4)."""

_HEADING = {
    "font": Font(bold=True),
    "fill": PatternFill("solid", fgColor="DDE6F0"),
    "alignment": Alignment(wrap_text=True),
}
_WRONG = {"fill": PatternFill("solid", fgColor="FFC7CE")}


def write_template(profiles: Sequence[str]) -> bytes:
    """An empty list with the headings, an example row and checks; on a second sheet, what each column is for."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "名单 Holders"
    for place, column in enumerate(COLUMNS, start=1):
        letter = get_column_letter(place)
        heading = sheet.cell(1, place, column.heading)
        for name, style in _HEADING.items():
            setattr(heading, name, style)
        heading.comment = Comment(column.note, "Yinxin")
        sheet.column_dimensions[letter].width = max(12, len(column.english) + 6)
        # Numbers typed into text cells keep all their digits.
        sheet.column_dimensions[letter].number_format = "@"
        example = sheet.cell(2, place, column.sample or None)
        example.number_format = "@"
        check = _check(column, profiles)
        check.add(f"{letter}2:{letter}{TEMPLATE_ROWS}")
        sheet.add_data_validation(check)
    sheet.freeze_panes = "A2"
    notes = workbook.create_sheet("说明 Notes")
    notes.append(["列 Column", "必填 Required", "说明 Note", "示例 Example"])
    for column in COLUMNS:
        notes.append([column.heading, "是 yes" if column.required else "", column.note, column.sample])
    return _saved(workbook)


def _check(column: Column, profiles: Sequence[str]) -> DataValidation:
    if column.field == PROFILE and profiles:
        return DataValidation(type="list", formula1=f'"{",".join(profiles)}"', allow_blank=True)
    check = DataValidation(
        type="textLength", operator="lessThanOrEqual", formula1=str(column.characters), allow_blank=True
    )
    check.errorTitle, check.error = column.heading[:32], column.note
    return check


def write_marked(table: Table, problems: Iterable[Problem]) -> bytes:
    """The list as it was read, the cells that are wrong in red, with a note, and all of a row's problems at its end."""
    by_row: dict[int, list[Problem]] = {}
    for problem in problems:
        by_row.setdefault(problem.row, []).append(problem)
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("名单 Holders")
    width = max(len(row.cells) for row in table.rows)
    number = 0
    for row in table.rows:
        for _blank in range(number + 1, row.number):
            sheet.append([])
        number = row.number
        wrong = by_row.get(number, [])
        cells = [text_cell(sheet, row.cell(place)) for place in range(1, width + 1)]
        for problem in wrong:
            if 0 < problem.column <= width:
                cells[problem.column - 1] = _marked_cell(sheet, row.cell(problem.column), problem.what)
        last = "; ".join(problem.what for problem in wrong)
        sheet.append([*cells, _marked_cell(sheet, last) if last else None])
    return _saved(workbook)


def write_rows(file: IO[bytes], headings: Mapping[str, str], rows: Iterable[Mapping[str, str]]) -> int:
    """A workbook of rows, written as they come; how many there were."""
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("Yinxin")
    sheet.freeze_panes = "A2"
    sheet.append([text_cell(sheet, heading, **_HEADING) for heading in headings.values()])
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the last is the answer
        sheet.append([text_cell(sheet, row.get(field, "")) for field in headings])
    workbook.save(file)
    return count


def text_cell(sheet: Any, text: str, **styles: Any) -> Any:
    """A cell that holds this text and nothing else, also where the text begins like a formula."""
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("�", text)[:MAXIMUM_CELL] or None)
    if text:
        cell.data_type = "s"
        cell.number_format = "@"
    for name, style in styles.items():
        setattr(cell, name, style)
    return cell


def _marked_cell(sheet: Any, text: str, note: str = "") -> Any:
    cell = text_cell(sheet, text, **_WRONG)
    if note:
        cell.comment = Comment(note, "Yinxin")
    return cell


def _saved(workbook: Any) -> bytes:
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()
