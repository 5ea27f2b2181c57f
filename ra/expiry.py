"""Certificates that end soon and have no successor yet: for lists, and for whom to write to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ca.records import authorities, events
from ca.state import State as CertificateState
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import records
from ra.applications import Contact, parse_application
from ra.moves import State
from ra.operators import OperatorSession, admit_reader
from ra.refusals import refusals_recorded
from ra.register import MAXIMUM_PAGE, PAGE
from ra.roles import CENTRE
from ra.views import note_view


@dataclass(frozen=True)
class Expiring:
    """A certificate that holds (or is on hold) and ends soon."""

    id: int
    """To go on after."""
    number: str
    """Of its request."""
    authority: str
    serial: int
    profile: str
    branch: str
    holder: str
    unit: str
    expires: datetime
    contact: Contact

    @property
    def label(self) -> str:
        """`AUTHORITY/SERIAL`."""
        return f"{self.authority}/{serial_text(self.serial)}"


@dataclass(frozen=True)
class ExpiringPage:
    """Some of them, the first to end first."""

    found: list[Expiring]
    next: int | None
    """The id to go on after; None at the end."""


@dataclass(frozen=True)
class ExpiryFilter:
    """Which; what is None does not matter."""

    unit: str | None = None
    """The holder's unit (O), its whole name."""
    profile: str | None = None
    branch: str | None = None
    """`""`: the centre's own."""


def list_expiring(
    context: Context,
    session: OperatorSession,
    within: timedelta,
    wanted: ExpiryFilter | None = None,
    *,
    after: int | None = None,
    limit: int = PAGE,
) -> ExpiringPage:
    """One page of the certificates that the operator may see and that end within this time from now."""
    if not 1 <= limit <= MAXIMUM_PAGE:
        raise YinxinError(Kind.INVALID, _("a page has 1 to {maximum} rows").format(maximum=MAXIMUM_PAGE))
    table = records.request_certificates
    query = _query(context.clock.now(), within, wanted or ExpiryFilter()).limit(limit + 1)
    with (
        refusals_recorded(context, "ra.certificate.read", actor=session.name, subject=session.name),
        context.storage.reading() as connection,
    ):
        operator = admit_reader(context, connection, session)
        if operator.branch != CENTRE:
            query = query.where(records.requests.c.branch == operator.branch)
        if after is not None:
            end = connection.scalar(sa.select(table.c.not_after).where(table.c.id == after))
            if end is None:
                raise YinxinError(
                    Kind.NOT_FOUND,
                    _("no such certificate in this list"),
                    subject=str(after),
                    remedy=_("begin again with the first page"),
                )
            query = query.where(sa.or_(table.c.not_after > end, sa.and_(table.c.not_after == end, table.c.id > after)))
        rows = connection.execute(query).all()
    found = [_expiring(row) for row in rows[:limit]]
    note_view(context, session.name, "ra.certificate.list", "expiring", count=len(found))
    return ExpiringPage(found, found[-1].id if len(rows) > limit else None)


def every_expiring(
    context: Context, session: OperatorSession, within: timedelta, wanted: ExpiryFilter | None = None
) -> Iterator[Expiring]:
    """All of them, a page at a time."""
    after = None
    while True:
        page = list_expiring(context, session, within, wanted, after=after, limit=MAXIMUM_PAGE)
        yield from page.found
        if (after := page.next) is None:
            return


def _query(begin: datetime, within: timedelta, wanted: ExpiryFilter) -> sa.Select[Any]:
    try:
        end = begin + within
    except OverflowError:
        raise YinxinError(Kind.INVALID, _("no certificate lasts so long"), remedy=_("ask for less time")) from None
    table, requests = records.request_certificates, records.requests
    state = (
        sa.select(events.c.state)
        .join(authorities, authorities.c.id == events.c.authority_id)
        .where(authorities.c.name == table.c.authority, events.c.serial == table.c.serial)
        .order_by(events.c.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    # Of double certificates, the signing one stands for both: it was recorded first.
    beside = table.alias("beside")
    first = sa.select(sa.func.min(beside.c.id)).where(beside.c.request_id == table.c.request_id).scalar_subquery()
    later = requests.alias("later")
    succeeded = sa.exists().where(
        later.c.replaced_authority == table.c.authority,
        later.c.replaced_serial == table.c.serial,
        later.c.state.in_([State.ISSUED.value, State.DELIVERED.value]),
    )
    query = (
        sa.select(table, requests.c.number, requests.c.profile, requests.c.content, requests.c.branch.label("of"))
        .join(requests, requests.c.id == table.c.request_id)
        .where(table.c.not_after >= begin, table.c.not_after < end, ~succeeded)
        .where(table.c.id == first, state.is_distinct_from(CertificateState.REVOKED.value))
        .order_by(table.c.not_after, table.c.id)
    )
    for column, value in (
        (table.c.unit, wanted.unit),
        (requests.c.profile, wanted.profile),
        (requests.c.branch, wanted.branch),
    ):
        if value is not None:
            query = query.where(column == value)
    return query


def _expiring(row: sa.Row[Any]) -> Expiring:
    application = parse_application(row.content)
    return Expiring(
        row.id,
        row.number,
        row.authority,
        row.serial,
        row.profile,
        row.of,
        application.subject.common_name,
        application.subject.organization or "",
        row.not_after,
        application.contact or Contact(),
    )
