"""Which requests: what a list, a page or an export may be narrowed to, and the index that each choice is read by.

SQLite, which knows nothing of how often a value occurs, is told which index to read: the conditions that would lead it
to another are written so that no index serves them. PostgreSQL, with its statistics, would choose alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from core.errors import Kind, YinxinError
from core.i18n import _
from ra.moves import State
from ra.records import request_certificates as certificates
from ra.records import request_moves as moves
from ra.records import requests
from ra.statements import Act

UNDECIDED_OR_REFUSED = frozenset({State.ENTERED, State.EXPIRED, State.APPROVED, State.REJECTED, State.WITHDRAWN})
"""States that few requests are in for long: most end as issued and delivered."""


class Guide(Enum):
    """By what the requests are found; the others are conditions on what was found."""

    UNIT = auto()
    ACT = auto()
    EXPIRY = auto()
    STATE = auto()
    BRANCH = auto()
    PROFILE = auto()
    ENTRY = auto()


@dataclass(frozen=True)
class RequestFilter:
    """Which requests; what is None does not matter."""

    state: State | None = None
    profile: str | None = None
    unit: str | None = None
    """The holder's unit (O), its whole name."""
    branch: str | None = None
    """`""`: the centre's own."""
    operator: str | None = None
    """Who did `act`, the last time that it was done."""
    act: Act = Act.ENTER
    """What `operator`, `since` and `until` speak of."""
    since: datetime | None = None
    """`act` was done then or later."""
    until: datetime | None = None
    """`act` was done before."""
    expires_from: datetime | None = None
    """The certificate (the request's newest) expires then or later."""
    expires_before: datetime | None = None

    @property
    def by_act(self) -> bool:
        """Whether it speaks of who acted, or when: then the order is that of the acts."""
        return (self.operator, self.since, self.until, self.act) != (None, None, None, Act.ENTER)

    @property
    def by_expiry(self) -> bool:
        """Whether it speaks of the expiry: then, unless it speaks of acts, the order is that of the expiry."""
        return (self.expires_from, self.expires_before) != (None, None)

    @property
    def guide(self) -> Guide:
        """What narrows most, as experience has it."""
        if self.unit is not None:
            return Guide.UNIT
        if self.operator is not None:
            return Guide.ACT
        if self.state in UNDECIDED_OR_REFUSED:
            return Guide.STATE
        if self.by_act:
            return Guide.ACT
        if self.by_expiry:
            return Guide.EXPIRY
        if self.branch is not None:
            return Guide.BRANCH
        if self.profile is not None:
            return Guide.PROFILE
        return Guide.ENTRY if self.state is None else Guide.STATE


