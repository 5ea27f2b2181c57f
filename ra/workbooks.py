"""Reading XLSX workbooks (ECMA-376) that strangers made: looked over as an archive first, then read cell by cell."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from xml.etree.ElementTree import Element, ParseError

import openpyxl
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from core.errors import Kind, YinxinError
from core.i18n import _
from ra.spreadsheets import Gathering, Limits, Problem, Table, rounded, too_large

MAXIMUM_PARTS = 2000
EXACT_DIGITS = 15
"""Numbers in a workbook are IEEE 754 doubles, and no more digits of them are shown or kept."""

_MERGE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}mergeCell"
_MEANINGLESS = (
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ParseError,
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
)


def read_workbook(data: bytes, limits: Limits) -> Table:
    """The rows of the first sheet. `YinxinError` if it is no workbook, or one that is dangerous to open."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _look_over(archive, limits)
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            return _read_sheet(workbook, limits)
        finally:
            workbook.close()
    except DefusedXmlException as error:
        raise _refused(_("the workbook declares XML entities, which none needs")) from error
    except _MEANINGLESS as error:
        raise YinxinError(
            Kind.INVALID,
            _("the workbook cannot be read: {reason}").format(reason=error or type(error).__name__),
            remedy=_("open it and save it anew as XLSX, or as CSV"),
        ) from error


def _look_over(archive: zipfile.ZipFile, limits: Limits) -> None:
    """Before anything is unpacked: sizes as the directory gives them, beyond which zipfile does not read."""
    parts = archive.infolist()
    if len(parts) > MAXIMUM_PARTS or sum(part.file_size for part in parts) > limits.unpacked_octets:
        raise _bomb()
    for part in parts:
        if part.file_size > 2**20 and part.file_size > limits.compression * max(part.compress_size, 1):
            raise _bomb()
        name = part.filename.lower()
        if name.startswith("xl/externallinks/"):
            raise _refused(_("the workbook takes values from other files"))
        if name.endswith("vbaproject.bin"):
            raise _refused(_("the workbook holds macros"))
    for part in parts:
        if part.filename.lower().endswith((".xml", ".rels")):
            for _element in _elements(archive, part.filename):
                pass


def _read_sheet(workbook: openpyxl.Workbook, limits: Limits) -> Table:
    visible = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    if not visible:
        raise _refused(_("the workbook has no visible sheet"))
    sheet = visible[0]
    gathered = Gathering(limits)
    gathered.problems += _merged(workbook, sheet)
    # The dimensions that the file declares are the file's own word.
    sheet.reset_dimensions()
    seen = 0
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        seen += len(cells)
        if number > limits.last_row or seen > limits.cells:
            raise too_large(_("the sheet is too large"))
        values = []
        for cell in cells:
            text, complaint = _text(cell.value, cell.data_type)
            values.append(text)
            if complaint:
                gathered.problems.append(Problem(number, len(values), complaint))
        gathered.add(number, values)
    return gathered.table()


def _merged(workbook: openpyxl.Workbook, sheet: object) -> Iterator[Problem]:
    """openpyxl reads merged cells only together with the whole sheet in memory."""
    for element in _elements(workbook._archive, sheet._worksheet_path):  # type: ignore[attr-defined]
        if element.tag == _MERGE:
            area = element.get("ref", "")
            column, row, _last_column, _last_row = range_boundaries(area)
            yield Problem(row or 0, column or 0, _("merged cells ({area}): every row needs its own").format(area=area))


def _elements(archive: zipfile.ZipFile, name: str) -> Iterator[Element]:
    """The elements of an XML part, each when it ends, none kept."""
    parents: list[Element] = []
    with archive.open(name) as file:
        for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                parents.append(element)
                continue
            yield element
            parents.pop()
            if parents:
                parents[-1].remove(element)


def _text(value: object, kind: str) -> tuple[str, str]:
    """A cell as text, and what is wrong with it."""
    match value:
        case None:
            return "", ""
        case _ if kind == "f":
            return _("(formula)"), _("a formula: paste the value instead")
        case _ if kind == "e":
            return str(value), _("an error of the spreadsheet: {error}").format(error=value)
        case bool():
            return str(value).upper(), ""
        case int() | float():
            if abs(value) >= 10**EXACT_DIGITS:
                return str(value), rounded()
            return str(int(value) if value == int(value) else value), ""
        case datetime() | date() | time():
            return value.isoformat(), ""
        case _:
            return str(value), ""


def _bomb() -> YinxinError:
    return _refused(_("the workbook would unpack to far more than a list needs"))


def _refused(what: str) -> YinxinError:
    return YinxinError(Kind.INVALID, what, remedy=_("copy the values into the template, and send that"))
