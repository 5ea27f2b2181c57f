"""A list that is examined at a distance. What comes back to be signed is compared with the rows that were sent."""

from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import http_models as wire
from ra.applications import Application, parse_application
from ra.examination import Defaults, fields_of, is_inline, subject_of
from ra.import_columns import AUTHORITY, CSR, PROFILE, Layout, recognise
from ra.importing import Candidate, Examination, Outcome
from ra.remote_client import RemoteClient
from ra.spreadsheets import Problem, Row, Table


def examine(client: RemoteClient, table: Table, defaults: Defaults) -> Examination:
    """What the office finds."""
    layout, _problems = recognise(table.rows[0], given=defaults.given)
    files, unread = _files(table, layout, defaults)
    body = wire.ListToExamine(
        rows=[wire.RowModel(number=row.number, cells=list(row.cells)) for row in table.rows],
        problems=[wire.ProblemModel(**vars(problem)) for problem in table.problems],
        profile=defaults.profile,
        authority=defaults.authority,
        files=files,
        unread=unread,
    )
    found = client.post("/lists/examinations", body, wire.ExaminedList)
    rows = {row.number: row for row in table.rows}
    handed = Defaults(defaults.profile, defaults.authority, files=files, unread=unread)
    candidates = []
    for one in found.candidates:
        application = parse_application(one.content)
        if one.row not in rows or not _is_of(application, rows[one.row], layout, handed):
            raise YinxinError(
                Kind.CONFLICT,
                _("the office made another request of row {row} than the list holds").format(row=one.row),
                remedy=_("tell the auditor"),
            )
        candidates.append(Candidate(one.row, application))
    known = tuple(Outcome(one.row, one.number, one.state) for one in found.known)
    problems = tuple(Problem(one.row, one.column, one.what) for one in found.problems)
    return Examination(table, layout, tuple(candidates), known, problems)


def _files(table: Table, layout: Layout, defaults: Defaults) -> tuple[dict[str, bytes], dict[str, str]]:
    """The requests that the rows name, as far as they can be read."""
    files: dict[str, bytes] = {}
    unread: dict[str, str] = {}
    for row in table.rows[1:]:
        given = layout.fields(row).get(CSR, "")
        if not given or is_inline(given) or layout.is_sample(row) or given in files or given in unread:
            continue
        try:
            files[given] = defaults.read(given)
        except YinxinError as error:
            unread[given] = error.what
    return files, unread


def _is_of(application: Application, row: Row, layout: Layout, defaults: Defaults) -> bool:
    """Whether the request asks for what the row says, and for nothing else."""
    fields = fields_of(layout, row)
    given = fields.get(CSR, "")
    csr = parse_csr(given.encode() if is_inline(given) else defaults.read(given)).encoded
    return (application.subject, application.csr, application.profile, application.authority) == (
        subject_of(fields),
        csr,
        fields.get(PROFILE) or defaults.profile,
        fields.get(AUTHORITY) or defaults.authority,
    )
