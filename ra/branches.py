"""Branch registration authorities, such as a county's: made by the super administrator's signed statement, kept.

A branch has operators of its own, who see and move only its own requests and certificates; the centre sees all of them.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

import rfc8785
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.algorithms import SM3
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import records
from ra.operators import OperatorSession, Roster, admit, authenticate
from ra.refusals import RefusedError, refusals_recorded
from ra.roles import CENTRE, Role, require_role
from ra.statements import Act, Statement, verify_statement


class Branch(BaseModel):
    """What the super administrator states."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9.-]{0,63}$")]
    title: Annotated[str, Field(min_length=1, max_length=100)]
    """For people: 陈仓区."""

    def canonical(self) -> bytes:
        """The bytes that are kept (RFC 8785)."""
        return rfc8785.dumps(self.model_dump(mode="json"))


@dataclass(frozen=True)
class BranchEntry:
    """A branch in a list."""

    branch: str
    title: str
    administrator: str
    """Who made it."""


def establish(context: Context, session: OperatorSession, name: str, title: str) -> None:
    """Make a branch. `YinxinError` (conflict) if there is one of this name."""
    content = branch_content(name, title)
    statement = Statement(
        act=Act.ESTABLISH,
        subject=f"branch:{name}",
        sequence=1,
        digest=SM3.of(content).hex(),
        at=context.clock.now(),
        operator=session.name,
    )
    submit_branch(context, session.sign(statement).message, content)


def branch_content(name: str, title: str) -> bytes:
    """The canonical branch that is stated; `YinxinError` if it cannot be called so."""
    try:
        return Branch(name=name, title=title).canonical()
    except ValidationError:
        raise YinxinError(
            Kind.INVALID,
            _("a branch has a name of a-z, 0-9, dot and dash, and a title for people"),
            subject=name,
        ) from None


def submit_branch(context: Context, message: bytes, content: bytes) -> None:
    """Make the branch that the signed statement is about."""
    signed = authenticate(context, message)
    statement = signed.statement
    with (
        refusals_recorded(context, "ra.branch.establish", actor=statement.operator, subject=statement.subject),
        context.storage.transaction() as connection,
    ):
        operator = admit(context, connection, signed)
        require_role(operator.roles, Role.SUPER, operator.name, statement.subject)
        branch = _stated(statement, content)
        row = {
            "name": branch.name,
            "content": content,
            "administrator": operator.name,
            "at": statement.at,
            "statement": message,
        }
        try:
            connection.execute(sa.insert(records.branches).values(row))
        except sa.exc.IntegrityError:
            raise YinxinError(Kind.CONFLICT, _("there is a branch of this name already"), subject=branch.name) from None
        event = Event("ra.branch.establish", operator.name, branch.name, {"statement": signed.digest})
        context.audit.append(connection, event)


def require_branch(connection: sa.Connection, name: str) -> None:
    """Return if the branch is the centre or was made by a super administrator's statement; else `YinxinError`."""
    if name == CENTRE:
        return
    row = connection.execute(sa.select(records.branches).where(records.branches.c.name == name)).first()
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no such branch"), subject=name, remedy=_("see: yinxin ra branch list"))
    signed = verify_statement(row.statement)
    _stated(signed.statement, row.content)
    roles = Roster(connection).roles_when_signing(signed)
    require_role(roles, Role.SUPER, signed.statement.operator, name)


def list_branches(context: Context) -> list[BranchEntry]:
    """Every branch, by name."""
    with context.storage.reading() as connection:
        rows = connection.execute(sa.select(records.branches).order_by(records.branches.c.name)).all()
    return [BranchEntry(row.name, json.loads(row.content)["title"], row.administrator) for row in rows]


def _stated(statement: Statement, content: bytes) -> Branch:
    """The branch that the statement makes."""
    try:
        branch = Branch.model_validate(json.loads(content))
    except (ValidationError, ValueError):
        branch = None
    if (
        branch is None
        or branch.canonical() != content
        or (statement.act, statement.subject) != (Act.ESTABLISH, f"branch:{branch.name}")
        or statement.digest != SM3.of(content).hex()
    ):
        raise RefusedError("other-content", _("the statement is about something else"), subject=statement.subject)
    return branch
