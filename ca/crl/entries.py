"""The entries of a list, out of the books: what had happened up to one event, and nothing later.

So a list is determined by its row; the publisher counts anew, and two databases come to the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ca.books import CERTIFICATES, Books
from ca.crl.writing import Revoked
from ca.state import Move, Reason, State

LISTED = (State.HELD.value, State.REVOKED.value)


@dataclass(frozen=True)
class Selection:
    """Which entries a list has."""

    authority_id: int
    shard: int
    last_event: int
    """Later events are not on the list."""
    after: int | None = None
    """A delta: only what happened after this event."""
    horizon: datetime | None = None
    """Certificates that expired before this are left out; None: all stay."""
    books: Books = CERTIFICATES
    """Those that the authority keeps."""

    def _of(self, columns: "sa.Select[Any]") -> "sa.Select[Any]":
        """The last event, up to the selection's, of each certificate that is listed."""
        issued, events = self.books.issued, self.books.events
        later = events.alias("later")
        listed: sa.ColumnElement[bool] = events.c.state.in_(LISTED)
        if self.horizon is not None:
            listed &= issued.c.not_after >= self.horizon
        conditions = [
            events.c.authority_id == self.authority_id,
            events.c.id <= self.last_event,
            in_shard(self.books, self.shard),
            # Nothing follows a revocation (ca.state), so that the rest need not be looked for.
            (events.c.state == State.REVOKED.value)
            | ~sa.exists().where(
                later.c.authority_id == events.c.authority_id,
                later.c.serial == events.c.serial,
                later.c.sequence > events.c.sequence,
                later.c.id <= self.last_event,
            ),
        ]
        if self.after is None:
            conditions.append(listed)
        else:
            # What was resumed may have been held on the base, or on a list since (RFC 5280 5.2.4).
            conditions += [events.c.id > self.after, listed | (events.c.move == Move.RESUME.value)]
        of_the_certificate = sa.and_(issued.c.authority_id == events.c.authority_id, issued.c.serial == events.c.serial)
        return columns.select_from(events.join(issued, of_the_certificate)).where(*conditions)

    def count(self, connection: sa.Connection) -> int:
        """How many entries the books have."""
        return connection.scalar(self._of(sa.select(sa.func.count()))) or 0

    def entries(self, connection: sa.Connection) -> Iterator[Revoked]:
        """In the order of serial numbers, by a cursor of the database's."""
        events = self.books.events
        rows = connection.execution_options(yield_per=10_000).execute(
            self._of(sa.select(events.c.serial, events.c.at, events.c.reason)).order_by(events.c.serial)
        )
        for serial, at, reason in rows:
            yield Revoked(serial, at, _REASONS[reason])


def in_shard(books: Books, shard: int) -> sa.ColumnElement[bool]:
    """The condition that what was issued is on this list. Lists of attribute certificates are not divided."""
    return books.issued.c.shard == shard if books is CERTIFICATES else sa.true()


# No reason: the hold was lifted.
_REASONS: dict[str | None, Reason] = {reason.value: reason for reason in Reason} | {None: Reason.REMOVE_FROM_CRL}
