"""Appointing people, and deciding on them: each decision is an administrator's signed statement, kept for good.

The founding appoints the super and the audit administrator, who sign that they take office; everybody else is appointed
by somebody (`ra.roles.APPOINTS`). As in `ra.requests`, the verbs sign and `submit` what an administrator at a distance
would submit likewise.
"""

from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa

import ca.revocation
from ca.authorities import authority_of
from ca.history import steps_of
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from ca.state import Reason
from ca.state import State as CertificateState
from core.audit import Event, entries
from core.certificates import serial_text
from core.context import Context
from core.csr import build_csr, parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.subject import Subject
from ra import records
from ra.appointments import (
    Appointment,
    Career,
    Credential,
    appointment_of,
    needs_new_certificate,
    parse_appointment,
)
from ra.branches import require_branch
from ra.moves import again_if_overtaken
from ra.operators import (
    Operator,
    OperatorSession,
    Roster,
    admit,
    authenticate,
    certificate_holds,
    find_operator,
    lock_operator,
)
from ra.profiles import OPERATOR
from ra.refusals import RefusedError, refusals_recorded
from ra.roles import CENTRE, FOUNDERS, Role
from ra.statements import Act, SignedStatement, Statement
from ra.witnesses import former_administrators, require_witness, testimony

CEREMONY = "ceremony"
"""The actor of the founding, when there is nobody yet who could appoint."""


def found(
    context: Context,
    ca_: CertificateAuthority,
    name: str,
    role: Role,
    signer: Signer,
    *,
    authority: str,
    organization: str,
    replace: bool = False,
    witness: OperatorSession | None = None,
    actor: str = CEREMONY,
) -> OperatorSession:
    """Appoint one of the two administrators by the ceremony, whom the certificate names as such.

    `YinxinError` (conflict) as long as there is another one whose certificate holds; `replace` revokes that one.
    Where there was one before, `witness` is another administrator; `RefusedError` if there could be one and is none.
    """
    if role not in FOUNDERS:
        raise YinxinError(Kind.INVALID, _("only the two administrators are founded"), subject=name)
    csr = build_csr(signer, Subject(common_name=name).name())
    appointment = appointment_of(name, {role}, csr, authority=authority, organization=organization)
    with (
        refusals_recorded(context, "ra.operator.found", actor=actor, subject=name),
        context.storage.reading() as connection,
    ):
        _require_free(connection, name)
        former = _founded(context, connection, role)
        if former and not replace:
            raise _founded_already(former[0])
        if replaced := former_administrators(connection, role):
            require_witness(context, connection, witness, name, replaced)
    witnessed = testimony(context, witness, name, appointment) if witness else {}
    for one in former:
        ca.revocation.revoke(context, one.authority, one.serial, Reason.CESSATION_OF_OPERATION, actor=actor)
    sessions = []

    def record(connection: sa.Connection, issued: Sequence[IssuedCertificate]) -> None:
        (certificate,) = issued
        if others := _founded(context, connection, role):
            raise _founded_already(others[0])
        session = OperatorSession(name, certificate.certificate, signer)
        career = Career(name)
        signed = session.sign(_statement(context, career, session, Act.FOUND, appointment))
        credential = Credential(authority, certificate.serial, certificate.certificate)
        after = career.after(signed.statement, (), appointment, credential)
        _keep(context, connection, after, signed, appointment, credential, actor, witnessed)
        sessions.append(session)

    ca_.issue([_to_be_certified(appointment, actor)], actor=actor, recording=record)
    return sessions[0]


def appoint(
    context: Context,
    ca_: CertificateAuthority,
    session: OperatorSession,
    name: str,
    roles: Collection[Role],
    csr: bytes,
    *,
    authority: str,
    organization: str,
    branch: str = CENTRE,
) -> Operator:
    """Have the key in the request certified for a new operator (auditor, business administrator) with these roles."""
    appointment = appointment_of(name, roles, csr, authority=authority, organization=organization, branch=branch)
    statement = _statement(context, Career(name), session, Act.APPOINT, appointment)
    return submit_appointment(context, ca_, session.sign(statement).message, appointment.canonical())


def renew(context: Context, ca_: CertificateAuthority, session: OperatorSession, name: str, csr: bytes) -> Operator:
    """Have a new key of somebody certified: one's own while the certificate holds, or as their administrator."""
    career = _career(context, name)
    request = parse_csr(csr)
    request.check_possession()
    appointment = career.present.appointment.model_copy(update={"csr": request.encoded})
    statement = _statement(context, career, session, Act.RENEW, appointment)
    return submit_appointment(context, ca_, session.sign(statement).message, appointment.canonical())


