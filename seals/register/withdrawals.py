"""Permissions for single uses, looked up by those who answer for the seal, and withdrawn before they are used."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from core.algorithms import SM3
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.refusals import RefusedError, refusals_recorded
from core.statements import sign_statement
from seals import records
from seals.contracts import Duty, People, Session
from seals.register.dossiers import other_branch
from seals.register.permissions import parse_permission
from seals.register.readers import seal_for_reader
from seals.register.registered import RegisteredSeal, read_seal
from seals.register.statements import Act, SignedStatement, Statement, verify_statement
from seals.register.submissions import admitted

_table = records.use_permissions


class Standing(StrEnum):
    """What became of a permission."""

    OPEN = "open"
    USED = "used"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    """Nobody used it in time."""


@dataclass(frozen=True)
class ListedPermission:
    """A permission as lists show it."""

    number: str
    custodian: str
    document_sha256: str
    purpose: str
    until: datetime
    standing: Standing
    use: int | None
    """The ordinal of the use that was made of it."""


def withdraw_permission(context: Context, people: People, session: Session, number: str, why: str) -> str:
    """Withdraw, as a custodian of its seal, a permission that nobody has used yet; the seal's name."""
    with context.storage.reading() as connection:
        content = _found(connection, number).content
    statement = Statement(
        act=Act.WITHDRAW_USE,
        subject=f"use:{number}",
        sequence=2,
        digest=SM3.of(content).hex(),
        decision=why,
        at=context.clock.now(),
        operator=session.name,
    )
    return submit_withdrawal(context, people, sign_statement(statement, session.signer, session.certificate).message)


def submit_withdrawal(context: Context, people: People, message: bytes) -> str:
    """Keep a custodian's signed statement that a permission is withdrawn; the name of its seal.

    `YinxinError` (conflict) if it was used or withdrawn before.
    """
    with admitted(context, people, message) as (signed, connection, official):
        row = _found(connection, signed.statement.subject.removeprefix("use:"))
        _require_about(signed, row)
        # Uses are entered under the same lock: one of the two comes first, and the other sees it.
        seal = read_seal(connection, people, parse_permission(row.content).seal, lock=True)
        if official.branch != seal.branch:
            raise other_branch(seal.name)
        if Duty.USE not in official.duties or signed.statement.operator not in seal.custodians:
            raise _not_a_custodian(signed.statement.operator, seal)
        changed = sa.update(_table).where(
            _table.c.id == row.id, _table.c.use_id.is_(None), _table.c.withdrawal.is_(None)
        )
        if connection.execute(changed.values(withdrawal=message)).rowcount != 1:
            raise YinxinError(Kind.CONFLICT, _("the permission was used or withdrawn already"), subject=row.number)
        details = {"number": row.number, "why": signed.statement.decision, "statement": signed.digest}
        context.audit.append(connection, Event("seals.use.withdraw", signed.statement.operator, seal.name, details))
        return seal.name


def list_permissions(
    context: Context, people: People, session: Session, name: str, *, limit: int = 100, before: str | None = None
) -> list[ListedPermission]:
    """The newest permissions for a seal, or the newest before one of this number, for auditors and its custodians."""
    with (
        refusals_recorded(context, "seals.permission.list", actor=session.name, subject=name),
        context.storage.reading() as connection,
    ):
        seal = seal_for_reader(connection, people, session, name)
        return list(_listed(connection, seal, limit, before, context.clock.now()))


def _listed(
    connection: sa.Connection, seal: RegisteredSeal, limit: int, before: str | None, now: datetime
) -> Iterator[ListedPermission]:
    uses = records.seal_uses
    query = (
        sa.select(_table, uses.c.ordinal)
        .outerjoin(uses, uses.c.id == _table.c.use_id)
        .where(_table.c.seal_id == seal.id)
        .order_by(_table.c.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(_table.c.id < _found(connection, before).id)
    for row in connection.execute(query):
        permission, by = parse_permission(row.content), verify_statement(row.statement).statement.operator
        yield ListedPermission(
            row.number, by, row.document_sha256, permission.purpose, permission.until, _standing(row, now), row.ordinal
        )


def _standing(row: sa.Row[Any], now: datetime) -> Standing:
    if row.use_id is not None:
        return Standing.USED
    if row.withdrawal is not None:
        return Standing.WITHDRAWN
    return Standing.OPEN if now <= row.until else Standing.EXPIRED


def _found(connection: sa.Connection, number: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(_table).where(_table.c.number == number)).one_or_none()
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no permission of this number"),
            subject=number,
            remedy=_("list them: yinxin seals permits list NAME"),
        )
    return row


def _require_about(signed: SignedStatement, row: sa.Row[Any]) -> None:
    statement = signed.statement
    about = (Act.WITHDRAW_USE, f"use:{row.number}", 2, SM3.of(row.content).hex())
    if (statement.act, statement.subject, statement.sequence, statement.digest) != about:
        raise RefusedError("other-content", _("the statement is about something else"), subject=row.number)


def _not_a_custodian(operator: str, seal: RegisteredSeal) -> RefusedError:
    return RefusedError(
        "custodian", _("{operator} is not a custodian of this seal").format(operator=operator), subject=seal.name
    )
