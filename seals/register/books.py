"""What the books tell of every seal, in short: auditors compare it with the log, which nobody can shorten."""

from collections.abc import Iterator

import rfc8785
import sqlalchemy as sa

from core.algorithms import SM3
from seals import records

_seals, _statements, _events, _uses = records.seals, records.statements, records.seal_events, records.seal_uses
_STATE = (
    sa.select(_events.c.state)
    .where(_events.c.seal_id == _seals.c.id)
    .order_by(_events.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_COUNT = sa.select(sa.func.count()).where(_uses.c.seal_id == _seals.c.id).scalar_subquery()


def seals_in_books(connection: sa.Connection) -> Iterator[bytes]:
    """Of each seal, in canonical JSON: `name`, `statements` (SM3 of each, in order), `state`, number of `uses`."""
    query = sa.select(_seals.c.id, _seals.c.name, _STATE.label("state"), _COUNT.label("uses")).order_by(_seals.c.id)
    for row in connection.execute(query).all():
        stated = sa.select(_statements.c.statement).where(_statements.c.seal_id == row.id)
        digests = [SM3.of(one).hex() for one in connection.scalars(stated.order_by(_statements.c.sequence))]
        yield rfc8785.dumps({"name": row.name, "statements": digests, "state": row.state or "", "uses": row.uses})