def change_roles(context: Context, session: OperatorSession, name: str, roles: Collection[Role]) -> Operator:
    """Give an operator these roles instead of those they have."""

    def changed(career: Career) -> Appointment:
        return career.present.appointment.model_copy(update={"roles": tuple(sorted(set(roles)))})

    def attempt() -> Operator:
        career = _career(context, name)
        appointment = changed(career)
        signed = session.sign(_statement(context, career, session, Act.CHANGE, appointment))
        return submit_decision(context, signed.message, appointment.canonical())

    return again_if_overtaken(attempt)


def suspend(context: Context, session: OperatorSession, name: str, why: str = "") -> Operator:
    """Let somebody do nothing until reinstated. What was stated before keeps its worth."""
    return _decide(context, session, name, Act.SUSPEND, why)


def reinstate(context: Context, session: OperatorSession, name: str, why: str = "") -> Operator:
    """Let somebody who is suspended act again."""
    return _decide(context, session, name, Act.REINSTATE, why)


def remove(context: Context, session: OperatorSession, name: str, why: str = "") -> Operator:
    """Let somebody never act again, and revoke their certificate. The name is not given to another."""
    return _decide(context, session, name, Act.REMOVE, why)


def _decide(context: Context, session: OperatorSession, name: str, act: Act, why: str) -> Operator:
    def attempt() -> Operator:
        career = _career(context, name)
        statement = _statement(context, career, session, act, career.present.appointment, why)
        return submit_decision(context, session.sign(statement).message)

    return again_if_overtaken(attempt)


def submit_appointment(context: Context, ca_: CertificateAuthority, message: bytes, content: bytes) -> Operator:
    """Carry out a signed appointment or renewal; `content` is the canonical appointment that it is about."""
    signed = authenticate(context, message)
    statement = signed.statement
    act = f"ra.operator.{statement.act.value}"
    with refusals_recorded(context, act, actor=statement.operator, subject=statement.subject):
        if statement.act not in (Act.APPOINT, Act.RENEW):
            raise RefusedError("other-act", _("the statement is about something else"), subject=statement.subject)
        appointment = parse_appointment(content)
        # Before the CA is asked too, so that nothing is signed for a refusal.
        with context.storage.reading() as connection:
            _judge(context, connection, signed, appointment, None)

        def record(connection: sa.Connection, issued: Sequence[IssuedCertificate]) -> None:
            (certificate,) = issued
            credential = Credential(appointment.authority, certificate.serial, certificate.certificate)
            after = _judge(context, connection, signed, appointment, credential)
            _keep(context, connection, after, signed, appointment, credential, statement.operator)

        ca_.issue([_to_be_certified(appointment, statement.operator)], actor=statement.operator, recording=record)
    with context.storage.reading() as connection:
        return find_operator(connection, appointment.operator)


def submit_decision(context: Context, message: bytes, content: bytes | None = None) -> Operator:
    """Carry out a signed decision on somebody; `content`: the canonical appointment, where the roles change."""
    signed = authenticate(context, message)
    statement = signed.statement
    with refusals_recorded(
        context, f"ra.operator.{statement.act.value}", actor=statement.operator, subject=statement.subject
    ):
        if needs_new_certificate(statement.act):
            raise RefusedError("other-act", _("this statement alone decides nothing"), subject=statement.subject)
        appointment = parse_appointment(content) if content is not None else None

        def record(connection: sa.Connection) -> None:
            after = _judge(context, connection, signed, appointment, None)
            _keep(context, connection, after, signed, appointment, None, statement.operator)

        with context.storage.reading() as connection:
            after = _judge(context, connection, signed, appointment, None)
            to_revoke = statement.act is Act.REMOVE and _revocable(connection, after.present.credential)
        if to_revoke:
            credential = after.present.credential
            ca.revocation.revoke(
                context,
                credential.authority,
                credential.serial,
                Reason.CESSATION_OF_OPERATION,
                actor=statement.operator,
                recording=record,
            )
        else:
            with context.storage.transaction() as connection:
                record(connection)
    with context.storage.reading() as connection:
        return find_operator(connection, after.name)


def _judge(
    context: Context,
    connection: sa.Connection,
    signed: SignedStatement,
    appointment: Appointment | None,
    credential: Credential | None,
) -> Career:
    """The career that the statement leads to, every rule applied."""
    name = signed.statement.subject.removeprefix("operator:")
    lock_operator(connection, name)
    roster = Roster(connection)
    admit(context, connection, signed, roster)
    if signed.statement.act is Act.APPOINT:
        _require_free(connection, name)
        if appointment is not None:
            require_branch(connection, appointment.branch)
        career = Career(name)
    else:
        career = roster.career(name)
        _require_last_word(connection, signed.statement, name)
    return career.after(signed.statement, roster.administrators(career, signed), appointment, credential)


