"""Numbers that are never given again after the books were restored from an earlier state (RFC 5280 5.2.3)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ca.records import authorities, crls

A_SECOND = 1000
"""Numbers."""


@dataclass(frozen=True)
class Skipped:
    """Where the numbers of a list go on: after this one."""

    authority: str
    shard: int
    number: int


def skip_numbers(connection: sa.Connection, elapsed: timedelta, now: datetime) -> list[Skipped]:
    """Pass over a thousand numbers for each second of the time that the books do not know.

    No machine makes more lists than that; and whoever restores the same backup once more, later, passes
    over what was given after the first time too. The number passed over is reserved, and no list comes of it.
    """
    highest = (
        sa.select(authorities.c.name, crls.c.authority_id, crls.c.shard, sa.func.max(crls.c.number).label("number"))
        .join(authorities, authorities.c.id == crls.c.authority_id)
        .group_by(authorities.c.name, crls.c.authority_id, crls.c.shard)
        .order_by(crls.c.authority_id, crls.c.shard)
    )
    skipped = []
    for row in connection.execute(highest).all():
        number = row.number + A_SECOND * max(1, int(elapsed.total_seconds()))
        moments = {"this_update": now.replace(microsecond=0), "next_update": now.replace(microsecond=0)}
        place = {"authority_id": row.authority_id, "shard": row.shard, "number": number, "last_event": 0}
        connection.execute(sa.insert(crls).values(**place, **moments, entries=0, size=0, packed_size=0))
        skipped.append(Skipped(row.name, row.shard, number))
    return skipped
