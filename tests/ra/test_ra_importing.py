"""Lists of requests: examined whole, entered once, whatever interrupts them."""

import csv
import json
import multiprocessing
import random
import signal
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from core.algorithms import KeyKind
from core.context import Context
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from core.subject import Subject
from ra import branches, records, requests
from ra.examination import Defaults, examine
from ra.importing import Examination, enter
from ra.moves import State
from ra.refusals import RefusedError
from ra.register import find_request, list_requests, look_up
from ra.roles import OPERATORS, Role
from ra.spreadsheets import read_table
from tests.support.bulk import HEADINGS, HolderList, Yinxin, command_of, resident_id
from tests.support.office import NOW, RESIDENT_ID, STAFF, Office


@pytest.fixture
def holders(tmp_path: Path) -> HolderList:
    return HolderList(tmp_path / "requests")


@pytest.fixture
def yinxin(office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Yinxin:
    return command_of(office, monkeypatch, tmp_path)


def examined(office: Office, holders: HolderList, *, headings: dict[str, str] | None = None) -> Examination:
    file = holders.csv(holders.folder.parent / "list.csv", headings=headings or HEADINGS)
    return examine(office.context, read_table(file), Defaults("staff", "sm2-issuing", holders.folder))


def places(examination: Examination) -> list[tuple[int, str]]:
    return [(problem.row, examination.column_label(problem)) for problem in examination.problems]


def imported(office: Office, holders: HolderList) -> list[str]:
    found = examined(office, holders)
    assert found.problems == ()
    return [outcome.number for outcome in enter(office.context, office.sessions["lu.enter"], found.candidates)]


GIVEN = ("--csr-folder", "requests", "--profile", "staff", "--authority", "sm2-issuing")


@pytest.mark.parametrize("form", ["xlsx", "utf-8", "gb18030"])
def test_a_list_becomes_requests(
    office: Office, yinxin: Yinxin, holders: HolderList, capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str
) -> None:
    holders.many(3)
    file = holders.xlsx(tmp_path / "list.xlsx") if form == "xlsx" else holders.csv(tmp_path / "list.csv", form)
    assert yinxin("import", str(file), *GIVEN, "--json", who="lu.enter") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["row"], one["state"]) for one in told["entered"]] == [(2, "entered"), (3, "entered"), (4, "entered")]
    for row, one in zip(holders.rows, told["entered"], strict=True):
        record = find_request(office.context, one["number"])
        assert record.intact and record.application
        assert record.application.subject.common_name == row["common_name"]
        assert record.application.subject.identity.resident_id == row["resident_id"]
    # And the rest of their lives is the usual one.
    number = told["entered"][0]["number"]
    assert yinxin("approve", number, who="shen.review") == 0
    assert yinxin("issue", number, who="zhi.make") == 0


def test_the_statements_of_an_import_verify_elsewhere(office: Office, holders: HolderList) -> None:
    (number,) = imported(office, holders.many(1))
    (signed,) = find_request(office.context, number).statements
    (signer,) = asn1_cms.ContentInfo.load(signed.message)["content"]["signer_infos"]
    key = x509.Certificate.load(signed.certificate).public_key.dump()
    point = curve.point_of(key)
    assert point
    attributes = b"\x31" + signer["signed_attrs"].dump()[1:]
    assert GmsslEngine().verify(point, signer["signature"].native, attributes)


