"""The columns of a list of holders: what each is called, what it is for, and how a heading is recognised."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.asn1.names import ATTRIBUTES
from core.i18n import _
from core.subject import Identity, Subject
from ra.applications import Contact
from ra.spreadsheets import Problem, Row


@dataclass(frozen=True)
class Column:
    """One column. Its headings are data, not texts for translation: a list bears both languages."""

    field: str
    chinese: str
    english: str
    note: str
    sample: str = ""
    required: bool = False
    characters: int = 64
    """The most that a cell may hold."""

    @property
    def heading(self) -> str:
        """What the template writes."""
        return f"{self.chinese} {self.english}"

    def is_called(self, heading: str) -> bool:
        """Whether this heading means the column: in Chinese, in English, both, or by the field's name."""
        names = (self.heading, self.chinese, self.english, self.field)
        return _plain(heading) in {_plain(name) for name in names}


def _plain(heading: str) -> str:
    return re.sub(r"[\W_]+", "", heading).lower()


CSR, PROFILE, AUTHORITY = "csr", "profile", "authority"

COLUMNS = (
    Column(
        "common_name", "姓名或名称", "Name", "人员姓名、单位或系统名称。Person, unit or service.", "张三", required=True
    ),
    Column("organization", "单位", "Organization", "持证人所属单位全称。The holder's unit.", "宝鸡市人民政府办公室"),
    Column("organizational_unit", "部门", "Department", "可不填。Optional.", "秘书科"),
    Column("province", "省", "Province", "可不填。Optional.", "陕西省", characters=ATTRIBUTES["ST"][1]),
    Column("locality", "市", "City", "可不填。Optional.", "宝鸡市", characters=ATTRIBUTES["L"][1]),
    Column("country", "国家", "Country", "两个字母，默认 CN。Two letters, CN if empty.", "", characters=2),
    Column(
        "resident_id",
        "居民身份证号",
        "Resident identity number",
        "18 位，按文本填写。18 characters, as text.",
        "11010519491231002X",
        characters=18,
    ),
    Column("passport", "护照号", "Passport number", "可不填。Optional."),
    Column("insurance_number", "社会保险号", "Social insurance number", "可不填。Optional."),
    Column(
        "credit_code",
        "统一社会信用代码",
        "Unified social credit code",
        "单位证书必填，18 位。For units, 18 characters.",
        characters=18,
    ),
    Column("business_registration", "工商注册号", "Business registration number", "可不填。Optional."),
    Column("taxation_number", "税号", "Taxation number", "可不填。Optional."),
    Column("email", "电子邮箱", "E-mail", "到期通知用，不写入证书。For notices; not certified.", characters=254),
    Column(
        "unit_email", "单位联系邮箱", "E-mail of the unit", "无个人邮箱时使用。If the holder has none.", characters=254
    ),
    Column(PROFILE, "证书类型", "Profile", "不填时由录入员统一指定。If empty, as the operator says.", "staff"),
    Column(AUTHORITY, "签发机构", "Authority", "不填时由录入员统一指定。If empty, as the operator says."),
    Column(
        CSR,
        "证书请求",
        "CSR",
        "证书请求文件名，或 PEM 全文。Name of the request's file, or the PEM itself.",
        "zhangsan.csr",
        required=True,
        characters=8192,
    ),
)
SUBJECT_FIELDS = frozenset(Subject.model_fields) - {"identity"}
IDENTITY_FIELDS = frozenset(Identity.model_fields)
CONTACT_FIELDS = frozenset(Contact.model_fields)

SAMPLE = {column.field: column.sample for column in COLUMNS}
"""The template's example row; a list that still has it is read without it."""


@dataclass(frozen=True)
class Layout:
    """Which column of a file holds which field."""

    places: dict[str, int]
    """Field to column, counted from 1."""

    def fields(self, row: Row) -> dict[str, str]:
        """The row's filled fields."""
        found = {field: row.cell(place) for field, place in self.places.items()}
        return {field: value for field, value in found.items() if value}

    def place(self, field: str) -> int:
        """The field's column; 0, the whole row, if the file has none."""
        return self.places.get(field, 0)

    def is_sample(self, row: Row) -> bool:
        """Whether it is the template's example."""
        return self.fields(row) == {field: SAMPLE[field] for field in self.places if SAMPLE[field]}


def recognise(headings: Row, *, given: Callable[[str], bool] = lambda _field: False) -> tuple[Layout, list[Problem]]:
    """The layout that these headings make, and what is wrong with them.

    `given(field)` says whether the operator gave the field for all rows, so that its column may be missing.
    """
    places: dict[str, int] = {}
    problems = []
    for place, heading in enumerate(headings.cells, start=1):
        if not heading:
            continue
        column = next((column for column in COLUMNS if column.is_called(heading)), None)
        if column is None:
            problems.append(Problem(headings.number, place, _("no such column; the template has them all")))
        elif column.field in places:
            problems.append(Problem(headings.number, place, _("this column is there twice")))
        else:
            places[column.field] = place
    missing = [
        column
        for column in COLUMNS
        if column.field not in places
        and (column.required or column.field in (PROFILE, AUTHORITY))
        and not given(column.field)
    ]
    problems += [
        Problem(headings.number, 0, _("the column {column} is missing").format(column=column.heading))
        for column in missing
    ]
    return Layout(places), problems
