"""Where people's statements about seals come in: whoever signed them, and wherever, the same rules are applied here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from asn1crypto import x509

from core.algorithms import SM3
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from core.refusals import RefusedError, refusals_recorded
from seals import records
from seals.contracts import Official, People
from seals.register.applications import Application, parse_application
from seals.register.dossiers import Dossier, append, other_branch, read_dossier, version_of
from seals.register.life import History, State, altered
from seals.register.orders import check_application
from seals.register.statements import Act, SignedStatement, verify_statement

ELSEWHERE = frozenset({Act.APPLY, Act.CHANGE, Act.MAKE, Act.ALLOW_USE, Act.WITHDRAW_USE})
"""Acts that need more than the statement."""


def submit(context: Context, people: People, message: bytes) -> State:
    """Carry out a signed decision; the state of the seal after it."""
    with admitted(context, people, message) as (signed, connection, official):
        dossier = read_dossier(connection, people, _name(signed), lock=True)
        if signed.statement.act in ELSEWHERE:
            raise RefusedError("other-act", _("this statement alone decides nothing"), subject=dossier.name)
        after = append(context, connection, dossier, signed, official)
        if signed.statement.act is Act.ACTIVATE and dossier.proposed and dossier.proposed.application:
            _show(connection, dossier.id, dossier.proposed.application)
        return _state(after)


def submit_application(
    context: Context,
    people: People,
    keys: KeyStore,
    message: bytes,
    content: bytes,
    picture: bytes,
    drawing: bytes | None = None,
) -> State:
    """Enter the canonical application that the signed statement is about, with its picture; the state after it."""
    with admitted(context, people, message) as (signed, connection, official):
        application = parse_application(content)
        if f"seal:{application.name}" != signed.statement.subject:
            raise RefusedError("other-subject", _("the statement is about something else"), subject=application.name)
        check_application(context, keys, application, picture, drawing)
        if signed.statement.act is Act.APPLY and application.revision == 1:
            dossier = _new(connection, application)
        else:
            dossier = read_dossier(connection, people, application.name, lock=True)
        if official.branch != application.branch or dossier.branch != application.branch:
            raise other_branch(application.name)
        if application.revision != dossier.next_revision:
            raise _other_revision(application.name)
        details = {"owner": application.owner, "kind": application.kind.value, "revision": application.revision}
        after = append(context, connection, dossier, signed, official, version_of(content, application), details)
        connection.execute(
            sa.insert(records.versions).values(
                seal_id=dossier.id,
                revision=application.revision,
                content=content,
                picture=picture,
                drawing=drawing,
            )
        )
        return _state(after)


def submit_made(context: Context, people: People, message: bytes, structure: bytes) -> State:
    """Keep the structure whose digest the signed statement names; the state after it."""
    with admitted(context, people, message) as (signed, connection, official):
        dossier = read_dossier(connection, people, _name(signed), lock=True)
        meant = dossier.proposed
        if signed.statement.act is not Act.MAKE or signed.statement.decision != SM3.of(structure).hex():
            raise RefusedError("other-structure", _("the statement is about another structure"), subject=dossier.name)
        after = append(context, connection, dossier, signed, official)
        if meant is None or meant.application is None:
            raise altered(dossier.name)
        connection.execute(
            sa.update(records.versions)
            .where(records.versions.c.seal_id == dossier.id, records.versions.c.revision == meant.application.revision)
            .values(structure=structure)
        )
        return _state(after)


@contextmanager
def admitted(
    context: Context, people: People, message: bytes
) -> Iterator[tuple[SignedStatement, sa.Connection, Official]]:
    """The statement in a signed message and who made it, in a transaction; refusals are recorded."""
    with refusals_recorded(context, "seals.statement.submit", actor="unverified", subject=SM3.of(message).hex()):
        try:
            signed = verify_statement(message)
        except YinxinError as error:
            raise RefusedError("signature", error.what) from error
        with context.storage.reading() as connection:
            people.identify(connection, signed)
    statement = signed.statement
    act = f"seals.seal.{statement.act.value}"
    with (
        refusals_recorded(context, act, actor=statement.operator, subject=_name(signed)),
        context.storage.transaction() as connection,
    ):
        yield signed, connection, people.admit(connection, signed)


def _name(signed: SignedStatement) -> str:
    return signed.statement.subject.removeprefix("seal:")


def _state(history: History) -> State:
    if history.state is None:
        raise altered(history.name)
    return history.state


def _new(connection: sa.Connection, application: Application) -> Dossier:
    row: dict[str, Any] = {"name": application.name, **_shown(application)}
    try:
        (seal_id,) = connection.execute(sa.insert(records.seals).values(row)).inserted_primary_key or (0,)
    except sa.exc.IntegrityError:
        raise YinxinError(
            Kind.CONFLICT,
            _("there is a seal of this name already"),
            subject=application.name,
            remedy=_("choose another"),
        ) from None
    return Dossier(seal_id, application.name, application.branch, (), History(application.name))


def _show(connection: sa.Connection, seal_id: int, application: Application) -> None:
    """Let lists show the version that is now in force."""
    until = x509.Certificate.load(application.certificate).not_valid_after
    row = _shown(application) | {"valid_until": until}
    connection.execute(sa.update(records.seals).where(records.seals.c.id == seal_id).values(row))


def _shown(application: Application) -> dict[str, Any]:
    return {
        "owner": application.owner,
        "unit": application.unit,
        "branch": application.branch,
        "kind": application.kind.value,
        "key_name": application.key_name,
        "width_mm": application.width_mm,
    }


def _other_revision(name: str) -> YinxinError:
    return YinxinError(
        Kind.CONFLICT,
        _("this is not the next version of the seal"),
        subject=name,
        remedy=_("look at the seal as it is now, and apply anew"),
    )
