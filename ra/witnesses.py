"""Whoever founds an administrator in another's place needs a witness: another administrator, who signs for it too.

The key store of the CA alone would let one person become administrator in the dark. Where no other administrator is
left, it can be done, and the audit log says for ever that nobody else was there.
"""

from collections.abc import Collection

import sqlalchemy as sa

from core.context import Context
from core.i18n import _
from ra import records
from ra.appointments import Appointment, Career
from ra.operators import OperatorSession, Roster, require_fit
from ra.refusals import RefusedError
from ra.roles import Role
from ra.statements import Act, Statement

ADMINISTRATORS = frozenset({Role.SUPER, Role.AUDIT, Role.BUSINESS})


def former_administrators(connection: sa.Connection, role: Role) -> list[str]:
    """Who was founded with this role before, whatever became of them."""
    table = records.operators
    return list(connection.scalars(sa.select(table.c.name).where(table.c.roles == role.value)))


def require_witness(
    context: Context, connection: sa.Connection, witness: OperatorSession | None, name: str, replaced: Collection[str]
) -> None:
    """Return if the witness is an administrator who is not replaced, or if there is none who could be one."""
    others = _fit(context, connection, replaced)
    if witness is None and others:
        raise RefusedError(
            "witness",
            _("an administrator is not replaced by one person alone"),
            subject=name,
            remedy=_("have another administrator there, with --witness: {names}").format(names=", ".join(others)),
        )
    if witness is not None and witness.name not in others:
        raise RefusedError(
            "witness", _("{name} is no administrator who could be a witness").format(name=witness.name), subject=name
        )


def testimony(context: Context, witness: OperatorSession, name: str, appointment: Appointment) -> dict[str, object]:
    """What the witness signs, for the audit log: the very appointment that the new administrator signs."""
    statement = Statement(
        act=Act.FOUND,
        subject=Career(name).subject,
        sequence=1,
        digest=appointment.digest,
        at=context.clock.now(),
        operator=witness.name,
    )
    return {"witness": witness.name, "witnessed": witness.sign(statement).message.hex()}


def _fit(context: Context, connection: sa.Connection, replaced: Collection[str]) -> list[str]:
    """The administrators who may act now, but for those who are replaced."""
    table, roster = records.operators, Roster(connection)
    query = sa.select(table.c.name).where(table.c.roles.in_([role.value for role in ADMINISTRATORS]))
    found = []
    for name in sorted(set(connection.scalars(query)) - set(replaced)):
        try:
            require_fit(context, connection, roster.operator(name))
        except RefusedError:
            continue
        found.append(name)
    return found
