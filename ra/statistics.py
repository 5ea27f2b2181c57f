"""Statistics (查询统计): what was done to requests in a period, and how the certificates issued in it stand now.

For operators with the role of query and statistics, and for auditors; a branch's see their own. Every row of the
period is counted, without an index of its own: a report for a month or a year, not a figure for every page.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ca.history import last_event_of_issued
from ca.records import authorities, certificates, events
from ca.records import profiles as certificate_profiles
from ca.state import State
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.moves import MOVES
from ra.operators import OperatorSession, admit_reader
from ra.records import request_certificates, request_moves, requests
from ra.refusals import refusals_recorded
from ra.roles import CENTRE
from ra.search import require_searcher

MAXIMUM_MONTHS = 120


class Of(StrEnum):
    """What is counted."""

    ACTS = "acts"
    """What operators did to requests in the period: entered, approved, issued …"""
    CERTIFICATES = "certificates"
    """Certificates issued in the period, by the state in which they are now."""


class GroupBy(StrEnum):
    """What is counted apart."""

    PROFILE = "profile"
    AUTHORITY = "authority"
    UNIT = "unit"
    BRANCH = "branch"
    OPERATOR = "operator"
    """Who acted; for acts alone."""
    MONTH = "month"
    """Of the act, or of the issue, by the calendar of who asks: YYYY-MM."""


EXPIRED = "expired"
COUNTED = {
    Of.ACTS: tuple(act.value for act in MOVES),
    Of.CERTIFICATES: (State.VALID.value, State.HELD.value, State.REVOKED.value, EXPIRED),
}
"""The columns. What is over counts as expired whatever it was before; what is presumed counts as valid."""


@dataclass(frozen=True)
class Period:
    """From `since` to before `until`, in the time zone of `since`."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Line:
    """How often each thing was counted in one group; what never was is not in it."""

    group: str
    counts: Mapping[str, int]


def statistics(context: Context, session: OperatorSession, of: Of, by: GroupBy, period: Period) -> list[Line]:
    """A line for each group in which there is something to count, in the groups' order.

    `RefusedError` for operators without the role; `YinxinError` where this cannot be counted by that, or for a period
    that ends before it begins or has more than `MAXIMUM_MONTHS` months.
    """
    if period.until <= period.since:
        raise YinxinError(Kind.INVALID, _("the period ends before it begins"), remedy=_("give a later day for its end"))
    group, what, query = _acts(by, period) if of is Of.ACTS else _certificates(by, period, context.clock.now())
    with (
        refusals_recorded(context, "ra.statistics", actor=session.name, subject=of.value),
        context.storage.reading() as connection,
    ):
        operator = admit_reader(context, connection, session)
        require_searcher(operator)
        if operator.branch != CENTRE:
            query = query.where(requests.c.branch == operator.branch)
        rows = connection.execute(query.group_by(group, what)).all()
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for name, counter, count in rows:
        counted[name or ""][counter] = count
    return [Line(name, counted[name]) for name in sorted(counted)]


def _acts(by: GroupBy, period: Period) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any], sa.Select[Any]]:
    moves = request_moves
    if by is GroupBy.AUTHORITY:
        raise _not_by(by, Of.ACTS)
    group: sa.ColumnElement[Any] = {
        GroupBy.PROFILE: requests.c.profile,
        GroupBy.UNIT: requests.c.unit,
        GroupBy.BRANCH: requests.c.branch,
        GroupBy.OPERATOR: moves.c.operator,
        GroupBy.MONTH: _month(moves.c.at, period),
    }[by]
    query = sa.select(group, moves.c.act, sa.func.count()).join(requests, requests.c.id == moves.c.request_id)
    return group, moves.c.act, query.where(moves.c.at >= period.since, moves.c.at < period.until)


def _certificates(
    by: GroupBy, period: Period, now: datetime
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any], sa.Select[Any]]:
    issued = certificates.c.intended_at
    if by is GroupBy.OPERATOR:
        raise _not_by(by, Of.CERTIFICATES)
    group: sa.ColumnElement[Any] = {
        GroupBy.PROFILE: certificate_profiles.c.name,
        GroupBy.AUTHORITY: authorities.c.name,
        GroupBy.UNIT: requests.c.unit,
        GroupBy.BRANCH: requests.c.branch,
        GroupBy.MONTH: _month(issued, period),
    }[by]
    state = sa.case(
        (certificates.c.not_after < now, EXPIRED),
        (events.c.state == State.PRESUMED.value, State.VALID.value),
        else_=events.c.state,
    )
    query = (
        sa.select(group, state, sa.func.count())
        .select_from(request_certificates)
        .join(requests, requests.c.id == request_certificates.c.request_id)
        .join(authorities, authorities.c.name == request_certificates.c.authority)
        .join(
            certificates,
            sa.and_(
                certificates.c.authority_id == authorities.c.id,
                certificates.c.serial == request_certificates.c.serial,
            ),
        )
        .join(certificate_profiles, certificate_profiles.c.id == certificates.c.profile_id)
        .join(events, last_event_of_issued())
    )
    return group, state, query.where(issued >= period.since, issued < period.until)


def _month(moment: sa.ColumnElement[datetime], period: Period) -> sa.ColumnElement[str]:
    """The month, by its bounds in the zone of who asks: databases know their own zone, or none."""
    bounds: list[tuple[datetime, str]] = []
    start = period.since.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while start < period.until:
        following = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
        bounds.append((following, f"{start.year:04}-{start.month:02}"))
        start = following
    if len(bounds) > MAXIMUM_MONTHS:
        raise YinxinError(
            Kind.INVALID,
            _("months are counted for at most {maximum} of them").format(maximum=MAXIMUM_MONTHS),
            remedy=_("give a shorter period"),
        )
    return sa.case(*((moment < end, name) for end, name in bounds), else_="")


def _not_by(by: GroupBy, of: Of) -> YinxinError:
    return YinxinError(Kind.INVALID, _("{of} are not counted by {by}").format(of=of.value, by=by.value))
