"""Operators and administrators: who they are now and were then, and the session in which one of them signs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from asn1crypto import x509

from ca.authorities import authority_of
from ca.history import steps_of
from ca.state import State as CertificateState
from core.algorithms import SM3, algorithm_by_identifier
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.attempts import WaitError
from core.keys.encryption import WrongPassphraseError
from core.keys.key_file import open_key_file
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify
from core.statements import SignedStatement as SignedWords
from core.words import in_words
from ra import records
from ra.appointments import Career, Credential, PersonState, Standing, needs_new_certificate, parse_appointment
from ra.attempts import operators_attempt
from ra.refusals import RefusedError, refusals_recorded
from ra.roles import CENTRE, READERS, Role
from ra.statements import Act, SignedStatement, Statement, sign_statement, verify_statement

SESSION_LIFETIME = timedelta(hours=1)
"""How long a key that was opened with its PIN signs: a program that was forgotten does not go on for its operator."""
STATEMENT_LIFETIME = timedelta(minutes=10)
"""How far a statement's time may be from ours when it is submitted: none is kept in a drawer for a better day."""


@dataclass(frozen=True)
class Operator:
    """What an operator is now, as the verified statements about them say."""

    name: str
    roles: frozenset[Role]
    state: PersonState
    branch: str
    authority: str
    serial: int
    certificate: bytes

    @property
    def label(self) -> str:
        """`AUTHORITY/SERIAL` of the certificate."""
        return f"{self.authority}/{serial_text(self.serial)}"

    def require_signature_on(self, signed: SignedWords[Any]) -> None:
        """Return if the statement is by this operator and signed with this certificate; else `RefusedError`."""
        if signed.statement.operator != self.name or signed.certificate != self.certificate:
            raise RefusedError(
                "other-certificate",
                _("the statement is not signed with the certificate of operator {operator}").format(operator=self.name),
                subject=signed.statement.subject,
            )


@dataclass(frozen=True, repr=False)
class OperatorSession:
    """An operator at work: name, certificate, and the key that signs every act."""

    name: str
    certificate: bytes
    signer: Signer
    ends_at: datetime | None = None
    """When the PIN is to be given again; None: the session is for one act."""

    def sign(self, statement: Statement) -> SignedStatement:
        """The statement, signed; `RefusedError` after the session's end."""
        if self.ends_at and statement.at >= self.ends_at:
            raise RefusedError(
                "session-over",
                _("the session of operator {operator} has ended").format(operator=self.name),
                subject=statement.subject,
                remedy=_("open it again with the PIN; what was done stands"),
            )
        return sign_statement(statement, self.signer, self.certificate)


