"""What can be amiss with the log: entries that no checkpoint covers, checkpoints without time stamp or copy."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from audit.key import NAME, public_keys
from audit.records import checkpoints
from audit.sequencer import key_notes, latest_checkpoint, oldest_uncovered, read_log
from audit.succession import Succession
from core.errors import YinxinError
from core.health import Checks, Finding, Level, ok
from core.health_checks import keys
from core.home import Home
from core.i18n import _

LATE, OVERDUE = 3, 12
"""So many intervals after an entry there should have been a checkpoint over it."""
INCOMPLETE = timedelta(hours=1)
"""So long a time stamp or a copy may be made up for."""


def checks(home: Home) -> Checks:
    """Those of whoever orders the log."""
    return {"checkpoints": lambda: newest_checkpoint(home), "audit-key": lambda: keys(home, "audit")}


def newest_checkpoint(home: Home) -> Iterator[Finding]:
    """Every entry comes under a checkpoint in time, stamped, copied, and signed by the key that is published."""
    now, every = home.clock.now(), timedelta(seconds=home.configuration.audit.every_seconds)
    with home.storage.reading() as connection:
        log, newest = read_log(connection), latest_checkpoint(connection)
        oldest = oldest_uncovered(connection, newest.size if newest else 0)
        incomplete = connection.scalar(_incomplete(home, now - INCOMPLETE)) or 0
        succeeded = key_notes(connection)
    waiting = now - oldest if oldest else timedelta()
    if waiting > every * LATE:
        level = Level.CRITICAL if waiting > every * OVERDUE else Level.WARNING
        minutes = int(waiting.total_seconds() // 60)
        what = _("no checkpoint covers entries of {minutes} minutes ago").format(minutes=minutes)
        yield Finding(level, log.origin, what, _("see that yinxin audit run (yinxin-audit.service) runs"))
    if incomplete:
        what = _("{count} checkpoints have no time stamp or no copy outside").format(count=incomplete)
        yield Finding(
            Level.WARNING, log.origin, what, _("see that the time-stamping authority and audit.copies answer")
        )
    if newest is None:
        return
    try:
        Succession(public_keys(home), succeeded).open(newest.note)
    except YinxinError as error:
        yield Finding(Level.CRITICAL, NAME, error.what, _("tell the auditor: key or checkpoint were changed"))
        return
    if waiting <= every * LATE:
        what = _("the newest checkpoint is over {size} entries").format(size=newest.size)
        yield ok(log.origin, what)


def _incomplete(home: Home, before: datetime) -> sa.Select[int]:
    missing: sa.ColumnElement[bool] = checkpoints.c.copied.is_(False)
    if home.configuration.audit.timestamps:
        missing = sa.or_(missing, checkpoints.c.token.is_(None))
    return sa.select(sa.func.count()).select_from(checkpoints).where(missing, checkpoints.c.at < before)
