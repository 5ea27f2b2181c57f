"""Revoking many certificates on one signed order: entered with its exact list, approved by a second person.

The approval carries the order out in its own transaction: all of the list is revoked and the order done, or nothing
happened. Whoever was interrupted approves again. What was revoked in the meantime stays as it is.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

import ca.revocation
from ca.state import Reason
from ca.state import State as CertificateState
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import records
from ra.applications import digest_of
from ra.moves import History, State, Version, again_if_overtaken, altered
from ra.operators import (
    OperatorSession,
    Roster,
    admit,
    admit_reader,
    authenticate,
    require_in_sight,
    require_own_branch,
)
from ra.refusals import RefusedError, refusals_recorded
from ra.revocation import require_reason_of_role
from ra.revocation_orders import (
    Line,
    RevocationOrder,
    chunks,
    parse_order,
    require_all,
    require_unchanged,
    stored_certificates,
)
from ra.roles import CENTRE, Role
from ra.statements import Act, SignedStatement, Statement, verify_statement
from ra.views import note_view

ACTS = frozenset({Act.ENTER, Act.APPROVE, Act.REJECT, Act.WITHDRAW})
PREFIX = "revocations:"


@dataclass(frozen=True)
class Batch:
    """An order as it is stored, and the history that its verified statements tell."""

    id: int
    number: str
    content: bytes
    order: RevocationOrder
    history: History
    messages: tuple[bytes, ...] = ()
    """The signed statements of the history."""

    @property
    def state(self) -> State:
        """Entered, approved (which is to say carried out), rejected or withdrawn."""
        state = self.history.state
        if state is None:
            raise altered(self.number)
        return state


@dataclass(frozen=True)
class Entry:
    """An order in a list."""

    number: str
    state: State
    reason: Reason
    certificates: int
    digest: str


@dataclass(frozen=True)
class CarriedOut:
    """What an approval did."""

    state: State
    revoked: int
    passed_over: int
    """Revoked already."""
    authorities: tuple[str, ...]
    reason: Reason
    missed: tuple[str, ...] = ()
    """What ought to have followed, and could not be done."""


def enter(context: Context, session: OperatorSession, order: RevocationOrder) -> str:
    """Enter an order, to be approved by a second person; its number."""
    content = order.canonical()
    number = new_number(context.clock.now())
    statement = Statement(
        act=Act.ENTER,
        subject=PREFIX + number,
        sequence=1,
        digest=digest_of(content),
        decision=order.reason.value,
        at=context.clock.now(),
        operator=session.name,
    )
    submit_entry(context, session.sign(statement).message, content)
    return number


def new_number(now: datetime) -> str:
    """`RYYYYMMDD-` and 32 random bits, hexadecimal."""
    return f"R{now:%Y%m%d}-{secrets.token_hex(4).upper()}"


def approve(context: Context, session: OperatorSession, number: str, *, digest: str | None = None) -> CarriedOut:
    """Approve an order of this digest, or as it is stored now, and so carry it out."""
    return decide(context, session, number, Act.APPROVE, digest=digest)


def reject(context: Context, session: OperatorSession, number: str, why: str) -> CarriedOut:
    """Reject an order, saying why; nothing is revoked."""
    return decide(context, session, number, Act.REJECT, why)


def withdraw(context: Context, session: OperatorSession, number: str, why: str = "") -> CarriedOut:
    """Withdraw an order that is not carried out."""
    return decide(context, session, number, Act.WITHDRAW, why)


def decide(
    context: Context, session: OperatorSession, number: str, act: Act, why: str = "", digest: str | None = None
) -> CarriedOut:
    """Sign and submit a statement about an order, again if somebody else came first."""
    require_words(act, why, number)

    def attempt() -> CarriedOut:
        with context.storage.reading() as connection:
            batch = read_batch(connection, number)
        statement = Statement(
            act=act,
            subject=PREFIX + number,
            sequence=len(batch.history.statements) + 1,
            digest=digest or batch.history.digest,
            decision=why,
            at=context.clock.now(),
            operator=session.name,
        )
        return submit(context, session.sign(statement).message)

    return again_if_overtaken(attempt)


def require_words(act: Act, why: str, number: str) -> None:
    """Return if the decision says why where it must."""
    if act is Act.REJECT and not why.strip():
        raise YinxinError(Kind.INVALID, _("a rejection needs a reason"), subject=number)


def submit_entry(context: Context, message: bytes, content: bytes) -> None:
    """Enter the canonical order that the signed statement is about."""
    signed = authenticate(context, message)
    statement = signed.statement
    number = statement.subject.removeprefix(PREFIX)
    with (
        refusals_recorded(context, "ra.revocations.enter", actor=statement.operator, subject=number),
        context.storage.transaction() as connection,
    ):
        operator = admit(context, connection, signed)
        order = parse_order(content)
        is_entry = statement.act is Act.ENTER and statement.subject == PREFIX + number
        repeated = len(set(order.certificates)) != len(order.certificates)
        if not is_entry or order.canonical() != content or repeated or not 0 < len(number) <= 32:
            raise RefusedError("other-content", _("the statement does not enter this order"), subject=number)
        require_own_branch(operator, order.branch, number)
        require_reason_of_role(Role.REVIEW, order.reason, number)
        wanted = [(one.authority, int(one.serial, 16)) for one in order.certificates]
        found = stored_certificates(connection, wanted)
        require_all(wanted, found, order.branch)
        require_unchanged(order, found, number)
        history = History(PREFIX + number, Version(digest_of(content), 1)).after(statement, operator.roles)
        entry = sa.insert(records.revocation_batches).values(
            number=number, content=content, state=State.ENTERED.value, branch=order.branch
        )
        try:
            (identifier,) = connection.execute(entry).inserted_primary_key or (0,)
        except sa.exc.IntegrityError:
            raise YinxinError(Kind.CONFLICT, _("there is an order of this number already"), subject=number) from None
        _append(context, connection, Batch(identifier, number, content, order, history), signed)


def submit(context: Context, message: bytes) -> CarriedOut:
    """Make the decision that the signed statement states about an order; an approval carries it out here and now."""
    signed = authenticate(context, message)
    statement = signed.statement
    number = statement.subject.removeprefix(PREFIX)
    act = f"ra.revocations.{statement.act.value}"
    with (
        refusals_recorded(context, act, actor=statement.operator, subject=number),
        context.storage.transaction() as connection,
    ):
        operator = admit(context, connection, signed)
        if statement.act not in ACTS - {Act.ENTER}:
            raise RefusedError("other-act", _("the statement is about something else"), subject=number)
        batch = read_batch(connection, number, lock=True)
        require_own_branch(operator, batch.order.branch, number)
        if batch.state is not State.ENTERED:
            raise YinxinError(
                Kind.CONFLICT,
                _("the order is {state}; this cannot be done with it: {act}").format(
                    state=batch.state.value, act=statement.act.value
                ),
                subject=number,
            )
        after = batch.history.after(statement, operator.roles)
        moved = Batch(batch.id, number, batch.content, batch.order, after)
        done: dict[str, list[int]] = {}
        if after.state is State.APPROVED:
            done = _carry_out(context, connection, moved, signed)
        revoked = sum(map(len, done.values()))
        passed_over = len(batch.order.certificates) - revoked if after.state is State.APPROVED else 0
        _append(context, connection, moved, signed, {"revoked": revoked})
        return CarriedOut(moved.state, revoked, passed_over, tuple(done), batch.order.reason)


def read_batch(connection: sa.Connection, number: str, *, lock: bool = False) -> Batch:
    """The order of this number; `YinxinError` (not found), `RefusedError` if it is not what was signed."""
    table, moves = records.revocation_batches, records.revocation_batch_moves
    query = sa.select(table).where(table.c.number == number)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no such order"), subject=number, remedy=_("see: yinxin ra batch list"))
    messages = connection.scalars(
        sa.select(moves.c.statement).where(moves.c.batch_id == row.id).order_by(moves.c.sequence)
    ).all()
    roster = Roster(connection)
    try:
        order = parse_order(row.content)
        signed = [verify_statement(message) for message in messages]
        past = [(one.statement, roster.roles_when_signing(one, order.branch)) for one in signed]
    except YinxinError as error:
        raise altered(number) from error
    history = History.replay(PREFIX + number, [Version(digest_of(row.content), 1)], past)
    return Batch(row.id, number, row.content, order, history, tuple(map(bytes, messages)))


def look_up(context: Context, session: OperatorSession, number: str) -> tuple[Batch, list[Line]]:
    """An order that the operator may see, and each of its certificates as it stands now."""
    with (
        refusals_recorded(context, "ra.revocations.read", actor=session.name, subject=number),
        context.storage.reading() as connection,
    ):
        operator = admit_reader(context, connection, session)
        batch = read_batch(connection, number)
        require_in_sight(operator, batch.order.branch, number)
        wanted = [(one.authority, int(one.serial, 16)) for one in batch.order.certificates]
        found = stored_certificates(connection, wanted)
    note_view(context, session.name, "ra.revocations.view", number, count=len(found))
    return batch, [found[key].line for key in wanted if key in found]


def list_batches(context: Context, session: OperatorSession, limit: int = 100) -> list[Entry]:
    """The newest orders that the operator may see."""
    table = records.revocation_batches
    query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
    with (
        refusals_recorded(context, "ra.revocations.read", actor=session.name, subject=session.name),
        context.storage.reading() as connection,
    ):
        operator = admit_reader(context, connection, session)
        if operator.branch != CENTRE:
            query = query.where(table.c.branch == operator.branch)
        rows = connection.execute(query).all()
    orders = [(row, parse_order(row.content)) for row in rows]
    return [
        Entry(row.number, State(row.state), order.reason, len(order.certificates), digest_of(row.content))
        for row, order in orders
    ]


def _carry_out(
    context: Context, connection: sa.Connection, batch: Batch, signed: SignedStatement
) -> dict[str, list[int]]:
    """Revoke what is not revoked, and keep the approval with each; by authority, what was revoked."""
    wanted = [(one.authority, int(one.serial, 16)) for one in batch.order.certificates]
    found = stored_certificates(connection, wanted)
    require_all(wanted, found, batch.order.branch)
    require_unchanged(batch.order, found, batch.number)
    done: dict[str, list[int]] = {}
    for authority, serial in wanted:
        if found[authority, serial].line.state is not CertificateState.REVOKED:
            done.setdefault(authority, []).append(serial)
    for authority, serials in done.items():
        ca.revocation.revoke_all(
            context, connection, authority, serials, batch.order.reason, actor=signed.statement.operator
        )
        for chunk in chunks(serials):
            _keep_orders(connection, authority, chunk, signed)
    return done


def _keep_orders(connection: sa.Connection, authority: str, serials: Sequence[int], signed: SignedStatement) -> None:
    table = records.certificate_orders
    given = {
        row.serial: row.last
        for row in connection.execute(
            sa.select(table.c.serial, sa.func.max(table.c.sequence).label("last"))
            .where(table.c.authority == authority, table.c.serial.in_(serials))
            .group_by(table.c.serial)
        )
    }
    statement = signed.statement
    rows = [
        {
            "authority": authority,
            "serial": serial,
            "sequence": given.get(serial, 0) + 1,
            "act": Act.REVOKE.value,
            "operator": statement.operator,
            "at": statement.at,
            "statement": signed.message,
        }
        for serial in serials
    ]
    connection.execute(sa.insert(table), rows)


def _append(
    context: Context,
    connection: sa.Connection,
    batch: Batch,
    signed: SignedStatement,
    details: dict[str, Any] | None = None,
) -> None:
    statement = signed.statement
    connection.execute(
        sa.insert(records.revocation_batch_moves).values(
            batch_id=batch.id,
            sequence=statement.sequence,
            act=statement.act.value,
            operator=statement.operator,
            at=statement.at,
            statement=signed.message,
        )
    )
    table = records.revocation_batches
    connection.execute(sa.update(table).where(table.c.id == batch.id).values(state=batch.state.value))
    facts = {
        "digest": statement.digest,
        "reason": batch.order.reason.value,
        "certificates": len(batch.order.certificates),
        "statement": signed.digest,
        **(details or {}),
    }
    event = Event(f"ra.revocations.{statement.act.value}", statement.operator, batch.number, facts)
    context.audit.append(connection, event)
