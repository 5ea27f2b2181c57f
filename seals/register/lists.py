"""The register in lists: found by name, owner, unit, kind, state and end, in pages by name."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from core.context import Context
from seals import records
from seals.register.kinds import SealKind
from seals.register.life import State

MOST = 1000
_seals = records.seals


@dataclass(frozen=True)
class Entry:
    """A seal as lists show it."""

    name: str
    owner: str
    unit: str
    branch: str
    kind: SealKind
    state: State
    valid_until: datetime | None
    """None before it was first in force."""


@dataclass(frozen=True)
class SealFilter:
    """Which seals; what is None or empty does not narrow."""

    text: str = ""
    """Part of the name, the owner or the unit."""
    unit: str = ""
    kind: SealKind | None = None
    state: State | None = None
    ends_before: datetime | None = None
    """Of the version in force."""
    branch: str = ""


EVERY_SEAL = SealFilter()


def list_seals(
    context: Context, only: SealFilter = EVERY_SEAL, *, limit: int | None = None, after: str = ""
) -> list[Entry]:
    """The seals by name, after this one; `limit`: at most so many."""
    events = records.seal_events
    newest = (
        sa.select(events.c.state)
        .where(events.c.seal_id == _seals.c.id)
        .order_by(events.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = [_seals.c[name] for name in ("name", "owner", "unit", "branch", "kind", "valid_until")]
    query = sa.select(*columns, newest.label("state")).where(_seals.c.name > after).order_by(_seals.c.name).limit(limit)
    if only.text:
        fields = (_seals.c.name, _seals.c.owner, _seals.c.unit)
        query = query.where(sa.or_(*(field.contains(only.text, autoescape=True) for field in fields)))
    for field, wanted in (("unit", only.unit), ("branch", only.branch), ("kind", only.kind)):
        if wanted:
            query = query.where(_seals.c[field] == str(wanted))
    if only.state is not None:
        query = query.where(newest == only.state.value)
    if only.ends_before is not None:
        query = query.where(_seals.c.valid_until < only.ends_before)
    with context.storage.reading() as connection:
        return [
            Entry(row.name, row.owner, row.unit, row.branch, SealKind(row.kind), State(row.state), row.valid_until)
            for row in connection.execute(query)
        ]
