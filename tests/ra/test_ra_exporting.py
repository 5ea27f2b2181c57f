"""Exports: complete, readable where they go, harmless in an office program, without identity numbers."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ca.register import Filter
from ca.state import State as CertificateState
from core.subject import Subject
from ra import exporting, requests
from ra.exporting import CERTIFICATE_HEADINGS, Encoding, Format, certificate_records, defuse, request_records
from ra.filters import RequestFilter
from ra.issuance import issue
from ra.moves import State
from tests.support.bulk import Yinxin, command_of
from tests.support.office import RESIDENT_ID, STAFF, Office

FORMULA = "=HYPERLINK(A1)"


@pytest.fixture
def yinxin(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Yinxin:
    return command_of(office, monkeypatch, tmp_path)


def fill(office: Office) -> list[str]:
    """One issued, one entered, one of a holder with a formula for a name."""
    issued, entered = office.approved(), office.enter()
    wicked = Subject(organization="宝鸡市人民政府办公室", common_name=FORMULA)
    issue(office.context, office.authority, office.sessions["zhi.make"], [issued])
    return [issued, entered, office.enter(subject=wicked)]


def test_requests_page_by_page(each_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = fill(each_office)
    monkeypatch.setattr(exporting, "MAXIMUM_PAGE", 2)
    everything = each_office.context, each_office.sessions["quan.all"]
    assert [record["number"] for record in request_records(*everything)] == numbers
    assert [record["number"] for record in request_records(*everything, RequestFilter(state=State.ISSUED))] == numbers[
        :1
    ]
    assert list(request_records(*everything, RequestFilter(profile="unit"))) == []


def test_certificates_of_holders_only(each_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    number, *_rest = fill(each_office)
    monkeypatch.setattr(exporting, "MAXIMUM_PAGE", 2)
    (record,) = certificate_records(each_office.context, each_office.sessions["quan.all"])
    assert (record["request"], record["state"], record["approvers"]) == (number, "valid", "shen.review")
    assert int(record["serial"], 16) == int(record["serial_decimal"])
    assert STAFF.common_name in record["subject"] and record["not_after"].endswith("+00:00")
    revoked = Filter(state=CertificateState.REVOKED)
    assert list(certificate_records(each_office.context, each_office.sessions["quan.all"], revoked)) == []


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_csv_for_office_programs(office: Office, yinxin: Yinxin, tmp_path: Path, encoding: str) -> None:
    numbers = fill(office)
    assert yinxin("export", "requests", "--out", "out.csv", "--encoding", encoding, who="quan.all") == 0
    data = (tmp_path / "out.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig" if encoding == "utf-8" else encoding))))
    assert [row["申请编号 Number"] for row in rows] == numbers
    assert "张三" in rows[0]["持有者 Holder"]
    assert RESIDENT_ID.encode() not in data


def test_a_workbook_and_json_lines(office: Office, yinxin: Yinxin, tmp_path: Path) -> None:
    number, *_rest = fill(office)
    assert yinxin("export", "certificates", "--format", "xlsx", "--out", "out.xlsx", who="quan.all") == 0
    headings, row = openpyxl.load_workbook(tmp_path / "out.xlsx").active.iter_rows()
    assert [cell.value for cell in headings] == list(CERTIFICATE_HEADINGS.values())
    assert number in [cell.value for cell in row]
    # As text: a spreadsheet would round the serial number.
    assert {cell.data_type for cell in row if cell.value} == {"s"}
    assert yinxin("export", "certificates", "--format", "jsonl", "--out", "out.jsonl", who="quan.all") == 0
    (line,) = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["request"] == number


def test_what_cannot_be_exported_leaves_the_old_file(office: Office, yinxin: Yinxin, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    assert yinxin("export", "requests", "--out", "out.csv", "--state", "nonesuch", who="quan.all") == 2
    assert yinxin("export", "nonesuch", "--out", "out.csv", who="quan.all") == 2
    office.execute(sa.text("UPDATE ra_requests SET state = 'none'"))
    office.enter()
    office.execute(sa.text("UPDATE ra_requests SET state = 'none'"))
    assert yinxin("export", "requests", "--out", "out.csv", who="quan.all") != 0
    assert (tmp_path / "out.csv").read_text() == "old"
    assert [file.name for file in tmp_path.glob(".out*")] == []


def written(rows: list[dict[str, str]], form: Format, encoding: Encoding = Encoding.UTF8) -> bytes:
    file = io.BytesIO()
    headings = {"a": "甲", "b": "乙"}
    assert exporting.write_export(file, headings, rows, form, encoding=encoding) == len(rows)
    return file.getvalue()


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", "＝"])
def test_cells_that_would_be_formulas_are_defused(begin: str) -> None:
    text = written([{"a": f"{begin}1+1", "b": "1-1=@"}], Format.CSV).decode("utf-8-sig")
    (_headings, row) = csv.reader(io.StringIO(text, newline=""))
    assert row == [f"'{begin}1+1", "1-1=@"]


@given(st.lists(st.fixed_dictionaries({"a": st.text(max_size=20), "b": st.text(max_size=20)}), max_size=5))
def test_csv_is_read_again_as_it_was_written(rows: list[dict[str, str]]) -> None:
    rows = [{name: value.replace("\0", "") for name, value in row.items()} for row in rows]
    for encoding, codec in ((Encoding.UTF8, "utf-8-sig"), (Encoding.GB18030, "gb18030")):
        text = written(rows, Format.CSV, encoding).decode(codec)
        _headings, *read = csv.reader(io.StringIO(text, newline=""))
        assert read == [[defuse(row["a"]), defuse(row["b"])] for row in rows]


@given(st.text(max_size=40))
def test_no_text_becomes_anything_else_in_a_workbook(text: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(written([{"a": text, "b": "x"}], Format.XLSX)))
    assert book.active["A2"].data_type in ("s", "n")
    assert book.active["A2"].value is None or isinstance(book.active["A2"].value, str)


def test_a_withdrawn_request_is_exported_as_such(office: Office) -> None:
    number = office.enter()
    requests.withdraw(office.context, office.sessions["lu.enter"], number)
    assert [record["state"] for record in request_records(office.context, office.sessions["quan.all"])] == ["withdrawn"]