def _keep(
    context: Context,
    connection: sa.Connection,
    after: Career,
    signed: SignedStatement,
    appointment: Appointment | None,
    credential: Credential | None,
    actor: str,
    witnessed: Mapping[str, object] | None = None,
) -> None:
    statement, present = signed.statement, after.present
    columns = {
        "roles": " ".join(present.appointment.roles),
        "branch": present.appointment.branch,
        "state": present.state.value,
    }
    table = records.operators
    if len(after.standings) == 1:
        connection.execute(sa.insert(table).values(name=after.name, **columns))
    else:
        connection.execute(sa.update(table).where(table.c.name == after.name).values(columns))
    connection.execute(
        sa.insert(records.operator_moves).values(
            operator=after.name,
            sequence=statement.sequence,
            act=statement.act.value,
            administrator=statement.operator,
            at=statement.at,
            content=appointment.canonical() if appointment else None,
            authority=credential.authority if credential else None,
            serial=credential.serial if credential else None,
            certificate=credential.certificate if credential else None,
            statement=signed.message,
        )
    )
    details = {
        "roles": [role.value for role in present.appointment.roles],
        "branch": present.appointment.branch,
        "certificate": f"{present.credential.authority}/{serial_text(present.credential.serial)}",
        "statement": signed.digest,
        **(witnessed or {}),
    }
    context.audit.append(connection, Event(f"ra.operator.{statement.act.value}", actor, after.name, details))


def _statement(
    context: Context, career: Career, session: OperatorSession, act: Act, appointment: Appointment, why: str = ""
) -> Statement:
    return Statement(
        act=act,
        subject=career.subject,
        sequence=len(career.standings) + 1,
        digest=appointment.digest,
        decision=why,
        at=context.clock.now(),
        operator=session.name,
    )


def _career(context: Context, name: str) -> Career:
    with context.storage.reading() as connection:
        return Roster(connection).career(name)


def _to_be_certified(appointment: Appointment, approver: str) -> ApprovedRequest:
    approval = Approval(f"operator:{appointment.operator}", bytes.fromhex(appointment.digest), (approver,))
    return ApprovedRequest(appointment.authority, OPERATOR, appointment.subject, appointment.csr, approval)


def _require_free(connection: sa.Connection, name: str) -> None:
    if connection.scalar(sa.select(records.operators.c.id).where(records.operators.c.name == name)) is not None:
        raise YinxinError(
            Kind.CONFLICT, _("there is an operator of this name already"), subject=name, remedy=_("choose another name")
        )


def _founded(context: Context, connection: sa.Connection, role: Role) -> list[Operator]:
    """Administrators with this role whose certificates hold."""
    table = records.operators
    names = connection.scalars(sa.select(table.c.name).where(table.c.roles == role.value)).all()
    roster, now = Roster(connection), context.clock.now()
    founded = (roster.operator(name) for name in names)
    return [one for one in founded if certificate_holds(connection, one, now)]


def _founded_already(administrator: Operator) -> YinxinError:
    return YinxinError(
        Kind.CONFLICT,
        _("there is such an administrator already"),
        subject=administrator.name,
        remedy=_("if that key is lost, found another with --replace"),
    )


def _require_last_word(connection: sa.Connection, statement: Statement, name: str) -> None:
    """What a person is may not change before something that they have signed: it would not verify any more."""
    moves, orders, people = records.request_moves, records.certificate_orders, records.operator_moves
    for at, signed in (
        (moves.c.at, moves.c.operator == name),
        (orders.c.at, orders.c.operator == name),
        (people.c.at, people.c.administrator == name),
        # What was signed about seals is in books of their own, and in the log.
        (entries.c.at, sa.and_(entries.c.actor == name, entries.c.act.startswith("seals."))),
    ):
        last = connection.scalar(sa.select(sa.func.max(at)).where(signed))
        if last is not None and last > statement.at:
            raise YinxinError(
                Kind.CONFLICT,
                _("the operator has signed something later than this decision"),
                subject=name,
                remedy=_("check the clocks, and decide anew"),
            )


def _revocable(connection: sa.Connection, credential: Credential) -> bool:
    steps = steps_of(connection, authority_of(connection, credential.authority).id, credential.serial)
    return bool(steps) and steps[-1].state is not CertificateState.REVOKED
