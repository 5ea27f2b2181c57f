"""A request's dossier: its content and its statements, verified and judged anew whenever it is read to act upon."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import records
from ra.applications import Application, digest_of, parse_application
from ra.moves import PENDING, History, State, Version, altered
from ra.operators import Operator, OperatorSession, Roster, require_own_branch
from ra.statements import Act, SignedStatement, Statement, verify_statement


@dataclass(frozen=True)
class Dossier:
    """A request as it is stored, and the history that its verified statements tell."""

    id: int
    content: bytes
    application: Application
    history: History
    claimed_until: datetime | None
    """Until then somebody is having it issued."""

    def after(self, statement: Statement, operator: Operator, amended: Version | None = None) -> History:
        """The history with this statement by an operator, who must be of the request's branch, added to it."""
        require_own_branch(operator, self.application.branch, statement.subject)
        return self.history.after(statement, operator.roles, amended)

    def state_at(self, moment: datetime) -> State:
        """Where it stands at a moment."""
        state = self.history.state_at(moment)
        if state is None:
            raise altered(self.application.number)
        return state


def version_of(content: bytes, application: Application) -> Version:
    """What the rules look at."""
    return Version(digest_of(content), application.approvals, application.decide_by)


def read_dossier(
    connection: sa.Connection, number: str, *, lock: bool = False, roster: Roster | None = None
) -> Dossier:
    """The dossier of this number, locked until the transaction ends if asked.

    `YinxinError` (not found); `RefusedError` if content or statements are not what operators signed under the rules.
    """
    row = _row(connection, number, lock=lock)
    messages = connection.scalars(
        sa.select(records.request_moves.c.statement)
        .where(records.request_moves.c.request_id == row.id)
        .order_by(records.request_moves.c.sequence)
    ).all()
    try:
        signed = [verify_statement(message) for message in messages]
        contents = [*earlier_contents(connection, row.id), row.content]
        applications = [parse_application(content) for content in contents]
        application = applications[-1]
        roster = roster or Roster(connection)
        past = [(entry.statement, roster.roles_when_signing(entry, application.branch)) for entry in signed]
    except YinxinError as error:
        raise altered(number) from error
    if any((one.number, one.branch) != (number, application.branch) for one in applications):
        raise altered(number)
    history = History.replay(number, list(map(version_of, contents, applications)), past)
    return Dossier(row.id, row.content, application, history, row.claimed_until)


def next_statement(
    context: Context, session: OperatorSession, number: str, act: Act, *, decision: str = "", digest: str | None = None
) -> Statement:
    """What the operator would sign about a request: about the content of this digest, or else as it is stored now."""
    sequence, present = place_of(context, number)
    return Statement(
        act=act,
        subject=number,
        sequence=sequence,
        digest=digest or present,
        decision=decision,
        at=context.clock.now(),
        operator=session.name,
    )


def place_of(context: Context, number: str) -> tuple[int, str]:
    """The sequence that the next statement about a request has, and the digest of its content as it is stored now."""
    with context.storage.reading() as connection:
        row = _row(connection, number)
        moves = records.request_moves
        count = connection.scalar(sa.select(sa.func.count()).select_from(moves).where(moves.c.request_id == row.id))
    return (count or 0) + 1, digest_of(row.content)


def append_move(
    context: Context,
    connection: sa.Connection,
    dossier: Dossier,
    signed: SignedStatement,
    operator: Operator,
    details: dict[str, Any] | None = None,
    amended: Version | None = None,
) -> State:
    """Add the move that the statement makes, with its audit event; the state after. The rules are applied here."""
    statement = signed.statement
    after = dossier.after(statement, operator, amended)
    if after.state is None:
        raise altered(statement.subject)
    connection.execute(
        sa.insert(records.request_moves).values(
            request_id=dossier.id,
            sequence=statement.sequence,
            act=statement.act.value,
            operator=statement.operator,
            branch=dossier.application.branch,
            at=statement.at,
            statement=signed.message,
        )
    )
    columns: dict[str, Any] = {"state": after.state.value, "claimed_until": None}
    if after.state not in PENDING:
        columns["pending_key"] = None
    connection.execute(sa.update(records.requests).where(records.requests.c.id == dossier.id).values(columns))
    facts = {"state": after.state.value, "digest": statement.digest, "statement": signed.digest, **(details or {})}
    event = Event(f"ra.request.{statement.act.value}", statement.operator, statement.subject, facts)
    context.audit.append(connection, event)
    return after.state


def require_unclaimed(dossier: Dossier, now: datetime) -> None:
    """Return unless the request's certificate is being made at this moment; else `YinxinError` (conflict)."""
    if dossier.claimed_until is not None and dossier.claimed_until > now:
        raise YinxinError(
            Kind.CONFLICT,
            _("its certificate is being made at this moment"),
            subject=dossier.application.number,
            remedy=_("try again in a few minutes"),
        )


def earlier_contents(connection: sa.Connection, request_id: int) -> list[bytes]:
    """The contents that amendments replaced, in their order."""
    table = records.request_versions
    query = sa.select(table.c.content).where(table.c.request_id == request_id).order_by(table.c.revision)
    return list(connection.scalars(query))


def _row(connection: sa.Connection, number: str, *, lock: bool = False) -> sa.Row[Any]:
    query = sa.select(records.requests).where(records.requests.c.number == number)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no such request"), subject=number, remedy=_("see: yinxin ra list"))
    return row
