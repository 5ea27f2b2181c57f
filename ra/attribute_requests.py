"""Requests for attribute certificates from entry to issue, by the rules of `ra.moves`.

Every change is a statement that an operator signed, handed to `submit_attribute_entry`, `submit_attribute_decision` or
`issue_attributes`; whenever a request is acted upon, its statements are verified and judged anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ca.attributes.attributes import Attributes
from ca.attributes.holders import holder_in_force
from ca.attributes.issuance import ApprovedAttributes, AttributeAuthority, IssuedAttributes
from ca.attributes.terms import Terms
from ca.authorities import authority_of
from ca.books import AuthorityKind
from ca.issuance import Approval
from core.algorithms import SM3
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.applications import digest_of, new_number, new_salt
from ra.attribute_applications import PREFIX, AttributeApplication, parse_attribute_application
from ra.attribute_records import attribute_moves, attribute_requests
from ra.moves import History, State, Version, again_if_overtaken, altered
from ra.operators import (
    Operator,
    OperatorSession,
    Roster,
    admit,
    authenticate,
    find_operator,
    require_own_branch,
    submission,
)
from ra.refusals import RefusedError, refusals_recorded
from ra.statements import Act, SignedStatement, Statement, verify_statement

DECIDE_WITHIN = timedelta(days=30)


@dataclass(frozen=True)
class AttributeDossier:
    """A request as it is stored, and the history that its verified statements tell."""

    id: int
    application: AttributeApplication
    content: bytes
    history: History
    signed: tuple[SignedStatement, ...]
    serial: int | None
    certificate: bytes | None
    """DER, once it is issued."""

    def state_at(self, moment: datetime) -> State:
        """Where it stands at a moment."""
        state = self.history.state_at(moment)
        if state is None:
            raise altered(self.application.number)
        return state


def enter_attributes(
    context: Context,
    session: OperatorSession,
    *,
    authority: str,
    holder_authority: str,
    holder_serial: int,
    attributes: Attributes,
    terms: Terms,
    hours: int,
    targets: tuple[str, ...] = (),
    decide_within: timedelta = DECIDE_WITHIN,
) -> str:
    """Enter a request that the holder of this certificate be certified to have these attributes; its number."""
    now = context.clock.now()
    with context.storage.reading() as connection:
        holder = holder_in_force(connection, holder_authority, holder_serial, now)
        branch = find_operator(connection, session.name).branch
    application = AttributeApplication(
        number=PREFIX + new_number(now),
        decide_by=(now + decide_within).astimezone(UTC).replace(microsecond=0),
        branch=branch,
        authority=authority,
        holder_authority=holder_authority,
        holder_serial=serial_text(holder_serial),
        holder_digest=SM3.of(holder.certificate).hex(),
        terms=terms,
        hours=hours,
        attributes=attributes,
        targets=targets,
        salt=new_salt(),
    )
    content = application.canonical()
    statement = Statement(
        act=Act.ENTER,
        subject=application.number,
        sequence=1,
        digest=digest_of(content),
        at=now,
        operator=session.name,
    )
    submit_attribute_entry(context, session.sign(statement).message, content)
    return application.number


def submit_attribute_entry(context: Context, message: bytes, content: bytes) -> State:
    """Enter the canonical request that the signed statement is about; the state after."""
    with submission(context, message, "ra.attribute", Act.ENTER) as (connection, signed, operator):
        statement = signed.statement
        application = parse_attribute_application(content)
        if application.canonical() != content or statement.act is not Act.ENTER:
            raise RefusedError(
                "other-content", _("the statement does not enter this request"), subject=statement.subject
            )
        _check(connection, application, context.clock.now())
        entry = sa.insert(attribute_requests).values(
            number=application.number,
            content=content,
            state=State.ENTERED.value,
            branch=application.branch,
            authority=application.authority,
        )
        try:
            (identifier,) = connection.execute(entry).inserted_primary_key or (0,)
        except sa.exc.IntegrityError:
            raise YinxinError(
                Kind.CONFLICT, _("there is a request of this number already"), subject=application.number
            ) from None
        history = History(application.number, _version(content, application))
        dossier = AttributeDossier(identifier, application, content, history, (), None, None)
        return _append(context, connection, dossier, signed, operator)


def decide_attributes(
    context: Context, session: OperatorSession, number: str, act: Act, why: str = "", digest: str | None = None
) -> State:
    """Sign and submit an approval, a rejection or a withdrawal, again if somebody else came first; the state after."""
    if act is Act.REJECT and not why.strip():
        raise YinxinError(Kind.INVALID, _("a rejection needs a reason"), subject=number)

    def attempt() -> State:
        signed = session.sign(_next_statement(context, session, number, act, why, digest))
        return submit_attribute_decision(context, signed.message)

    return again_if_overtaken(attempt)


def submit_attribute_decision(context: Context, message: bytes) -> State:
    """Make the decision that the signed statement states; the state after. Errors as for `ra.requests.submit`."""
    with submission(context, message, "ra.attribute") as (connection, signed, operator):
        statement = signed.statement
        if statement.act not in (Act.APPROVE, Act.REJECT, Act.WITHDRAW):
            raise RefusedError("other-act", _("this statement alone moves nothing"), subject=statement.subject)
        dossier = read_attribute_dossier(connection, statement.subject, lock=True)
        return _append(context, connection, dossier, signed, operator)


def issue_attributes(
    context: Context, authority: AttributeAuthority, session: OperatorSession, numbers: Sequence[str]
) -> list[IssuedAttributes]:
    """Have the attribute certificates of approved requests made, all or none, and record them with their statements."""
    orders = [session.sign(_next_statement(context, session, number, Act.ISSUE)) for number in numbers]
    signed = [authenticate(context, order.message) for order in orders]
    requests = []
    for order in signed:
        statement = order.statement
        with (
            refusals_recorded(context, "ra.attribute.issue", actor=statement.operator, subject=statement.subject),
            context.storage.reading() as connection,
        ):
            # As when it is recorded, but before anything is signed.
            operator = admit(context, connection, order)
            dossier = read_attribute_dossier(connection, statement.subject)
            _after(dossier, statement, operator)
            _check(connection, dossier.application, context.clock.now())
            requests.append(_approved(dossier))

    def record(connection: sa.Connection, issued: Sequence[IssuedAttributes]) -> None:
        for order, result in zip(signed, issued, strict=True):
            operator = admit(context, connection, order)
            dossier = read_attribute_dossier(connection, order.statement.subject, lock=True)
            details = {"authority": result.authority, "serial": serial_text(result.serial)}
            _append(context, connection, dossier, order, operator, details)
            connection.execute(
                sa.update(attribute_requests)
                .where(attribute_requests.c.id == dossier.id)
                .values(serial=result.serial, certificate=result.certificate)
            )

    return authority.issue(requests, actor=session.name, recording=record)


def read_attribute_dossier(
    connection: sa.Connection, number: str, *, lock: bool = False, roster: Roster | None = None
) -> AttributeDossier:
    """The dossier of this number, locked until the transaction ends if asked.

    `YinxinError` (not found); `RefusedError` if content or statements are not what operators signed under the rules.
    """
    query = sa.select(attribute_requests).where(attribute_requests.c.number == number)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND, _("no such request"), subject=number, remedy=_("see: yinxin ca attribute requests")
        )
    moves = sa.select(attribute_moves.c.statement).where(attribute_moves.c.request_id == row.id)
    messages = connection.scalars(moves.order_by(attribute_moves.c.sequence)).all()
    try:
        signed = tuple(verify_statement(message) for message in messages)
        application = parse_attribute_application(row.content)
        roster = roster or Roster(connection)
        past = [(one.statement, roster.roles_when_signing(one, application.branch)) for one in signed]
    except YinxinError as error:
        raise altered(number) from error
    if application.number != number:
        raise altered(number)
    history = History.replay(number, [_version(row.content, application)], past)
    return AttributeDossier(row.id, application, row.content, history, signed, row.serial, row.certificate)


def _check(connection: sa.Connection, application: AttributeApplication, now: datetime) -> None:
    """Return if the request can lead to an attribute certificate; errors come before anybody has spent work on it."""
    authority_of(connection, application.authority, AuthorityKind.ATTRIBUTES)
    serial = int(application.holder_serial, 16)
    holder = holder_in_force(connection, application.holder_authority, serial, now)
    if SM3.of(holder.certificate).hex() != application.holder_digest:
        raise RefusedError("other-content", _("the request is about another certificate"), subject=application.number)
    if application.lasting > application.terms.longest:
        raise YinxinError(
            Kind.INVALID,
            _("{terms} attribute certificates last {longest} hours at most").format(
                terms=application.terms, longest=int(application.terms.longest.total_seconds()) // 3600
            ),
        )


def _version(content: bytes, application: AttributeApplication) -> Version:
    return Version(digest_of(content), application.approvals, application.decide_by)


def _approved(dossier: AttributeDossier) -> ApprovedAttributes:
    application = dossier.application
    return ApprovedAttributes(
        application.authority,
        application.holder_authority,
        int(application.holder_serial, 16),
        application.attributes,
        application.terms,
        application.lasting,
        application.targets,
        Approval(application.number, bytes.fromhex(dossier.history.digest), dossier.history.approvers),
    )


def _next_statement(
    context: Context, session: OperatorSession, number: str, act: Act, why: str = "", digest: str | None = None
) -> Statement:
    with context.storage.reading() as connection:
        dossier = read_attribute_dossier(connection, number)
    return Statement(
        act=act,
        subject=number,
        sequence=len(dossier.signed) + 1,
        digest=digest or dossier.history.digest,
        decision=why,
        at=context.clock.now(),
        operator=session.name,
    )


def _after(dossier: AttributeDossier, statement: Statement, operator: Operator) -> History:
    require_own_branch(operator, dossier.application.branch, statement.subject)
    return dossier.history.after(statement, operator.roles)


def _append(
    context: Context,
    connection: sa.Connection,
    dossier: AttributeDossier,
    signed: SignedStatement,
    operator: Operator,
    details: dict[str, Any] | None = None,
) -> State:
    statement = signed.statement
    state = _after(dossier, statement, operator).state
    if state is None:
        raise altered(statement.subject)
    connection.execute(
        sa.insert(attribute_moves).values(
            request_id=dossier.id,
            sequence=statement.sequence,
            act=statement.act.value,
            operator=statement.operator,
            at=statement.at,
            statement=signed.message,
        )
    )
    connection.execute(
        sa.update(attribute_requests).where(attribute_requests.c.id == dossier.id).values(state=state.value)
    )
    facts = {"state": state.value, "digest": statement.digest, "statement": signed.digest, **(details or {})}
    event = Event(f"ra.attribute.{statement.act.value}", statement.operator, statement.subject, facts)
    context.audit.append(connection, event)
    return state
