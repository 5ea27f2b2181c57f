"""What can be amiss with registration: requests that wait for people, notices that were not sent."""

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from core.health import Checks, Finding, Level, ok
from core.health_checks import database, disk
from core.home import Home
from core.i18n import _
from ra import records
from ra.attribute_records import attribute_moves, attribute_requests
from ra.moves import PENDING, State


def checks(home: Home) -> Checks:
    """Those of the service `ra`."""
    return {
        "database": lambda: database(home),
        "disk": lambda: disk(home, home.path),
        "requests": lambda: requests(home),
        "notices": lambda: notices(home),
    }


def requests(home: Home) -> Iterator[Finding]:
    """Nothing waits too long to be approved, issued or carried out; what has expired waits no more."""
    hours = home.configuration.health.waiting_hours
    now = home.clock.now()
    before, pending = now - timedelta(hours=hours), [state.value for state in PENDING]
    alive = sa.or_(records.requests.c.decide_by.is_(None), records.requests.c.decide_by >= now)
    undecided = records.requests.c.state == State.APPROVED.value
    kinds = (
        (_("requests for certificates"), records.requests, records.request_moves, "request_id", alive | undecided),
        (_("requests for attribute certificates"), attribute_requests, attribute_moves, "request_id", sa.true()),
        (
            _("batches of revocations"),
            records.revocation_batches,
            records.revocation_batch_moves,
            "batch_id",
            sa.true(),
        ),
    )
    found = []
    with home.storage.reading() as connection:
        for name, table, moves, reference, condition in kinds:
            # A later statement began the waiting anew: somebody is at it.
            last = sa.select(sa.func.max(moves.c.at)).where(moves.c[reference] == table.c.id).scalar_subquery()
            query = sa.select(sa.func.count()).select_from(table)
            count = connection.scalar(query.where(table.c.state.in_(pending), condition, last < before)) or 0
            if count:
                what = _("{count} wait for more than {hours} hours").format(count=count, hours=hours)
                found.append(Finding(Level.WARNING, name, what, _("see: yinxin ra list")))
    yield from found or [ok("", _("nothing waits for people too long"))]


def notices(home: Home) -> Iterator[Finding]:
    """Where holders are told by e-mail, those whose certificates end first have been told."""
    settings = home.configuration.notices
    if not settings.host:
        yield ok("", _("no notices are sent: notices.host is empty"))
        return
    now, stage = home.clock.now(), min(settings.stages)
    table, sent = records.request_certificates, records.notices
    told = sa.exists().where(sent.c.authority == table.c.authority, sent.c.serial == table.c.serial)
    # A day later: the timer that sends them may be daily.
    due = table.c.not_after.between(now, now + timedelta(days=stage - 1))
    with home.storage.reading() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(table).where(due, ~told)) or 0
    if count:
        what = _("{count} holders whose certificates end within {days} days were not told").format(
            count=count, days=stage
        )
        yield Finding(Level.WARNING, "", what, _("run: yinxin ra notify; see who has no address: yinxin ra expiring"))
    else:
        yield ok("", _("holders whose certificates end soon were told"))
