"""Exports of requests and certificates for other programs: streamed, page by page, identity numbers left out."""

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import chain, islice
from typing import IO

from ca.register import CertificateRecord, Filter, every, page
from core.certificates import serial_text
from core.context import Context
from ra.filters import RequestFilter
from ra.import_columns import COLUMNS
from ra.operators import OperatorSession
from ra.register import EVERYTHING, MAXIMUM_PAGE, list_requests, visible_among
from ra.views import narrowed, note_view

Record = Mapping[str, str]


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"


class Encoding(StrEnum):
    """Of CSV."""

    UTF8 = "utf-8"
    """With a byte order mark, by which office programs know it."""
    GB18030 = "gb18030"
    """For old office software (GB 18030-2022)."""


# Headings are data, as in lists: both languages, whoever reads them.
REQUEST_HEADINGS = {
    "number": "申请编号 Number",
    "state": "状态 State",
    "profile": "证书类型 Profile",
    "authority": "签发机构 Authority",
    "holder": "持有者 Holder",
}
CERTIFICATE_HEADINGS = {
    "authority": "签发机构 Authority",
    "serial": "序列号 Serial number (hexadecimal)",
    "serial_decimal": "序列号 Serial number (decimal)",
    "state": "状态 State",
    "reason": "原因 Reason",
    "profile": "证书类型 Profile",
    "subject": "主体 Subject",
    "not_before": "生效 Not before",
    "not_after": "失效 Not after",
    "request": "申请编号 Request",
    "approvers": "审核人 Approved by",
}

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that an office program takes for a formula, full-width signs too (OWASP CSV Injection)."""


def request_records(context: Context, session: OperatorSession, wanted: RequestFilter = EVERYTHING) -> Iterator[Record]:
    """The requests that the operator may see and that fit, as `list_requests` orders them."""
    after = None
    while True:
        found = list_requests(context, session, wanted, after=after, limit=MAXIMUM_PAGE)
        for entry in found.entries:
            yield {field: str(getattr(entry, field)) for field in REQUEST_HEADINGS}
        if (after := found.next) is None:
            return


def certificate_records(
    context: Context, session: OperatorSession, wanted: Filter | None = None, requests: RequestFilter = EVERYTHING
) -> Iterator[Record]:
    """The certificates that fit, of requests that the operator may see and that fit, in the order of entry.

    Moments are in UTC (ISO 8601).
    """
    found = every(context.storage, wanted or Filter())
    while batch := list(islice(found, MAXIMUM_PAGE)):
        # The others are of services, operators and the centre itself, or of another branch.
        ours = visible_among(context, session, [record.approval_reference for record in batch], requests)
        rows = [_certificate(record) for record in batch if record.approval_reference in ours]
        note_view(context, session.name, "ra.certificate.list", "certificates", count=len(rows), by=narrowed(requests))
        yield from rows


def certificate_page(
    context: Context, session: OperatorSession, wanted: Filter, requests: RequestFilter, *, after: int, limit: int
) -> tuple[list[Record], int | None]:
    """The same, a page at a time: fewer than `limit` where others' are between them; and the id to go on after."""
    batch = page(context.storage, wanted, after=after, limit=limit)
    ours = visible_among(context, session, [record.approval_reference for record in batch], requests)
    rows = [_certificate(record) for record in batch if record.approval_reference in ours]
    note_view(context, session.name, "ra.certificate.list", "certificates", count=len(rows), by=narrowed(requests))
    return rows, batch[-1].id if len(batch) == limit else None


def _certificate(record: CertificateRecord) -> Record:
    return {
        "authority": record.authority,
        "serial": serial_text(record.serial),
        "serial_decimal": str(record.serial),
        "state": record.state.value if record.state else "",
        "reason": record.reason.value if record.reason else "",
        "profile": record.profile,
        "subject": record.subject,
        "not_before": record.not_before.isoformat(),
        "not_after": record.not_after.isoformat(),
        "request": record.approval_reference,
        "approvers": ", ".join(record.approvers),
    }


def write_export(
    file: IO[bytes],
    headings: Mapping[str, str],
    rows: Iterable[Record],
    form: Format,
    *,
    encoding: Encoding = Encoding.UTF8,
) -> int:
    """Write the rows as they come; how many there were. Only JSON lines have the fields' names instead of headings."""
    if form is Format.XLSX:
        from ra.workbook_writing import write_rows

        return write_rows(file, headings, rows)
    lines = _json_lines(rows) if form is Format.JSONL else _csv_lines(headings, rows)
    codec = "utf-8-sig" if form is Format.CSV and encoding is Encoding.UTF8 else encoding.value
    encoder = codecs.getincrementalencoder(codec)(errors="replace")
    count = 0
    for line in lines:
        file.write(encoder.encode(line))
        count += 1
    return count - (form is Format.CSV)


def write_csv_template() -> bytes:
    """An empty list as CSV: the headings, and the example row, which an import passes over."""
    headings = {column.field: column.heading for column in COLUMNS}
    sample = {column.field: column.sample for column in COLUMNS}
    file = io.BytesIO()
    write_export(file, headings, [sample], Format.CSV)
    return file.getvalue()


def defuse(cell: str) -> str:
    """The cell, with an apostrophe before it where an office program would take it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _csv_lines(headings: Mapping[str, str], rows: Iterable[Record]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    for row in chain([headings], rows):
        line.seek(0)
        line.truncate()
        writer.writerow([defuse(row.get(field, "")) for field in headings])
        yield line.getvalue()


def _json_lines(rows: Iterable[Record]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(dict(row), ensure_ascii=False) + "\n"
