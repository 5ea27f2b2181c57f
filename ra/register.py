"""Looking up requests: pages by key, single ones with their signed history. Identity numbers are left out."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import records
from ra.applications import Application, digest_of, parse_application
from ra.dossiers import earlier_contents, read_dossier
from ra.filters import RequestFilter, Selection
from ra.moves import State
from ra.operators import Operator, OperatorSession, admit_reader, require_in_sight
from ra.refusals import RefusedError, refusals_recorded
from ra.roles import CENTRE
from ra.statements import SignedStatement, verify_statement
from ra.views import narrowed, note_view

EVERYTHING = RequestFilter()
PAGE = 50
MAXIMUM_PAGE = 1000


@dataclass(frozen=True)
class Entry:
    """A request in a list."""

    number: str
    state: State
    authority: str
    profile: str
    holder: str
    """The subject in one line, without identity numbers."""


@dataclass(frozen=True)
class Page:
    """Some requests, in the order of their entry."""

    entries: list[Entry]
    next: str | None
    """The number to go on after; None at the end."""


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate that was issued for a request."""

    authority: str
    serial: int
    certificate: bytes
    """DER."""
    envelope: bytes | None = None
    """Of an encryption certificate: the private key, to the signing key of the certificate before it."""

    @property
    def label(self) -> str:
        """`AUTHORITY/SERIAL`."""
        return f"{self.authority}/{serial_text(self.serial)}"


@dataclass(frozen=True)
class Record:
    """One request with everything that belongs to it."""

    entry: Entry
    digest: str
    """SM3 of the canonical request: what approvals are bound to."""
    content: bytes
    """The canonical request. Holds identity numbers."""
    earlier: list[bytes]
    """The contents that amendments replaced."""
    application: Application | None
    """The same, read; None if it cannot be."""
    statements: list[SignedStatement]
    certificates: list[StoredCertificate]
    intact: bool
    """Whether content and statements are what operators signed under the rules."""


def list_requests(
    context: Context,
    session: OperatorSession,
    wanted: RequestFilter = EVERYTHING,
    *,
    after: str | None = None,
    limit: int = PAGE,
) -> Page:
    """One page of the requests that the operator may see and that fit, behind the one of this number.

    In the order of their entry; narrowed by an act or by the expiry, in that order.
    """
    if not 1 <= limit <= MAXIMUM_PAGE:
        raise YinxinError(Kind.INVALID, _("a page has 1 to {maximum} rows").format(maximum=MAXIMUM_PAGE))
    now = context.clock.now()
    with _reading(context, session) as (connection, operator):
        selection = _in_sight(operator, wanted, now)
        rows = connection.execute(selection.page(connection, after, limit + 1)).all() if selection else []
    entries = [_entry(row, now) for row in rows[:limit]]
    note_view(context, session.name, "ra.request.list", "requests", count=len(entries), by=narrowed(wanted))
    return Page(entries, entries[-1].number if len(rows) > limit else None)


def look_up(context: Context, session: OperatorSession, number: str) -> Record:
    """One request that the operator may see, as `find_request` gives it."""
    with _reading(context, session) as (connection, operator):
        require_in_sight(operator, _row(connection, number).branch, number)
    note_view(context, session.name, "ra.request.view", number)
    return find_request(context, number)


@contextmanager
def _reading(context: Context, session: OperatorSession) -> Iterator[tuple[sa.Connection, Operator]]:
    with (
        refusals_recorded(context, "ra.request.read", actor=session.name, subject=session.name),
        context.storage.reading() as connection,
    ):
        yield connection, admit_reader(context, connection, session)


def visible_among(
    context: Context, session: OperatorSession, numbers: Collection[str], wanted: RequestFilter = EVERYTHING
) -> set[str]:
    """Those of the numbers that are requests which the operator may see and that fit."""
    with _reading(context, session) as (connection, operator):
        selection = _in_sight(operator, wanted, context.clock.now())
        if selection is None:
            return set()
        query = selection.query(records.requests.c.number).where(records.requests.c.number.in_(numbers))
        return set(connection.scalars(query))


def _in_sight(operator: Operator, wanted: RequestFilter, now: datetime) -> Selection | None:
    """Of the filter, what the operator may see: the centre's see everything, a branch's their own."""
    if operator.branch != CENTRE:
        if wanted.branch not in (None, operator.branch):
            return None
        wanted = replace(wanted, branch=operator.branch)
    return Selection(wanted, now)


def find_request(context: Context, number: str) -> Record:
    """One request, its statements' signatures checked, and whether all of it is as the operators signed it.

    For verbs that have admitted their operator; `look_up` is for operators.
    """
    with context.storage.reading() as connection:
        row = _row(connection, number)
        moves = records.request_moves
        messages = connection.scalars(
            sa.select(moves.c.statement).where(moves.c.request_id == row.id).order_by(moves.c.sequence)
        ).all()
        try:
            intact = read_dossier(connection, number).history.state == row.state
        except RefusedError:
            intact = False
        certificates = certificates_of(connection, row.id)
        earlier = earlier_contents(connection, row.id)
    content = row.content
    return Record(
        _entry(row, context.clock.now()),
        digest_of(content),
        content,
        earlier,
        _application(content),
        _readable(messages),
        certificates,
        intact,
    )


def certificates_of(connection: sa.Connection, request_id: int) -> list[StoredCertificate]:
    """The certificates that were issued for a request."""
    table = records.request_certificates
    rows = connection.execute(sa.select(table).where(table.c.request_id == request_id).order_by(table.c.id))
    return [StoredCertificate(row.authority, row.serial, row.certificate, row.envelope) for row in rows]


def _readable(messages: Sequence[bytes]) -> list[SignedStatement]:
    """The statements that can be verified; that one could not be shows in `intact`."""
    statements = []
    for message in messages:
        try:
            statements.append(verify_statement(message))
        except YinxinError:
            continue
    return statements


def _row(connection: sa.Connection, number: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(records.requests).where(records.requests.c.number == number)).first()
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no such request"), subject=number, remedy=_("see: yinxin ra list"))
    return row


def _application(content: bytes) -> Application | None:
    try:
        return parse_application(content)
    except YinxinError:
        return None


def _entry(row: sa.Row[Any], now: datetime) -> Entry:
    application = _application(row.content)
    state = State(row.state)
    if state is State.ENTERED and row.decide_by is not None and row.decide_by < now:
        state = State.EXPIRED
    if application is None:
        return Entry(row.number, state, "?", row.profile, "?")
    holder = ", ".join(f"{label}={value}" for label, value in application.subject.attributes())
    return Entry(row.number, state, application.authority, application.profile, holder)
