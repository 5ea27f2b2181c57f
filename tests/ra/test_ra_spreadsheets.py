"""Lists as strangers send them: what is read, what is a problem with a place, what is refused."""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Kind, YinxinError
from ra.import_columns import COLUMNS, SAMPLE, recognise
from ra.spreadsheets import Limits, Problem, Row, Table, read_csv, read_table
from ra.workbook_writing import write_marked, write_template
from ra.workbooks import read_workbook

NAMES = "姓名,单位\n张三,宝鸡市人民政府办公室\n"
ROWS = (Row(1, ("姓名", "单位")), Row(2, ("张三", "宝鸡市人民政府办公室")))


def workbook(fill: Callable[[openpyxl.worksheet.worksheet.Worksheet], object]) -> bytes:
    book = openpyxl.Workbook()
    fill(book.active)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(data: bytes, changes: dict[str, bytes | Callable[[bytes], bytes]]) -> bytes:
    """The workbook with parts changed or added, as only somebody malicious would write it."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        parts = {name: source.read(name) for name in source.namelist()}
        for name, change in changes.items():
            parts[name] = change(parts[name]) if callable(change) else change
        for name, content in parts.items():
            target.writestr(name, content)
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_csv_of_every_usual_kind(tmp_path: Path, encoding: str, delimiter: str, ending: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(NAMES.replace(",", delimiter).replace("\n", ending).encode(encoding))
    assert read_table(file) == Table(ROWS, ())


def test_rows_keep_their_numbers_and_quoted_cells_their_lines() -> None:
    table = read_csv('姓名,CSR\n\n"张,三","-----BEGIN\n-----END"\n'.encode(), Limits())
    assert table.rows[1] == Row(3, ("张,三", "-----BEGIN\n-----END"))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"a,b\nc\0,d\n", "line 2 holds a NUL"),
        (b'a,b\n"c,d\n', "cannot be read as CSV"),
        (b"a,b\n\xff\xff\xff", "neither a workbook"),
        (b"", "no rows"),
        (b"\n\n,,\n", "no rows"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "old workbook"),
        (b"PK\x03\x04 no archive", "cannot be read"),
        (b"a," * 100 + b"z", "more than 64 columns"),
        (b"a\n" * 20_001, "more than 20000 rows"),
    ],
)
def test_what_is_no_list_is_refused_in_words(tmp_path: Path, data: bytes, told: str) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(data)
    with pytest.raises(YinxinError, match=told) as error:
        read_table(file)
    assert error.value.subject == str(file)
    assert error.value.remedy


def test_a_file_beyond_the_limit_is_not_even_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(b"x" * 101)
    with pytest.raises(YinxinError, match="larger than"):
        read_table(file, Limits(file_octets=100))


def test_a_workbooks_cells_as_text(tmp_path: Path) -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet.append(["姓名", 7, 3.0, True, 2.5])
        sheet["A4"] = "  末行 "

    file = tmp_path / "list.xlsx"
    file.write_bytes(workbook(fill))
    assert read_table(file) == Table((Row(1, ("姓名", "7", "3", "TRUE", "2.5")), Row(4, ("末行",))), ())


def test_what_cannot_be_meant_so_is_a_problem_with_its_place() -> None:
    def fill(sheet: openpyxl.worksheet.worksheet.Worksheet) -> None:
        sheet.append(["姓名", "身份证"])
        sheet.append(["张三", 110105194912310021])
        sheet.append(["=A2", "x"])
        sheet["A4"] = "李四"
        sheet.merge_cells("A4:A5")
        sheet["B6"] = "y" * 9000

    table = read_workbook(workbook(fill), Limits())
    assert [(problem.row, problem.column) for problem in table.problems] == [(2, 2), (3, 1), (4, 1), (6, 2)]
    for problem, word in zip(table.problems, ("rounded", "formula", "merged", "longer"), strict=True):
        assert word in problem.what
    rounded = read_csv(b"a\n1.10105E+17\n", Limits())
    assert [problem.row for problem in rounded.problems] == [2]


def refused(data: bytes) -> str:
    with pytest.raises(YinxinError) as error:
        read_workbook(data, Limits())
    assert error.value.kind is Kind.INVALID
    return error.value.what


def test_a_zip_bomb_is_not_unpacked() -> None:
    good = workbook(lambda sheet: sheet.append(["a"]))
    assert "unpack" in refused(repacked(good, {"xl/media/zeros.bin": bytes(8 * 2**20)}))
    many: dict[str, bytes | Callable[[bytes], bytes]] = {f"xl/media/{number}": b"" for number in range(2001)}
    assert "unpack" in refused(repacked(good, many))


def test_links_macros_and_entities_are_refused() -> None:
    good = workbook(lambda sheet: sheet.append(["a"]))
    assert "other files" in refused(repacked(good, {"xl/externalLinks/externalLink1.xml": b"<x/>"}))
    assert "macros" in refused(repacked(good, {"xl/vbaProject.bin": b"x"}))
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
    for part in (SHEET, "xl/workbook.xml", "xl/styles.xml"):

        def poison(content: bytes) -> bytes:
            declaration, end, rest = content.rpartition(b"?>")
            return declaration + end + laughs + rest

        assert "entities" in refused(repacked(good, {part: poison}))


def test_dimensions_are_not_believed() -> None:
    good = workbook(lambda sheet: sheet.append(["a", "b"]))

    def claim(content: bytes) -> bytes:
        return content.replace(b'ref="A1:B1"', b'ref="A1:XFD1048576"')

    assert read_workbook(repacked(good, {SHEET: claim}), Limits()).rows == (Row(1, ("a", "b")),)

    def far(content: bytes) -> bytes:
        return content.replace(b'<row r="1"', b'<row r="99999999999"').replace(b"A1", b"A9").replace(b"B1", b"B9")

    with pytest.raises(YinxinError):
        read_workbook(repacked(good, {SHEET: far}), Limits(last_row=1000))
    wide = workbook(lambda sheet: sheet.cell(1, 16_000, "far away"))
    with pytest.raises(YinxinError, match="columns"):
        read_workbook(wide, Limits())


def test_hidden_sheets_are_passed_over() -> None:
    book = openpyxl.Workbook()
    book.active.append(["hidden"])
    book.active.sheet_state = "hidden"
    book.create_sheet("seen").append(["seen"])
    file = io.BytesIO()
    book.save(file)
    assert read_workbook(file.getvalue(), Limits()).rows == (Row(1, ("seen",)),)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for read in (read_csv, read_workbook):
        try:
            table = read(data, Limits())
        except YinxinError as error:
            assert error.remedy
        else:
            assert isinstance(table, Table)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_no_damage_breaks_the_reader(place: int, damage: bytes) -> None:
    data = TEMPLATE[: place % len(TEMPLATE)] + damage + TEMPLATE[place % len(TEMPLATE) + len(damage) :]
    try:
        read_workbook(data, Limits())
    except YinxinError as error:
        assert error.remedy


TEMPLATE = write_template(["staff", "unit"])

CELL = st.text(st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn", "Z")), max_size=12)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6))
def test_what_csv_writes_is_read_again(rows: list[tuple[str, str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("a", "b", "c"), *rows])
    table = read_csv(text.getvalue().encode(), Limits())
    read = {row.number: row for row in table.rows}
    for number, cells in enumerate(rows, start=2):
        given_cells = tuple(cell.strip() for cell in cells)
        assert tuple(read[number].cell(place) for place in (1, 2, 3)) == given_cells if any(given_cells) else True


def test_the_template_reads_as_itself(tmp_path: Path) -> None:
    file = tmp_path / "template.xlsx"
    file.write_bytes(TEMPLATE)
    headings, sample = read_table(file).rows
    layout, problems = recognise(headings)
    assert problems == []
    assert set(layout.places) == {column.field for column in COLUMNS}
    assert layout.is_sample(sample)
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    assert "姓名" in sheet["A1"].value and sheet["A1"].comment
    assert len(sheet.data_validations.dataValidation) == len(COLUMNS)
    assert sheet.column_dimensions["G"].number_format == "@"
    assert book.worksheets[1].max_row == len(COLUMNS) + 1
    assert SAMPLE["common_name"] == sheet["A2"].value


def test_headings_in_either_language_and_order() -> None:
    headings = Row(1, ("CSR", "统一社会信用代码", "name", "organizational_unit", "", "单位*"))
    layout, problems = recognise(headings, given={"profile", "authority"}.__contains__)
    assert problems == []
    expected = {"csr": 1, "credit_code": 2, "common_name": 3, "organizational_unit": 4, "organization": 6}
    assert layout.places == expected


def test_headings_that_are_wrong() -> None:
    _layout, problems = recognise(Row(3, ("姓名或名称", "Name", "电话")))
    assert [(problem.row, problem.column) for problem in problems] == [(3, 2), (3, 3), (3, 0), (3, 0), (3, 0)]
    assert sum("is missing" in problem.what for problem in problems) == 3


def test_the_marked_copy_shows_each_problem_in_its_place() -> None:
    table = Table((Row(1, ("姓名", "单位")), Row(4, ("=cmd|' /C calc'!A0", "x"))), ())
    marked = write_marked(table, [Problem(4, 1, "a wrong name"), Problem(4, 0, "the whole row")])
    sheet = openpyxl.load_workbook(io.BytesIO(marked)).active
    assert sheet["A4"].value == "=cmd|' /C calc'!A0" and sheet["A4"].data_type == "s"
    assert sheet["A4"].fill.fgColor.rgb == "00FFC7CE" and sheet["A4"].comment.text == "a wrong name"
    assert sheet["C4"].value == "a wrong name; the whole row"
    assert sheet["B4"].fill.fgColor.rgb == "00000000"
    again = read_workbook(marked, Limits())
    assert again.problems == () and again.rows[1].number == 4
