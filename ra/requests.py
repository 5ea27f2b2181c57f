"""Requests from entry to decision. Every change is a statement handed to `submit`, which applies the rules.

The verbs sign a statement in the operator's session and submit it; an operator at a distance signs there and submits
the same bytes. There is no way in beside the verified statement.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Subject
from ra import records
from ra.applications import Application, Contact, Replaced, digest_of, new_number, new_salt, parse_application
from ra.dossiers import Dossier, append_move, next_statement, read_dossier, require_unclaimed, version_of
from ra.moves import History, OvertakenError, State, again_if_overtaken
from ra.operators import OperatorSession, find_operator, submission
from ra.profiles import check_application, subscriber_profile
from ra.refusals import RefusedError
from ra.replacement import check_replacement, hold_key
from ra.statements import Act, Statement

ELSEWHERE = frozenset({Act.ENTER, Act.AMEND, Act.ISSUE})
"""Acts that need more than the statement: `submit_entry`, `submit_amendment` and `ra.issuance`."""

DECIDE_WITHIN = timedelta(days=30)
"""How long a request waits for its decision, unless the configuration (ra.decide_days) says otherwise."""


def enter(
    context: Context,
    session: OperatorSession,
    *,
    authority: str,
    profile: str,
    subject: Subject,
    csr: bytes,
    contact: Contact | None = None,
    replaces: Replaced | None = None,
    decide_within: timedelta = DECIDE_WITHIN,
) -> str:
    """Enter a request for a certificate of this profile by this authority; its number.

    The CSR (DER or PEM) gives the key and proves its possession; nothing else is taken from it. A request that is not
    decided within `decide_within` expires. `replaces` is given by `ra.succession`.
    """
    with context.storage.reading() as connection:
        approvals = subscriber_profile(connection, profile).approvals
        branch = find_operator(connection, session.name).branch
    application = new_application(
        context.clock.now(),
        branch=branch,
        authority=authority,
        profile=profile,
        approvals=approvals,
        subject=subject,
        contact=contact,
        replaces=replaces,
        csr=csr,
        decide_within=decide_within,
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


def new_application(
    now: datetime,
    *,
    branch: str,
    authority: str,
    profile: str,
    approvals: int,
    subject: Subject,
    csr: bytes,
    contact: Contact | None = None,
    replaces: Replaced | None = None,
    decide_within: timedelta = DECIDE_WITHIN,
) -> Application:
    """What is entered, under a new number."""
    return Application(
        number=new_number(now),
        decide_by=deadline(now, decide_within),
        branch=branch,
        authority=authority,
        profile=profile,
        approvals=approvals,
        subject=subject,
        contact=contact,
        replaces=replaces,
        csr=parse_csr(csr).encoded,
        salt=new_salt(),
    )


def amended(
    present: Application,
    now: datetime,
    *,
    approvals: int,
    subject: Subject | None,
    csr: bytes | None,
    contact: Contact | None = None,
    decide_within: timedelta = DECIDE_WITHIN,
) -> Application:
    """The next version of a request."""
    changes = {
        "revision": present.revision + 1,
        "decide_by": deadline(now, decide_within),
        "approvals": approvals,
        "subject": subject or present.subject,
        "contact": contact or present.contact,
        "csr": parse_csr(csr).encoded if csr is not None else present.csr,
        "salt": new_salt(),
    }
    return present.model_copy(update=changes)


def amend(
    context: Context,
    session: OperatorSession,
    number: str,
    *,
    subject: Subject | None = None,
    csr: bytes | None = None,
    contact: Contact | None = None,
    decide_within: timedelta = DECIDE_WITHIN,
) -> State:
    """Put another holder, key or contact into a request that is not issued; it waits for all of its approvals anew."""

    def attempt() -> State:
        with context.storage.reading() as connection:
            present = read_dossier(connection, number)
            profile = subscriber_profile(connection, present.application.profile)
        changed = amended(
            present.application,
            context.clock.now(),
            approvals=profile.approvals,
            subject=subject,
            csr=csr,
            contact=contact,
            decide_within=decide_within,
        )
        content = changed.canonical()
        statement = next_statement(context, session, number, Act.AMEND, digest=digest_of(content))
        return submit_amendment(context, session.sign(statement).message, content)

    return again_if_overtaken(attempt)


def deadline(now: datetime, within: timedelta) -> datetime:
    """Until when a request waits, to the second."""
    return (now + within).astimezone(UTC).replace(microsecond=0)


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

    def attempt() -> State:
        statement = next_statement(context, session, number, act, decision=why, digest=digest)
        return submit(context, session.sign(statement).message)

    return again_if_overtaken(attempt)


def submit_entry(context: Context, message: bytes, content: bytes) -> State:
    """Enter the canonical request that the signed statement is about; the state after."""
    with submission(context, message, "ra.request", Act.ENTER) as (connection, signed, operator):
        statement = signed.statement
        application = parse_application(content)
        if application.canonical() != content or statement.act is not Act.ENTER:
            raise RefusedError(
                "other-content", _("the statement does not enter this request"), subject=statement.subject
            )
        check_application(connection, application)
        check_replacement(connection, application, context.clock.now())
        entry = sa.insert(records.requests).values(
            number=application.number,
            content=content,
            state=State.ENTERED.value,
            profile=application.profile,
            decide_by=application.decide_by,
            branch=application.branch,
            replaced_authority=application.replaces.authority if application.replaces else None,
            replaced_serial=int(application.replaces.serial, 16) if application.replaces else None,
            unit=application.subject.organization or "",
        )
        try:
            (identifier,) = connection.execute(entry).inserted_primary_key or (0,)
        except sa.exc.IntegrityError:
            raise YinxinError(
                Kind.CONFLICT, _("there is a request of this number already"), subject=application.number
            ) from None
        history = History(application.number, version_of(content, application))
        dossier = Dossier(identifier, content, application, history, None)
        details = {"authority": application.authority, "profile": application.profile}
        state = append_move(context, connection, dossier, signed, operator, details)
        hold_key(connection, identifier, application, context.clock.now())
        return state


def submit_amendment(context: Context, message: bytes, content: bytes) -> State:
    """Replace a request's content by the canonical one that the signed statement is about; the state after."""
    with submission(context, message, "ra.request", Act.AMEND) as (connection, signed, operator):
        statement = signed.statement
        dossier = read_dossier(connection, statement.subject, lock=True)
        require_unclaimed(dossier, context.clock.now())
        before, application = dossier.application, parse_application(content)
        if application.canonical() != content or statement.act is not Act.AMEND or application.number != before.number:
            raise RefusedError(
                "other-content", _("the statement does not amend this request"), subject=statement.subject
            )
        if application.revision != before.revision + 1:
            raise OvertakenError(before.number)
        kind = (before.profile, before.authority, before.branch)
        if (application.profile, application.authority, application.branch) != kind:
            raise RefusedError(
                "other-profile",
                _("an amendment changes the holder or the key, not the kind of certificate"),
                subject=before.number,
                remedy=_("withdraw it, and enter another"),
            )
        if application.replaces != before.replaces:
            raise RefusedError(
                "other-certificate-replaced",
                _("an amendment does not change which certificate is replaced"),
                subject=before.number,
                remedy=_("withdraw it, and enter another"),
            )
        check_application(connection, application)
        check_replacement(connection, application, context.clock.now())
        connection.execute(
            sa.insert(records.request_versions).values(
                request_id=dossier.id, revision=before.revision, content=dossier.content
            )
        )
        connection.execute(
            sa.update(records.requests)
            .where(records.requests.c.id == dossier.id)
            .values(content=content, decide_by=application.decide_by, unit=application.subject.organization or "")
        )
        details = {"revision": application.revision}
        version = version_of(content, application)
        state = append_move(context, connection, dossier, signed, operator, details, version)
        hold_key(connection, dossier.id, application, context.clock.now())
        return state


def submit(context: Context, message: bytes) -> State:
    """Make the decision that the signed statement states about a request; the state after.

    `RefusedError` where a rule forbids it (recorded), `YinxinError` (conflict) where the state does not allow it,
    `OvertakenError` where the request was moved after the statement was made.
    """
    with submission(context, message, "ra.request") as (connection, signed, operator):
        statement = signed.statement
        if statement.act in ELSEWHERE:
            raise RefusedError("other-act", _("this statement alone moves nothing"), subject=statement.subject)
        dossier = read_dossier(connection, statement.subject, lock=True)
        require_unclaimed(dossier, context.clock.now())
        return append_move(context, connection, dossier, signed, operator)