def test_run_again_it_enters_only_what_is_new(
    yinxin: Yinxin, office: Office, holders: HolderList, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = str(holders.many(2).csv(tmp_path / "list.csv"))
    assert yinxin("import", file, *GIVEN, who="lu.enter") == 0
    holders.many(1).csv(tmp_path / "list.csv")
    capsys.readouterr()
    assert yinxin("import", file, *GIVEN, "--json", who="quan.all") == 0
    told = json.loads(capsys.readouterr().out)
    assert ([one["row"] for one in told["known"]], [one["row"] for one in told["entered"]]) == ([2, 3], [4])
    assert yinxin("import", file, *GIVEN, who="lu.enter") == 0
    assert "3 rows were entered before" in capsys.readouterr().err
    assert len(list_requests(office.context, office.sessions["quan.all"]).entries) == 3


def test_a_request_signed_anew_by_the_same_key_is_the_same_row(office: Office, holders: HolderList) -> None:
    key = generate(KeyKind.SM2)
    row = holders.add()
    for _count in range(2):
        (holders.folder / row["csr"]).write_bytes(build_csr(key, Subject(common_name="x").name()))
        found = examined(office, holders)
        list(enter(office.context, office.sessions["lu.enter"], found.candidates))
    assert len(found.known) == 1
    assert len(list_requests(office.context, office.sessions["quan.all"]).entries) == 1


def test_everything_wrong_is_told_by_row_and_column(office: Office, holders: HolderList) -> None:
    holders.many(2)
    holders.add(resident_id=resident_id(3)[:-1] + ("0" if resident_id(3)[-1] != "0" else "1"), common_name="王" * 65)
    holders.add(common_name="王\u202e小明", csr="missing.csr")
    holders.add(organization="", csr="../list.csv")
    holders.add(resident_id=resident_id(1))
    holders.add(csr="1.csr")
    (holders.folder / "8.csr").write_bytes(b"no request")
    holders.rows.append({"common_name": "赵", "organization": "某局", "csr": "8.csr"})
    holders.rows.append({"common_name": "钱", "organization": "某局"})
    found = examined(office, holders)
    name, unit, number, csr = "A 姓名或名称", "B 单位", "C 居民身份证号", "D 证书请求"
    assert places(found) == [
        (4, name), (4, number), (5, name), (5, csr), (6, unit), (6, csr), (7, number), (8, csr), (9, csr), (10, csr)
    ]  # fmt: skip
    assert [candidate.row for candidate in found.candidates] == [2, 3]
    told = " ".join(problem.what for problem in found.problems)
    assert not any(row.get("resident_id", "-")[:17] in told for row in holders.rows)


def test_what_is_in_the_way_in_the_books(office: Office, holders: HolderList) -> None:
    issued = office.approved(csr=(csr := office.csr()))
    from ra.issuance import issue

    issue(office.context, office.authority, office.sessions["zhi.make"], [issued])
    pending = office.enter()
    first, second = holders.add(), holders.add()
    (holders.folder / first["csr"]).write_bytes(csr)
    second |= {"common_name": STAFF.common_name, "organization": str(STAFF.organization), "resident_id": RESIDENT_ID}
    found = examined(office, holders)
    assert places(found) == [(2, "D 证书请求"), (3, "")]
    assert "certified already" in found.problems[0].what
    assert pending in found.problems[1].what


def test_a_row_changed_after_it_was_entered(office: Office, holders: HolderList) -> None:
    row = holders.add()
    (number,) = imported(office, holders)
    row["common_name"] = "王新名"
    found = examined(office, holders)
    assert places(found) == [(2, "")]
    assert number in found.problems[0].what
    # Rejected, the corrected row makes a request of its own; the same file again changes nothing.
    requests.reject(office.context, office.sessions["shen.review"], number, "姓名有误")
    assert imported(office, holders) == [f"{number}-2"]
    assert [one.number for one in examined(office, holders).known] == [f"{number}-2"]


def test_columns_are_asked_for(office: Office, holders: HolderList) -> None:
    holders.many(1)
    found = examined(office, holders, headings={"organization": "单位", "csr": "CSR", "resident_id": "电话"})
    assert [problem.row for problem in found.problems] == [1, 1]
    assert found.candidates == ()


def test_profiles_and_authorities_by_row(office: Office, holders: HolderList) -> None:
    headings = HEADINGS | {"profile": "证书类型", "authority": "签发机构", "credit_code": "统一社会信用代码"}
    holders.add(profile="unit", credit_code="91350100m000100y43", resident_id="")
    holders.add(profile="unit", resident_id="")
    holders.add(profile="nonesuch")
    holders.add(profile="operator")
    holders.add(authority="nonesuch")
    holders.add(credit_code="91350100M000100Y43")
    found = examined(office, holders, headings=headings)
    assert [candidate.application.profile for candidate in found.candidates] == ["unit"]
    assert places(found) == [
        (3, "G 统一社会信用代码"),
        (4, "E 证书类型"),
        (5, "E 证书类型"),
        (6, "F 签发机构"),
        (7, "G 统一社会信用代码"),
    ]


def test_requests_in_the_list_itself_as_pem(office: Office, holders: HolderList) -> None:
    row = holders.add()
    data = (holders.folder / row["csr"]).read_bytes()
    from asn1crypto import pem

    row["csr"] = pem.armor("CERTIFICATE REQUEST", data).decode()
    found = examine(
        office.context,
        read_table(holders.csv(holders.folder / "list.csv")),
        Defaults("staff", "sm2-issuing"),
    )
    assert (found.problems, len(found.candidates)) == ((), 1)


def test_nothing_is_entered_unless_asked_when_rows_are_wrong(
    office: Office, yinxin: Yinxin, holders: HolderList, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    holders.many(2).add(common_name="")
    file = str(holders.xlsx(tmp_path / "list.xlsx"))
    assert yinxin("import", file, *GIVEN, "--marked", "marked.xlsx", who="lu.enter") == 2
    told = capsys.readouterr()
    assert "1 rows are wrong; nothing was entered" in told.err and "A 姓名或名称" in told.out
    assert list_requests(office.context, office.sessions["quan.all"]).entries == []
    marked = tmp_path / "marked.xlsx"
    assert marked.stat().st_mode & 0o777 == 0o600
    sheet = openpyxl.load_workbook(marked).active
    assert sheet["A4"].comment and sheet["E4"].value
    assert yinxin("import", file, *GIVEN, "--check", who="lu.enter") == 2
    assert yinxin("import", file, *GIVEN, "--valid-only", who="lu.enter") == 0
    assert "not entered" in capsys.readouterr().err
    assert len(list_requests(office.context, office.sessions["quan.all"]).entries) == 2
    # The marked copy, corrected, is a list again.
    sheet["A4"].value = "王补"
    sheet.parent.save(marked)
    assert yinxin("import", str(marked), *GIVEN, who="lu.enter") == 0
    assert len(list_requests(office.context, office.sessions["quan.all"]).entries) == 3


def test_only_who_may_enter_can_import(office: Office, yinxin: Yinxin, holders: HolderList, tmp_path: Path) -> None:
    file = str(holders.many(1).csv(tmp_path / "list.csv"))
    assert yinxin("import", file, *GIVEN, who="shen.review") == 2
    assert list_requests(office.context, office.sessions["quan.all"]).entries == []
    found = examined(office, holders)
    with pytest.raises(RefusedError):
        list(enter(office.context, office.sessions["zhi.make"], found.candidates))


def test_the_template_can_be_filled_in_and_imported(
    office: Office, yinxin: Yinxin, holders: HolderList, tmp_path: Path
) -> None:
    assert yinxin("template", "--out", "staff.xlsx") == 0
    assert yinxin("template", "--out", "staff.xlsx") == 2
    book = openpyxl.load_workbook(tmp_path / "staff.xlsx")
    sheet = book.worksheets[0]
    columns = {cell.value.split()[0]: cell.column for cell in sheet[1]}
    for name, value in holders.add().items():
        sheet.cell(3, columns[HEADINGS[name]], value)
    book.save(tmp_path / "staff.xlsx")
    assert yinxin("import", "staff.xlsx", *GIVEN, who="lu.enter") == 0
    assert len(list_requests(office.context, office.sessions["quan.all"]).entries) == 1


def test_the_csv_template_can_be_filled_in_and_imported(
    office: Office, yinxin: Yinxin, holders: HolderList, tmp_path: Path
) -> None:
    assert yinxin("template", "--out", "staff.csv") == 0
    with (tmp_path / "staff.csv").open(encoding="utf-8-sig", newline="") as file:
        headings, sample = csv.reader(file)
    row = dict.fromkeys(headings, "") | {
        next(heading for heading in headings if heading.split()[0] == HEADINGS[name]): value
        for name, value in holders.add().items()
    }
    with (tmp_path / "staff.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(row.values())
    assert sample[0] == "张三"
    assert yinxin("import", "staff.csv", *GIVEN, who="lu.enter") == 0
    assert len(list_requests(office.context, office.sessions["quan.all"]).entries) == 1


def test_two_imports_at_once_enter_each_row_once(each_office: Office, holders: HolderList) -> None:
    office = each_office
    holders.many(3)
    both = [examined(office, holders), examined(office, holders)]
    session = office.sessions["lu.enter"]
    first, second = (enter(office.context, session, found.candidates) for found in both)
    outcomes = [one for pair in zip(first, second, strict=True) for one in pair]
    assert [one.state for one in outcomes] == [State.ENTERED] * 6
    assert (
        len({one.number for one in outcomes})
        == len(list_requests(office.context, office.sessions["quan.all"]).entries)
        == 3
    )


def test_rows_are_of_the_importers_branch_and_wait_as_long_as_entered_ones(office: Office, holders: HolderList) -> None:
    branches.establish(office.context, office.sessions["zhao.super"], "chencang", "陈仓区")
    office.appoint("chen.business", frozenset({Role.BUSINESS}), by="zhao.super", branch="chencang")
    county = office.appoint("chen.all", OPERATORS, by="chen.business", branch="chencang")
    holders.add()
    candidates = examined(office, holders).candidates
    (outcome,) = enter(office.context, county, candidates, decide_within=timedelta(days=3))
    record = look_up(office.context, county, outcome.number)
    assert record.application is not None and record.intact
    assert (record.application.branch, record.application.decide_by) == ("chencang", NOW + timedelta(days=3))
    with pytest.raises(RefusedError):
        requests.approve(office.context, office.sessions["shen.review"], outcome.number)
    office.clock.advance(timedelta(days=4))
    assert look_up(office.context, county, outcome.number).entry.state is State.EXPIRED


def test_a_conflict_that_is_none_of_ours_is_told(office: Office, holders: HolderList) -> None:
    row = holders.add()
    stale = examined(office, holders)
    row["common_name"] = "别人"
    imported(office, holders)
    with pytest.raises(YinxinError) as error:
        list(enter(office.context, office.sessions["lu.enter"], stale.candidates))
    assert error.value.kind is Kind.CONFLICT


def test_killed_and_run_again_it_loses_and_doubles_nothing(office: Office, holders: HolderList) -> None:
    rows, kills, luck = 30, 3, random.Random(20261101)
    file = holders.many(rows).csv(holders.folder.parent / "list.csv")
    fork = multiprocessing.get_context("fork")

    def run_import() -> None:
        context = Context(Storage(office.storage.url), office.clock)
        found = examine(context, read_table(file), Defaults("staff", "sm2-issuing", holders.folder))
        list(enter(context, office.sessions["lu.enter"], found.candidates))

    def count() -> int:
        with office.storage.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(records.requests)) or 0

    killed = 0
    for _kill in range(kills):
        before = count()
        process = fork.Process(target=run_import)
        process.start()
        while count() == before and process.is_alive():
            time.sleep(0.001)
        time.sleep(luck.uniform(0, 0.02))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL and before < count() < rows
    assert killed
    process = fork.Process(target=run_import)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    entries = list_requests(office.context, office.sessions["quan.all"], limit=rows * 2).entries
    assert Counter(entry.holder for entry in entries) == Counter(
        f"C=CN, O={row['organization']}, CN={row['common_name']}" for row in holders.rows
    )
    for entry in entries:
        assert find_request(office.context, entry.number).intact