class Selection:
    """The query of a filter, in its order, page by page."""

    def __init__(self, wanted: RequestFilter, now: datetime) -> None:
        self._wanted, self._now, self._guide = wanted, now, wanted.guide

    def query(self, *columns: Any) -> sa.Select[Any]:
        """All that fit, in no order; the columns of `requests` unless others are asked for."""
        query, (moment, _identifier), earliest = self._fitting(*columns), self._order(), self._earliest()
        return query if moment is None or earliest is None else query.where(moment >= earliest)

    def page(self, connection: sa.Connection, after: str | None, limit: int) -> sa.Select[Any]:
        """The next so many, behind the request of this number. `YinxinError` if that cannot be in such a list."""
        moment, identifier = self._order()
        keys = [identifier] if moment is None else [moment, identifier]
        if after is None:
            return self.query().order_by(*keys).limit(limit)
        last = connection.execute(self._place(after)).first()
        if last is None:
            raise YinxinError(
                Kind.NOT_FOUND,
                _("no such request in this list"),
                subject=after,
                remedy=_("begin again with the first page"),
            )
        earliest = self._earliest()
        if moment is None:
            behind = identifier > last.id
        elif earliest is not None and earliest > last.moment:
            behind = moment >= earliest
        else:
            # A comparison of rows, which an index serves as a whole.
            position = sa.tuple_(sa.literal(last.moment, moment.type), sa.literal(last.id, identifier.type))
            behind = sa.tuple_(moment, identifier) > position
        return self._fitting().where(behind).order_by(*keys).limit(limit)

    def _order(self) -> tuple[sa.Column[Any] | None, sa.Column[Any]]:
        if self._wanted.by_act:
            return moves.c.at, moves.c.request_id
        if self._wanted.by_expiry:
            return certificates.c.not_after, certificates.c.request_id
        return None, requests.c.id

    def _earliest(self) -> datetime | None:
        """Where the order begins."""
        return self._wanted.since if self._wanted.by_act else self._wanted.expires_from

    def _place(self, number: str) -> sa.Select[Any]:
        """Where a request stands in the order, whether it still fits or not."""
        moment, _identifier = self._order()
        query = sa.select(requests.c.id, (sa.null() if moment is None else moment).label("moment"))
        query = query.where(requests.c.number == number)
        if self._wanted.by_act:
            return query.join(moves, moves.c.request_id == requests.c.id).where(*self._deed(indexed=False))
        if self._wanted.by_expiry:
            return query.join(certificates, certificates.c.request_id == requests.c.id).where(_newest_certificate())
        return query

    def _fitting(self, *columns: Any) -> sa.Select[Any]:
        """All that fit but for where the order begins."""
        query = sa.select(*(columns or (requests,))).where(*self._properties())
        if self._wanted.by_act:
            query = query.join(moves, moves.c.request_id == requests.c.id).where(*self._acts())
        if self._wanted.by_expiry:
            query = query.join(certificates, certificates.c.request_id == requests.c.id).where(*self._expiry())
        return query

    def _acts(self) -> Iterator[sa.ColumnElement[bool]]:
        wanted = self._wanted
        yield from self._deed(indexed=self._guide is Guide.ACT)
        if self._guide is Guide.ACT and wanted.branch is not None and wanted.operator is None:
            yield moves.c.branch == wanted.branch
        if wanted.until is not None:
            yield moves.c.at < wanted.until

    def _deed(self, *, indexed: bool) -> Iterator[sa.ColumnElement[bool]]:
        """The last time that it was done to a request, by the operator if one is named."""
        wanted, later = self._wanted, moves.alias("later")
        again = [
            later.c.request_id == moves.c.request_id,
            later.c.sequence > moves.c.sequence,
            _condition(later.c.act, wanted.act.value, indexed=False),
        ]
        yield _condition(moves.c.act, wanted.act.value, indexed=indexed)
        if wanted.operator is not None:
            yield _condition(moves.c.operator, wanted.operator, indexed=indexed)
            again.append(_condition(later.c.operator, wanted.operator, indexed=False))
        yield ~sa.exists().where(*again)

    def _expiry(self) -> Iterator[sa.ColumnElement[bool]]:
        wanted = self._wanted
        yield _newest_certificate()
        if self._guide is Guide.EXPIRY and wanted.branch is not None:
            yield certificates.c.branch == wanted.branch
        if wanted.expires_before is not None:
            yield certificates.c.not_after < wanted.expires_before
        if wanted.expires_from is not None and wanted.by_act:
            yield certificates.c.not_after >= wanted.expires_from

    def _properties(self) -> Iterator[sa.ColumnElement[bool]]:
        wanted, guide = self._wanted, self._guide
        if wanted.unit is not None:
            yield requests.c.unit == wanted.unit
        if wanted.branch is not None:
            yield _condition(requests.c.branch, wanted.branch, indexed=guide is Guide.BRANCH)
        if wanted.profile is not None:
            yield _condition(requests.c.profile, wanted.profile, indexed=guide in (Guide.PROFILE, Guide.BRANCH))
        if wanted.state is not None:
            stored = State.ENTERED if wanted.state is State.EXPIRED else wanted.state
            yield _condition(requests.c.state, stored.value, indexed=guide is Guide.STATE)
        # Requests that nobody decided in time are stored as entered.
        late = sa.and_(requests.c.decide_by.is_not(None), requests.c.decide_by < self._now)
        if wanted.state in (State.ENTERED, State.EXPIRED):
            yield late if wanted.state is State.EXPIRED else sa.not_(late)


def _condition(column: sa.ColumnElement[str], value: str, *, indexed: bool) -> sa.ColumnElement[bool]:
    """The column has the value; an expression instead of the column is not looked up in an index."""
    return (column if indexed else column + "") == value


def _newest_certificate() -> sa.ColumnElement[bool]:
    later = certificates.alias("newer")
    return ~sa.exists().where(later.c.request_id == certificates.c.request_id, later.c.id > certificates.c.id)
