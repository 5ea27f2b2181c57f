"""Permissions for single uses: a custodian states that one document may be sealed once, and until when."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

import rfc8785
import sqlalchemy as sa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from core.algorithms import SM3
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.refusals import RefusedError
from core.statements import sign_statement
from seals import records
from seals.contracts import Duty, People, Session
from seals.register.applications import SEAL_NAME, Digest
from seals.register.bounds import Use
from seals.register.dossiers import other_branch
from seals.register.life import State
from seals.register.registered import RegisteredSeal, find, read_seal
from seals.register.statements import Act, Statement, verify_statement
from seals.register.submissions import admitted

PERMITTED_FOR = timedelta(days=1)
"""How long a permission holds, unless its custodian says otherwise."""


class UsePermission(BaseModel):
    """What a custodian permits: one use of this version of the seal, for this very document."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    number: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    seal: Annotated[str, Field(pattern=SEAL_NAME)]
    seal_digest: Digest
    """Of the version of the seal."""
    document_sha256: Digest
    purpose: Annotated[str, Field(max_length=256)] = ""
    until: AwareDatetime

    def canonical(self) -> bytes:
        """The bytes that are stored and digested."""
        return rfc8785.dumps(self.model_dump(mode="json"))


@dataclass(frozen=True)
class Granted:
    """A permission that can be used up."""

    id: int
    number: str
    custodian: str


def permit(
    context: Context,
    people: People,
    session: Session,
    name: str,
    document_sha256: str,
    *,
    purpose: str = "",
    within: timedelta = PERMITTED_FOR,
) -> UsePermission:
    """Permit, as a custodian of the seal, that this document (SHA-256, hexadecimal) is sealed once within a time."""
    seal = find(context, people, name)
    permission = _permission(
        number=secrets.token_hex(16),
        seal=name,
        seal_digest=seal.digest,
        document_sha256=document_sha256,
        purpose=purpose,
        until=(context.clock.now() + within).replace(microsecond=0),
    )
    content = permission.canonical()
    statement = Statement(
        act=Act.ALLOW_USE,
        subject=f"use:{permission.number}",
        sequence=1,
        digest=SM3.of(content).hex(),
        at=context.clock.now(),
        operator=session.name,
    )
    submit_permission(context, people, sign_statement(statement, session.signer, session.certificate).message, content)
    return permission


def submit_permission(context: Context, people: People, message: bytes, content: bytes) -> None:
    """Keep the canonical permission that a custodian's signed statement is about."""
    with admitted(context, people, message) as (signed, connection, official):
        statement, permission = signed.statement, parse_permission(content)
        about = (Act.ALLOW_USE, f"use:{permission.number}", 1, SM3.of(content).hex())
        if (statement.act, statement.subject, statement.sequence, statement.digest) != about:
            raise RefusedError("other-content", _("the statement permits something else"), subject=permission.seal)
        seal = read_seal(connection, people, permission.seal, lock=True)
        if official.branch != seal.branch:
            raise other_branch(seal.name)
        _require_custodian(seal, statement.operator, official.duties)
        if seal.state is not State.ACTIVE or permission.seal_digest != seal.digest:
            raise YinxinError(Kind.CONFLICT, _("this version of the seal is not in use"), subject=seal.name)
        if permission.until <= context.clock.now():
            raise YinxinError(Kind.INVALID, _("the permission would have ended already"), subject=seal.name)
        row = {
            "number": permission.number,
            "seal_id": seal.id,
            "document_sha256": permission.document_sha256,
            "until": permission.until,
            "content": content,
            "statement": message,
        }
        try:
            connection.execute(sa.insert(records.use_permissions).values(row))
        except sa.exc.IntegrityError:
            raise YinxinError(
                Kind.CONFLICT, _("this permission is in the books already"), subject=permission.number
            ) from None
        details = {"number": permission.number, "document_sha256": permission.document_sha256}
        details |= {"until": permission.until.isoformat(), "purpose": permission.purpose, "statement": signed.digest}
        context.audit.append(connection, Event("seals.use.permit", statement.operator, seal.name, details))


def find_permission(
    connection: sa.Connection, people: People, seal: RegisteredSeal, use: Use, document_sha256: str, now: datetime
) -> Granted:
    """A custodian's permission for this use that holds now and is not used up; `RefusedError` if there is none."""
    table = records.use_permissions
    query = (
        sa.select(table)
        .where(table.c.seal_id == seal.id, table.c.document_sha256 == document_sha256)
        .where(table.c.use_id.is_(None), table.c.withdrawal.is_(None))
        .order_by(table.c.id)
    )
    refusal = RefusedError(
        "permission",
        _("each use of this seal needs a custodian's permission for the document, and there is none"),
        subject=seal.name,
        remedy=_("have it permitted: yinxin seals permit {name} FILE").format(name=seal.name),
    )
    for row in connection.execute(query):
        try:
            return _granted(connection, people, seal, use, row, document_sha256, now)
        except RefusedError as error:
            refusal = error
    raise refusal


@lru_cache(maxsize=1024)
def parse_permission(content: bytes) -> UsePermission:
    """Read a stored permission; `YinxinError` (invalid) if it is none in canonical form."""
    try:
        permission = UsePermission.model_validate(json.loads(content))
        if permission.canonical() == content:
            return permission
    except (ValidationError, ValueError):
        pass
    raise YinxinError(Kind.INVALID, _("this is not a permission in its canonical form"))


def _granted(
    connection: sa.Connection,
    people: People,
    seal: RegisteredSeal,
    use: Use,
    row: sa.Row[Any],
    document_sha256: str,
    now: datetime,
) -> Granted:
    """The stored permission, verified anew: who gave it could then, and it is for this document and version."""
    permission, signed = parse_permission(row.content), verify_statement(row.statement)
    statement = signed.statement
    about = (Act.ALLOW_USE, f"use:{permission.number}", SM3.of(row.content).hex())
    if (statement.act, statement.subject, statement.digest) != about:
        raise _altered(seal)
    if (permission.seal, permission.document_sha256) != (seal.name, document_sha256):
        raise _altered(seal)
    _require_custodian(seal, statement.operator, people.duties_when_signing(connection, signed, seal.branch))
    if permission.seal_digest != seal.digest:
        raise RefusedError("permission", _("the permission is for another version of the seal"), subject=seal.name)
    if now > permission.until:
        raise RefusedError(
            "permission", _("the permission has ended: {moment}").format(moment=permission.until), subject=seal.name
        )
    if statement.operator == use.person:
        raise RefusedError("own-permission", _("whoever has a document sealed cannot permit it"), subject=seal.name)
    return Granted(row.id, permission.number, statement.operator)


def _require_custodian(seal: RegisteredSeal, operator: str, duties: frozenset[Duty]) -> None:
    if Duty.USE not in duties or operator not in seal.custodians:
        raise RefusedError(
            "custodian", _("{operator} is not a custodian of this seal").format(operator=operator), subject=seal.name
        )


def _altered(seal: RegisteredSeal) -> RefusedError:
    return RefusedError(
        "altered", _("the permission was altered in the database"), subject=seal.name, remedy=_("tell the auditor")
    )


def _permission(**fields: Any) -> UsePermission:
    try:
        return UsePermission(**fields)
    except ValidationError:
        raise YinxinError(
            Kind.INVALID, _("a document is named by its SHA-256, 64 hexadecimal digits"), subject=fields["seal"]
        ) from None
