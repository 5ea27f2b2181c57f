"""Requests from entry to decision. Every change is a statement handed to `submit`, which applies the rules.

The verbs sign a statement in the operator's session and submit it; an operator at a distance signs there and submits
the same bytes. There is no way in beside the verified statement.
"""

import sqlalchemy as sa

from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Subject
from ra import records
from ra.applications import Application, digest_of, new_number, new_salt, parse_application
from ra.dossiers import Dossier, append_move, next_statement, read_dossier, require_unclaimed
from ra.moves import History, OvertakenError, State
from ra.operators import OperatorSession, admit, authenticate
from ra.profiles import check_application, subscriber_profile
from ra.refusals import RefusedError, refusals_recorded
from ra.statements import Act, Statement

ELSEWHERE = frozenset({Act.ENTER, Act.ISSUE})
"""Acts that need more than the statement: `submit_entry` and `ra.issuance`."""


def enter(
    context: Context, session: OperatorSession, *, authority: str, profile: str, subject: Subject, csr: bytes
) -> str:
    """Enter a request for a certificate of this profile by this authority; its number.

    The CSR (DER or PEM) gives the key and proves its possession; nothing else is taken from it.
    """
    with context.storage.reading() as connection:
        approvals = subscriber_profile(connection, profile).approvals
    application = Application(
        number=new_number(context.clock.now()),
        authority=authority,
        profile=profile,
        approvals=approvals,
        subject=subject,
        csr=parse_csr(csr).encoded,
        salt=new_salt(),
    )
    content = application.canonical()
    statement = Statement(
        act=Act.ENTER,
        subject=application.number,
        sequence=1,
        digest=digest_of(content),
        at=context.clock.now(),
        operator=session.name,
    )
    submit_entry(context, session.sign(statement).message, content)
    return application.number


def approve(context: Context, session: OperatorSession, number: str, *, digest: str | None = None) -> State:
    """Approve a request: the content of this digest if given, else as it is stored now.

    The state after, which is `entered` as long as the profile asks for more approvals.
    """
    return decide(context, session, number, Act.APPROVE, digest=digest)


def reject(context: Context, session: OperatorSession, number: str, why: str) -> State:
    """Reject a request, saying why."""
    if not why.strip():
        raise YinxinError(Kind.INVALID, _("a rejection needs a reason"), subject=number)
    return decide(context, session, number, Act.REJECT, why)


def withdraw(context: Context, session: OperatorSession, number: str, why: str = "") -> State:
    """Withdraw a request that has not been issued."""
    return decide(context, session, number, Act.WITHDRAW, why)


def decide(
    context: Context, session: OperatorSession, number: str, act: Act, why: str = "", digest: str | None = None
) -> State:
    """Sign and submit a statement about a request, again if somebody else came first; the state after."""
    while True:
        statement = next_statement(context, session, number, act, decision=why, digest=digest)
        try:
            return submit(context, session.sign(statement).message)
        except OvertakenError:
            # Ends: each turn means that the request was moved, and a request's moves are few.
            continue


def submit_entry(context: Context, message: bytes, content: bytes) -> State:
    """Enter the canonical request that the signed statement is about; the state after."""
    signed = authenticate(context, message)
    statement = signed.statement
    with (
        refusals_recorded(context, "ra.request.enter", actor=statement.operator, subject=statement.subject),
        context.storage.transaction() as connection,
    ):
        operator = admit(context, connection, signed)
        application = parse_application(content)
        if application.canonical() != content or statement.act is not Act.ENTER:
            raise RefusedError(
                "other-content", _("the statement does not enter this request"), subject=statement.subject
            )
        check_application(connection, application)
        entry = sa.insert(records.requests).values(
            number=application.number, content=content, state=State.ENTERED.value, profile=application.profile
        )
        try:
            (identifier,) = connection.execute(entry).inserted_primary_key or (0,)
        except sa.exc.IntegrityError:
            raise YinxinError(
                Kind.CONFLICT, _("there is a request of this number already"), subject=application.number
            ) from None
        history = History(application.number, digest_of(content), application.approvals)
        dossier = Dossier(identifier, content, application, history, None)
        details = {"authority": application.authority, "profile": application.profile}
        return append_move(context, connection, dossier, signed, operator, details)


def submit(context: Context, message: bytes) -> State:
    """Make the decision that the signed statement states about a request; the state after.

    `RefusedError` where a rule forbids it (recorded), `YinxinError` (conflict) where the state does not allow it,
    `OvertakenError` where the request was moved after the statement was made.
    """
    signed = authenticate(context, message)
    statement = signed.statement
    act = f"ra.request.{statement.act.value}"
    with (
        refusals_recorded(context, act, actor=statement.operator, subject=statement.subject),
        context.storage.transaction() as connection,
    ):
        operator = admit(context, connection, signed)
        if statement.act in ELSEWHERE:
            raise RefusedError("other-act", _("this statement alone moves nothing"), subject=statement.subject)
        dossier = read_dossier(connection, statement.subject, lock=True)
        require_unclaimed(dossier, context.clock.now())
        return append_move(context, connection, dossier, signed, operator)