class Roster:
    """The people of the centre, as one transaction reads them: each career is verified and replayed once."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._careers: dict[str, Career | None] = {}

    def career(self, name: str) -> Career:
        """Of the person of this name. `YinxinError` (not found); `RefusedError` if the records were altered."""
        if name not in self._careers:
            # Nobody is in the line of their own appointment: to be asked for again meanwhile is a forgery.
            self._careers[name] = None
            self._careers[name] = self._replay(name)
        career = self._careers[name]
        if career is None:
            raise _altered(name)
        return career

    def operator(self, name: str) -> Operator:
        """What the person of this name is now."""
        present = self.career(name).present
        credential = present.credential
        return Operator(
            name,
            present.roles,
            present.state,
            present.appointment.branch,
            credential.authority,
            credential.serial,
            credential.certificate,
        )

    def roles_when_signing(self, signed: SignedWords[Any], branch: str = CENTRE) -> frozenset[Role]:
        """What whoever signed a stored statement might do then in this branch; `RefusedError` if they could not."""
        standings = [
            standing
            for standing in self.career(signed.statement.operator).when_signing(signed)
            if standing.appointment.branch == branch
        ]
        if not standings:
            raise _altered(signed.statement.operator)
        return frozenset[Role]().union(*(standing.roles for standing in standings))

    def administrators(self, career: Career, signed: SignedStatement) -> Sequence[Standing]:
        """The standings in which a statement about this career can have been signed; `RefusedError` if in none."""
        name = signed.statement.operator
        standings = (career if name == career.name else self.career(name)).when_signing(signed)
        if not standings:
            raise RefusedError("stale", _("the statement was not made by an administrator of its time"), subject=name)
        return standings

    def _replay(self, name: str) -> Career:
        table = records.operator_moves
        query = sa.select(table).where(table.c.operator == name).order_by(table.c.sequence)
        rows = self._connection.execute(query).all()
        if not rows:
            raise YinxinError(
                Kind.NOT_FOUND, _("no such operator"), subject=name, remedy=_("see: yinxin ra operator list")
            )
        career = Career(name)
        try:
            for row in rows:
                career = self._replay_move(career, row)
        except YinxinError as error:
            raise _altered(name) from error
        return career

    def _replay_move(self, career: Career, row: sa.Row[Any]) -> Career:
        signed = verify_statement(row.statement)
        appointment = parse_appointment(row.content) if row.content is not None else None
        credential = None
        if needs_new_certificate(signed.statement.act):
            credential = Credential(row.authority, row.serial, row.certificate)
            authority = authority_of(self._connection, credential.authority)
            if not _certified(credential.certificate, authority.public_key_info):
                raise _altered(career.name)
        if signed.statement.act is not Act.FOUND:
            return career.after(signed.statement, self.administrators(career, signed), appointment, credential)
        if credential is None or signed.certificate != credential.certificate:
            raise _altered(career.name)
        return career.after(signed.statement, (), appointment, credential)


def open_session(context: Context, name: str, key_file: Path, pin: bytes) -> OperatorSession:
    """Open the operator's key file with the PIN.

    `RefusedError` if the PIN is wrong or was so too often, if it is another's key, or if the operator is suspended.
    """
    # Who is at the machine is not proven yet, so nobody is named as the actor of a refusal.
    with refusals_recorded(context, "ra.session.open", actor="unverified", subject=name):
        try:
            signer = open_key_file(key_file, pin, counted=operators_attempt(context, name))
        except (WrongPassphraseError, WaitError) as error:
            rule = "pin" if isinstance(error, WrongPassphraseError) else "pin-wait"
            raise RefusedError(rule, error.what, subject=error.subject, remedy=error.remedy) from None
        with context.storage.reading() as connection:
            operator = find_operator(connection, name)
            require_fit(context, connection, operator)
        if signer.public_key_info != x509.Certificate.load(operator.certificate).public_key.dump():
            raise RefusedError(
                "other-key",
                _("this is not the key of operator {operator}").format(operator=name),
                subject=str(key_file),
                remedy=_("give the key file that the operator was appointed with"),
            )
    with context.storage.transaction() as connection:
        context.audit.append(connection, Event("ra.session.open", name, name))
    return OperatorSession(name, operator.certificate, signer, context.clock.now() + SESSION_LIFETIME)


def authenticate(context: Context, message: bytes) -> SignedStatement:
    """The statement in a signed message, made by the operator whom it names; else `RefusedError`, and recorded."""
    with refusals_recorded(context, "ra.statement.submit", actor="unverified", subject=SM3.of(message).hex()):
        try:
            signed = verify_statement(message)
        except YinxinError as error:
            raise RefusedError("signature", error.what) from error
        with context.storage.reading() as connection:
            try:
                operator = find_operator(connection, signed.statement.operator)
            except YinxinError as error:
                raise RefusedError("unknown-operator", error.what, subject=signed.statement.operator) from error
        operator.require_signature_on(signed)
    return signed


def admit(
    context: Context, connection: sa.Connection, signed: SignedWords[Any], roster: Roster | None = None
) -> Operator:
    """The operator who made an authenticated statement, if they may act now; else `RefusedError`.

    Until the transaction ends, nobody changes what the operator is.
    """
    name = signed.statement.operator
    lock_operator(connection, name, shared=True)
    roster = roster or Roster(connection)
    operator = roster.operator(name)
    require_fit(context, connection, operator)
    operator.require_signature_on(signed)
    late = abs(context.clock.now() - signed.statement.at) > STATEMENT_LIFETIME
    if late or not roster.career(name).when_signing(signed):
        raise RefusedError(
            "stale",
            _("the statement was not made just now"),
            subject=signed.statement.subject,
            remedy=_("check the clock, and decide anew"),
        )
    return operator


@contextmanager
def submission(
    context: Context, message: bytes, about: str, act: Act | None = None
) -> Iterator[tuple[sa.Connection, SignedStatement, Operator]]:
    """A transaction that acts upon a signed message: the connection, its statement, and the operator admitted.

    A refusal in it is recorded as that of `ABOUT.ACT` (`ra.request.approve`), of the statement's own act unless given.
    """
    signed = authenticate(context, message)
    statement = signed.statement
    name = f"{about}.{(act or statement.act).value}"
    with (
        refusals_recorded(context, name, actor=statement.operator, subject=statement.subject),
        context.storage.transaction() as connection,
    ):
        yield connection, signed, admit(context, connection, signed)


def admit_reader(context: Context, connection: sa.Connection, session: OperatorSession) -> Operator:
    """The operator who wants to look something up, if they may; else `RefusedError`."""
    operator = find_operator(connection, session.name)
    require_fit(context, connection, operator)
    if session.certificate != operator.certificate:
        raise replaced_certificate(session.name)
    if not operator.roles & READERS:
        raise RefusedError(
            "role", _("administrators and people with seals do not look at requests"), subject=session.name
        )
    return operator


def replaced_certificate(name: str) -> RefusedError:
    """The refusal of a session that was opened before the operator's certificate was renewed."""
    return RefusedError(
        "other-certificate",
        _("the session was opened with a certificate that has been replaced"),
        subject=name,
        remedy=_("use the new key"),
    )


