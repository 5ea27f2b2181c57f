"""A seal's dossier: its versions and what was stated about it, verified and judged anew whenever it is acted upon."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.algorithms import SM3
from core.audit import Event
from core.clock import Clock
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.refusals import RefusedError
from core.statements import sign_statement
from seals import records
from seals.contracts import Official, People, Session
from seals.register.applications import Application, digest_of, parse_application
from seals.register.life import History, State, Version, altered
from seals.register.statements import Act, SignedStatement, Statement, verify_statement

# Built once: they are asked at every use.
_SEAL = sa.select(records.seals).where(records.seals.c.name == sa.bindparam("name"))
_LOCKED = _SEAL.with_for_update()
_VERSIONS = (
    sa.select(records.versions.c.revision, records.versions.c.content, records.versions.c.structure)
    .where(records.versions.c.seal_id == sa.bindparam("seal"))
    .order_by(records.versions.c.revision)
)
_STATEMENTS = (
    sa.select(records.statements.c.statement)
    .where(records.statements.c.seal_id == sa.bindparam("seal"))
    .order_by(records.statements.c.sequence)
)


@dataclass(frozen=True)
class StoredVersion:
    """A version as it is stored."""

    digest: str
    """By which statements name it."""
    application: Application | None
    """None for a seal from before there were statements."""
    structure: bytes | None
    """SESeal, DER, once it is made."""


@dataclass(frozen=True)
class Dossier:
    """A seal as it is stored, and the history that its verified statements tell."""

    id: int
    name: str
    branch: str
    versions: tuple[StoredVersion, ...]
    history: History

    @property
    def in_force(self) -> StoredVersion | None:
        """The version that is in force, or was when the seal was handed in."""
        return None if self.history.in_force is None else self.versions[self.history.in_force]

    @property
    def proposed(self) -> StoredVersion | None:
        """The version that waits to be in force."""
        return None if self.history.proposed is None else self.versions[self.history.proposed]

    @property
    def next_revision(self) -> int:
        """Of another version; the first is 1."""
        last = self.versions[-1].application if self.versions else None
        return last.revision + 1 if last else 1

    def meant_by(self, act: Act) -> StoredVersion | None:
        """The version that an act would be about."""
        place = self.history.meant_by(act)
        return None if place is None else self.versions[place]


def version_of(content: bytes, application: Application) -> Version:
    """What the rules look at."""
    return Version(digest_of(content), frozenset(application.custodians))


def read_dossier(connection: sa.Connection, people: People, name: str, *, lock: bool = False) -> Dossier:
    """The dossier of this seal, locked until the transaction ends if asked.

    `YinxinError` (not found); `RefusedError` if versions or statements are not what people signed under the rules.
    """
    try:
        return _read(connection, people, name, lock=lock)
    except RefusedError:
        if lock:
            raise
        # PostgreSQL shows each query what is newest: somebody may have moved the seal between two of ours.
        return _read(connection, people, name, lock=True)


def _read(connection: sa.Connection, people: People, name: str, *, lock: bool) -> Dossier:
    seal = connection.execute(_LOCKED if lock else _SEAL, {"name": name}).one_or_none()
    if seal is None:
        raise not_found(name)
    rows = connection.execute(_VERSIONS, {"seal": seal.id}).all()
    messages = connection.scalars(_STATEMENTS, {"seal": seal.id}).all()
    earlier = [row.structure for row in rows if row.revision == 0]
    begun = _begun(seal, earlier)
    rows = [row for row in rows if row.revision]
    try:
        signed = [verify_statement(message) for message in messages]
        applications = [parse_application(row.content) for row in rows]
        branch = applications[0].branch if applications else ""
        past = [(one.statement, people.duties_when_signing(connection, one, branch)) for one in signed]
    except YinxinError as error:
        raise altered(name) from error
    for row, application in zip(rows, applications, strict=True):
        if (application.name, application.branch, application.revision) != (name, branch, row.revision):
            raise altered(name)
    versions = [version_of(row.content, application) for row, application in zip(rows, applications, strict=True)]
    history = History.replay(begun, versions, past)
    stored = [StoredVersion(version.digest, None, earlier[0]) for version in begun.versions]
    stored += [
        StoredVersion(version.digest, application, row.structure)
        for version, application, row in zip(versions, applications, rows, strict=True)
    ]
    _require_as_made(history, stored)
    return Dossier(seal.id, name, branch, tuple(stored), history)


def append(
    context: Context,
    connection: sa.Connection,
    dossier: Dossier,
    signed: SignedStatement,
    official: Official,
    opened: Version | None = None,
    details: dict[str, Any] | None = None,
) -> History:
    """Add a statement, with its audit event; the history after. The rules are applied here."""
    statement = signed.statement
    if official.branch != dossier.branch:
        raise other_branch(dossier.name)
    after = dossier.history.after(statement, official.duties, opened)
    state = after.state
    if state is None:
        raise altered(dossier.name)
    connection.execute(
        sa.insert(records.statements).values(
            seal_id=dossier.id,
            sequence=statement.sequence,
            act=statement.act.value,
            operator=statement.operator,
            at=statement.at,
            statement=signed.message,
        )
    )
    if state != dossier.history.state:
        event = {"seal_id": dossier.id, "state": state.value, "at": context.clock.now()}
        words = {"actor": statement.operator, "reason": statement.decision[:256]}
        connection.execute(sa.insert(records.seal_events).values(event | words))
    facts = {"state": state.value, "digest": statement.digest, "statement": signed.digest, **(details or {})}
    event_name = f"seals.seal.{statement.act.value}"
    context.audit.append(connection, Event(event_name, statement.operator, dossier.name, facts))
    return after


def sign(
    clock: Clock, session: Session, dossier: Dossier, act: Act, *, digest: str = "", decision: str = ""
) -> SignedStatement:
    """What a person signs about a seal: about the version that the act would be about, or the one of this digest."""
    meant = dossier.meant_by(act)
    statement = Statement(
        act=act,
        subject=dossier.history.subject,
        sequence=len(dossier.history.statements) + 1,
        # Where there is no such version, the rules will say so.
        digest=digest or (meant.digest if meant else "0" * 64),
        decision=decision,
        at=clock.now(),
        operator=session.name,
    )
    return sign_statement(statement, session.signer, session.certificate)


def not_found(name: str) -> YinxinError:
    """The error that there is no such seal."""
    return YinxinError(
        Kind.NOT_FOUND, _("no seal of this name"), subject=name, remedy=_("list them with: yinxin seals list")
    )


def other_branch(name: str) -> YinxinError:
    """The error that a seal is another branch's."""
    return YinxinError(
        Kind.FORBIDDEN,
        _("this is another branch's"),
        subject=name,
        remedy=_("have it done by an operator of that branch"),
    )


def _begun(seal: sa.Row[Any], earlier: list[bytes]) -> History:
    """The history before the first statement: empty, but for seals that were made before statements were kept."""
    if seal.earlier_state is None:
        return History(seal.name)
    if len(earlier) != 1:
        raise altered(seal.name)
    return History(seal.name, (Version(SM3.of(earlier[0]).hex(), state=State(seal.earlier_state)),))


def _require_as_made(history: History, stored: list[StoredVersion]) -> None:
    """Each structure is the one that the statement about its making names."""
    made = {one.digest: one.decision for one in history.statements if one.act is Act.MAKE}
    for version in stored:
        if version.application is None:
            continue
        digest = SM3.of(version.structure).hex() if version.structure is not None else None
        if digest != made.get(version.digest):
            raise altered(history.name)
