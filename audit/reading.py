"""Looking an entry up, with its place in the log."""

import json
from typing import Any

import sqlalchemy as sa

from audit.records import checkpoints, sequence
from core.audit import entries
from core.errors import Kind, YinxinError
from core.i18n import _


def read_entry(connection: sa.Connection, number: int) -> dict[str, Any]:
    """Number, at, act, actor, subject, details; position and checkpoint (its size), None until there are such."""
    query = sa.select(entries, sequence.c.position).outerjoin(sequence, sequence.c.entry_id == entries.c.id)
    row = connection.execute(query.where(entries.c.id == number)).one_or_none()
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no such entry"), subject=str(number), remedy=_("see: yinxin audit list"))
    covering = None
    if row.position is not None:
        smallest = sa.select(sa.func.min(checkpoints.c.size)).where(checkpoints.c.size > row.position)
        covering = connection.scalar(smallest)
    facts = {"number": row.id, "at": row.at, "act": row.act, "actor": row.actor, "subject": row.subject}
    return facts | {"details": json.loads(row.entry)["details"], "position": row.position, "checkpoint": covering}
