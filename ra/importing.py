"""Entering a list of requests: all rows are examined first, then each is entered with the operator's signature.

A row is known again by its key: the request's number is made from the key, the profile and the authority, so that the
database itself refuses to enter a row twice, whatever was interrupted and whoever imports at the same moment. The
identity numbers have no part in the number: it is shown to everybody, and must not let them be guessed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from core.algorithms import SM3
from core.context import Context
from core.errors import Kind, YinxinError
from ra import records
from ra.applications import Application, digest_of, new_salt, parse_application
from ra.import_columns import Layout
from ra.moves import State
from ra.operators import OperatorSession, find_operator
from ra.requests import DECIDE_WITHIN, deadline, submit_entry
from ra.spreadsheets import Problem, Table
from ra.statements import Act, Statement

NUMBER_CHARACTERS = 20
"""80 bits: no two keys of one office meet in them by chance."""
MAXIMUM_ATTEMPTS = 20


@dataclass(frozen=True)
class Candidate:
    """A row that can be entered."""

    row: int
    application: Application
    """Under the number that it will have; branch, deadline and salt are set when it is entered."""


@dataclass(frozen=True)
class Outcome:
    """A row that is in the books, by this import or an earlier one."""

    row: int
    number: str
    state: State


@dataclass(frozen=True)
class Examination:
    """What came of examining a list."""

    table: Table
    layout: Layout
    candidates: tuple[Candidate, ...]
    known: tuple[Outcome, ...]
    """Rows that are in the books already, as they are here."""
    problems: tuple[Problem, ...]

    def column_label(self, problem: Problem) -> str:
        """The column of a problem as people find it: its letter and heading."""
        if problem.column == 0:
            return ""
        from openpyxl.utils import get_column_letter  # openpyxl takes a fifth of a second

        heading = self.table.rows[0].cell(problem.column)
        return f"{get_column_letter(problem.column)} {heading}".strip()


def number_of(public_key_info: bytes, profile: str, authority: str) -> str:
    """The number of the request that a row makes: `I` and 80 bits of SM3, hexadecimal."""
    digest = SM3.of(b"\0".join((b"yinxin ra import 1", profile.encode(), authority.encode(), public_key_info)))
    return f"I{digest.hex()[:NUMBER_CHARACTERS].upper()}"


def earlier(connection: sa.Connection, number: str) -> tuple[Application, State] | None:
    """The newest request that this row's key has made, or None."""
    table = records.requests
    attempts = [number, *(f"{number}-{attempt}" for attempt in range(2, MAXIMUM_ATTEMPTS + 1))]
    query = sa.select(table.c.content, table.c.state).where(table.c.number.in_(attempts)).order_by(table.c.id.desc())
    row = connection.execute(query.limit(1)).first()
    return (parse_application(row.content), State(row.state)) if row else None


def next_attempt(number: str) -> str:
    """The number for entering a row again after the request of this number was rejected or withdrawn."""
    base, _dash, attempt = number.partition("-")
    return f"{base}-{int(attempt or 1) + 1}"


def is_same(one: Application, other: Application) -> bool:
    """Whether two requests ask for the same certificate, however often the proof of possession was signed."""
    return (one.subject, one.profile, one.authority) == (other.subject, other.profile, other.authority)


def enter(
    context: Context,
    session: OperatorSession,
    candidates: Iterable[Candidate],
    *,
    decide_within: timedelta = DECIDE_WITHIN,
) -> Iterator[Outcome]:
    """Enter the rows, each in a transaction of its own, and tell of each when it is committed.

    Interrupted, it has entered the rows that it told of and at most one more, which is known when it is run again.
    """
    with context.storage.reading() as connection:
        branch = find_operator(connection, session.name).branch
    for candidate in candidates:
        now = context.clock.now()
        application = completed(candidate, now, branch=branch, decide_within=decide_within)
        message, content = entry_of(application, session, now)
        try:
            state = submit_entry(context, message, content)
        except YinxinError as error:
            state = _entered_meanwhile(context, application, error)
        yield Outcome(candidate.row, application.number, state)


def completed(candidate: Candidate, now: datetime, *, branch: str, decide_within: timedelta) -> Application:
    """The row's request as it is entered now: in the operator's branch, to be decided in time, salted anew."""
    return candidate.application.model_copy(
        update={"branch": branch, "decide_by": deadline(now, decide_within), "salt": new_salt()}
    )


def entry_of(application: Application, session: OperatorSession, now: datetime) -> tuple[bytes, bytes]:
    """The signed statement that enters a request, and the request's canonical content."""
    content = application.canonical()
    statement = Statement(
        act=Act.ENTER,
        subject=application.number,
        sequence=1,
        digest=digest_of(content),
        at=now,
        operator=session.name,
    )
    return session.sign(statement).message, content


def _entered_meanwhile(context: Context, application: Application, error: YinxinError) -> State:
    """The state of the same request, where another import came first; else the error goes on."""
    if error.kind is Kind.CONFLICT:
        with context.storage.reading() as connection:
            found = earlier(connection, application.number)
        if found and is_same(found[0], application):
            return found[1]
    error.subject = error.subject or application.number
    raise error
