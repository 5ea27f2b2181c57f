"""What can be amiss with the authority: certificates that end, old lists, services that wait, doubt after a crash."""

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from ca import service_renewal
from ca.authorities import list_authorities
from ca.books import ALL_BOOKS
from ca.crl.publication import PublishedCrl, lists_in_force
from ca.generations import is_retired, successor_of
from core.health import Checks, Finding, Level, by_end, ok
from core.health_checks import database, disk
from core.home import Home
from core.i18n import _


def checks(home: Home) -> Checks:
    """Those of the service `ca`, which has no key of its own to open."""
    return {
        "database": lambda: database(home),
        "disk": lambda: disk(home, home.path),
        "authorities": lambda: authorities(home),
        "crl": lambda: revocation_lists(home),
        "service-requests": lambda: service_requests(home),
        "intents": lambda: intents(home),
    }


def authorities(home: Home) -> Iterator[Finding]:
    """No authority is about to end."""
    settings, now = home.configuration.health, home.clock.now()
    days = settings.authority_warning_days, settings.authority_critical_days
    for one in list_authorities(home.storage):
        limits = one.limits
        with home.storage.reading() as connection:
            if successor_of(connection, one) is not None:
                continue  # that it ends is as it should be
        if limits.not_before and limits.not_after:
            yield by_end(one.name, limits.not_before, limits.not_after, now, days)


def revocation_lists(home: Home) -> Iterator[Finding]:
    """Every list in force has time left; an authority that has expired needs none."""
    now = home.clock.now()
    for authority in list_authorities(home.storage):
        end = authority.limits.not_after
        if authority.certificate is None or (end and now > end):
            continue
        with home.storage.reading() as connection:
            if is_retired(connection, authority, now):
                continue
        present = list(lists_in_force(home.context, authority))
        if not present:
            yield Finding(
                Level.CRITICAL,
                authority.name,
                _("no CRL was published yet"),
                _("run: yinxin ca crl publish {authority}").format(authority=authority.name),
            )
        yield from (_of_list(home, one) for one in present)


def _of_list(home: Home, one: PublishedCrl) -> Finding:
    settings, now = home.configuration.health, home.clock.now()
    gone = 100 * ((now - one.this_update) / (one.next_update - one.this_update))
    until = one.next_update.astimezone().isoformat(sep=" ", timespec="minutes")
    what = _("number {number} holds until {moment}").format(number=one.number, moment=until)
    if gone < settings.crl_warning_percent:
        return ok(one.name, what)
    level = Level.CRITICAL if gone >= settings.crl_critical_percent else Level.WARNING
    return Finding(level, one.name, what, _("run: yinxin ca crl publish {authority}").format(authority=one.authority))


def service_requests(home: Home) -> Iterator[Finding]:
    """No service waits for a person to approve its next certificate."""
    waiting = [one for one in service_renewal.pending(home.context) if one.complaint]
    for one in waiting:
        remedy = _("see: yinxin ca service-certificates list; then approve it")
        yield Finding(Level.WARNING, one.reference, one.complaint or "", remedy)
    if not waiting:
        yield ok("", _("no service waits for a certificate"))


def intents(home: Home) -> Iterator[Finding]:
    """No certificate may exist that nobody has."""
    grace = home.clock.now() - timedelta(minutes=10)
    count = 0
    with home.storage.reading() as connection:
        for books in ALL_BOOKS:
            issued = books.issued
            query = sa.select(sa.func.count()).select_from(issued)
            unfinished = query.where(
                issued.c.certificate.is_(None),
                issued.c.intended_at < grace,
                sa.func.length(issued.c.tbs) > 0,  # nothing was intended here: a number that was imported alone
            )
            ended = sa.exists().where(
                books.events.c.authority_id == issued.c.authority_id,
                books.events.c.serial == issued.c.serial,
                books.events.c.state == "revoked",
            )
            count += connection.scalar(unfinished.where(~ended)) or 0
    if count:
        what = _("{count} certificates were intended, and what became of them is in doubt").format(count=count)
        yield Finding(Level.WARNING, "", what, _("see: yinxin ca reconcile; revoke them"))
    else:
        yield ok("", _("no certificate is in doubt"))
