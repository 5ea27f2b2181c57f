"""What can be amiss with seals: their makers' and owners' certificates, the keys, batches that do not move on."""

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from core.health import Checks, Finding, Level, ok
from core.health_checks import database, disk, keys, service_certificates
from core.home import Home
from core.i18n import _
from seals.batches.batches import DocumentState
from seals.batches.batches import State as BatchState
from seals.batches.records import batch_documents
from seals.batches.records import batches as queue
from seals.register.life import State
from seals.register.lists import SealFilter, list_seals

STUCK = timedelta(hours=1)
"""A document of a batch that was due so long ago is not being worked on."""


def checks(home: Home) -> Checks:
    """Those of the service `seals`."""
    return {
        "database": lambda: database(home),
        "disk": lambda: disk(home, home.path),
        "keys": lambda: keys(home, "seals"),
        "certificates": lambda: service_certificates(home, "seals"),
        "seals": lambda: seals(home),
        "batches": lambda: batches(home),
    }


def seals(home: Home) -> Iterator[Finding]:
    """No seal in force is about to end: a new certificate takes another version, and two approvals."""
    settings, now = home.configuration.health, home.clock.now()
    soon = now + timedelta(days=settings.certificate_warning_days)
    critical = now + timedelta(days=settings.certificate_critical_days)
    found = []
    for one in list_seals(home.context, SealFilter(state=State.ACTIVE, ends_before=soon)):
        if one.valid_until:
            level = Level.CRITICAL if one.valid_until <= critical else Level.WARNING
            what = _("ends on {day}").format(day=one.valid_until.astimezone().date().isoformat())
            found.append(Finding(level, one.name, what, _("run: yinxin seals register change")))
    yield from found or [ok("", _("no seal in force ends soon"))]


def batches(home: Home) -> Iterator[Finding]:
    """What was handed in is worked on."""
    due = batch_documents.c.due_at < home.clock.now() - STUCK
    # One that is still being filled has documents that wait, and is not started.
    started = sa.select(queue.c.id).where(queue.c.state == BatchState.STARTED)
    late = sa.select(sa.func.count()).select_from(batch_documents)
    late = late.where(batch_documents.c.state == DocumentState.WAITING, due, batch_documents.c.batch_id.in_(started))
    with home.storage.reading() as connection:
        count = connection.scalar(late) or 0
    if count:
        what = _("{count} documents of batches wait for more than an hour").format(count=count)
        yield Finding(Level.WARNING, "", what, _("see that the service seals runs, and its log"))
    else:
        yield ok("", _("no document of a batch waits too long"))