def require_own_branch(operator: Operator, branch: str, subject: str) -> None:
    """Return if what is to be moved is of the operator's branch; else `RefusedError`."""
    if operator.branch != branch:
        raise RefusedError(
            "other-branch",
            _("this is another branch's"),
            subject=subject,
            remedy=_("have it done by an operator of that branch"),
        )


def require_in_sight(operator: Operator, branch: str, subject: str) -> None:
    """Return if an operator may see what is of this branch: the centre's see everything; else `RefusedError`."""
    if operator.branch != CENTRE:
        require_own_branch(operator, branch, subject)


def lock_operator(connection: sa.Connection, name: str, *, shared: bool = False) -> None:
    """Let nobody change what the operator is until the transaction ends; `shared`: others may lock likewise."""
    query = sa.select(records.operators.c.id).where(records.operators.c.name == name)
    connection.execute(query.with_for_update(read=shared))


def require_fit(context: Context, connection: sa.Connection, operator: Operator) -> None:
    """Return if the operator is active and the operator's certificate holds now; else `RefusedError`."""
    if operator.state is not PersonState.ACTIVE:
        raise RefusedError(
            "suspended",
            _("the operator is {state}").format(state=in_words(operator.state.value)),
            subject=operator.name,
            remedy=_("have the operator reinstated, or another operator do it"),
        )
    now = context.clock.now()
    begins = x509.Certificate.load(operator.certificate).not_valid_before
    if now < begins:
        raise RefusedError(
            "certificate",
            _("by the clock of this machine, the operator's certificate does not hold before {moment}").format(
                moment=begins.isoformat()
            ),
            subject=operator.name,
            remedy=_("check the clock"),
        )
    if not certificate_holds(connection, operator, now):
        raise RefusedError(
            "certificate",
            _("the operator's certificate has expired or is revoked"),
            subject=operator.name,
            remedy=_("have it renewed by the administrator"),
        )


def certificate_holds(connection: sa.Connection, operator: Operator, now: datetime) -> bool:
    """Whether the operator's certificate is in its validity and not held or revoked."""
    validity = x509.Certificate.load(operator.certificate)["tbs_certificate"]["validity"]
    if not validity["not_before"].native <= now <= validity["not_after"].native:
        return False
    steps = steps_of(connection, authority_of(connection, operator.authority).id, operator.serial)
    return bool(steps) and steps[-1].state is CertificateState.VALID


def find_operator(connection: sa.Connection, name: str) -> Operator:
    """What the operator of this name is now; `YinxinError` if there is none, `RefusedError` if records were altered."""
    return Roster(connection).operator(name)


def list_operators(context: Context, branch: str | None = None) -> list[Operator]:
    """Everybody, or those of a branch, by name, the removed ones too."""
    query = sa.select(records.operators.c.name).order_by(records.operators.c.name)
    if branch is not None:
        query = query.where(records.operators.c.branch == branch)
    with context.storage.reading() as connection:
        roster = Roster(connection)
        return [roster.operator(name) for name in connection.scalars(query).all()]


@lru_cache(maxsize=4096)
def _certified(certificate: bytes, issuer_key: bytes) -> bool:
    """Whether this key signed the certificate, over its original bytes."""
    parsed = x509.Certificate.load(certificate)
    algorithm = algorithm_by_identifier(parsed["signature_algorithm"].dump())
    try:
        verify(issuer_key, algorithm, parsed["signature_value"].native, parsed["tbs_certificate"].dump())
    except InvalidSignature:
        return False
    return True


def _altered(name: str) -> RefusedError:
    return RefusedError(
        "altered",
        _("what is recorded of the operator is not what was signed: it was altered in the database"),
        subject=name,
        remedy=_("tell the auditor"),
    )
