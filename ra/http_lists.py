"""Lists over HTTP: a list of holders is examined here, and entered row by row as signed requests."""

from core.api.operation import Operations
from ra.examination import Defaults, examine
from ra.http_desk import Desk
from ra.http_models import CandidateModel, ExaminedList, ListToExamine, OutcomeModel, ProblemModel
from ra.operators import admit_reader
from ra.refusals import refusals_recorded
from ra.spreadsheets import Problem, Row, Table

LARGE = 48 << 20
"""Octets: 20,000 rows, each with a certificate request."""

operations = Operations()


@operations.post("/lists/examinations", "Examine a list before anything is entered.", writes=False, limit=LARGE)
def examine_list(desk: Desk, body: ListToExamine) -> ExaminedList:
    """Examine a list."""
    with (
        refusals_recorded(desk.context, "ra.list.examine", actor=desk.caller.name, subject=desk.caller.name),
        desk.context.storage.reading() as connection,
    ):
        admit_reader(desk.context, connection, desk.session)
    table = Table(
        tuple(Row(row.number, tuple(row.cells)) for row in body.rows),
        tuple(Problem(one.row, one.column, one.what) for one in body.problems),
    )
    found = examine(desk.context, table, Defaults(body.profile, body.authority, files=body.files, unread=body.unread))
    return ExaminedList(
        candidates=[CandidateModel(row=one.row, content=one.application.canonical()) for one in found.candidates],
        known=[OutcomeModel(**vars(one)) for one in found.known],
        problems=[ProblemModel(**vars(one)) for one in found.problems],
    )
