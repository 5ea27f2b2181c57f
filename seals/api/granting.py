"""Who may call: admitting a system, its keys and its end are signed statements of a seal administrator."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa

from core.algorithms import SM3
from core.context import Context
from core.i18n import _
from core.refusals import RefusedError, refusals_recorded
from core.statements import sign_statement
from seals import records
from seals.api import api_keys
from seals.api.api_keys import Beside, Terms
from seals.contracts import Duty, People, Session
from seals.register.dossiers import other_branch, read_dossier
from seals.register.statements import Act, Statement

_table = records.api_key_statements


def admit(context: Context, people: People, session: Session, name: str, seals: Sequence[str], terms: Terms) -> str:
    """A new calling system with a key for these seals, which is told this once."""
    with refusals_recorded(context, "seals.api-key.make", actor=session.name, subject=name):
        beside = _stated(context, people, session, name, Act.ADMIT_SYSTEM)
        return api_keys.create(context, name, seals, terms, actor=session.name, beside=beside)


def rotate(context: Context, people: People, session: Session, name: str, *, days: int | None, keep: timedelta) -> str:
    """Another key for a calling system; the one before holds for a while longer."""
    with refusals_recorded(context, "seals.api-key.rotate", actor=session.name, subject=name):
        beside = _stated(context, people, session, name, Act.ROTATE_KEY)
        return api_keys.rotate(context, name, days=days, keep=keep, actor=session.name, beside=beside)


def withdraw(context: Context, people: People, session: Session, name: str) -> None:
    """From now on nothing that this calling system shows is taken any more, for good."""
    with refusals_recorded(context, "seals.api-key.withdraw", actor=session.name, subject=name):
        beside = _stated(context, people, session, name, Act.WITHDRAW_SYSTEM)
        api_keys.withdraw(context, name, actor=session.name, beside=beside)


def _stated(context: Context, people: People, session: Session, name: str, act: Act) -> Beside:
    """Has the person sign what is granted, and keeps it if they may grant it, in the transaction of the act."""

    def beside(connection: sa.Connection, row: int, granted: dict[str, Any]) -> dict[str, Any]:
        content = rfc8785.dumps(granted)
        count = sa.select(sa.func.count()).select_from(_table).where(_table.c.api_key_id == row)
        statement = Statement(
            act=act,
            subject=f"system:{name}",
            sequence=(connection.scalar(count) or 0) + 1,
            digest=SM3.of(content).hex(),
            at=context.clock.now(),
            operator=session.name,
        )
        signed = sign_statement(statement, session.signer, session.certificate)
        official = people.admit(connection, signed)
        if Duty.MANAGE not in official.duties:
            raise RefusedError("duty", _("calling systems are for seal administrators to admit"), subject=session.name)
        for seal in _seals_of(connection, row):
            if read_dossier(connection, people, seal).branch != official.branch:
                raise other_branch(seal)
        values = {"api_key_id": row, "sequence": statement.sequence, "operator": session.name, "content": content}
        connection.execute(sa.insert(_table).values(values | {"statement": signed.message}))
        return {"statement": signed.digest}

    return beside


def _seals_of(connection: sa.Connection, row: int) -> list[str]:
    mine = records.api_key_seals.c
    query = sa.select(records.seals.c.name).join(records.api_key_seals, mine.seal_id == records.seals.c.id)
    return list(connection.scalars(query.where(mine.api_key_id == row)))
