"""Checks that several rooms have: the database, the keys, certificates of services."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from core import schema
from core.audit import entries
from core.errors import YinxinError
from core.health import Finding, Level, by_end, ok
from core.home import CUSTODY, Authority, Home
from core.i18n import _
from core.keys import passphrase
from core.service.installed import newest

BEHIND_SECONDS = 5


def database(home: Home) -> Iterator[Finding]:
    """It answers, its schema is this program's, and the clock is not behind what was recorded last."""
    with home.storage.reading() as connection:
        schema.require_current(connection)
        last = connection.scalar(sa.select(entries.c.at).order_by(entries.c.id.desc()).limit(1))
    subject = home.storage.engine.url.render_as_string(hide_password=True)
    if last is not None and (last - home.clock.now()).total_seconds() > BEHIND_SECONDS:
        yield Finding(
            Level.CRITICAL,
            _("clock"),
            _("the clock is behind the newest entry of the audit log, of {moment}").format(moment=last.isoformat()),
            _("set the clock right before anything is signed"),
        )
    yield ok(subject, _("it answers, and has this version's schema"))


def keys(home: Home, authority: Authority) -> Iterator[Finding]:
    """The key store opens with the passphrase that the service finds by itself."""
    store = home.key_store(authority)
    names = store.names()
    if not names:
        return
    if (home.path / "keys" / authority / CUSTODY).exists():
        yield ok(f"keys/{authority}", _("the custodians open these keys"))
        return
    # One of each place: a file shows that the passphrase fits, a token that it is there.
    tried = {store.uri(name) is not None: name for name in names}
    try:
        with passphrase.without_asking():
            for name in tried.values():
                store.signer(name)
    except (YinxinError, OSError) as error:
        what = error.what if isinstance(error, YinxinError) else str(error)
        yield Finding(
            Level.CRITICAL,
            f"keys/{authority}",
            _("the keys cannot be opened: {reason}").format(reason=what),
            _("put the passphrase where the service finds it; if it is kept elsewhere, set health.attended"),
        )
    else:
        yield ok(f"keys/{authority}", _("the keys can be opened"))


def service_certificates(home: Home, keeper: Authority) -> Iterator[Finding]:
    """None of what a service has installed is about to end."""
    settings, now = home.configuration.health, home.clock.now()
    days = settings.certificate_warning_days, settings.certificate_critical_days
    for one in newest(home, keeper):
        finding = by_end(f"{keeper}/{one.key_name}", one.not_before, one.not_after, now, days)
        if finding.level is Level.OK:
            yield finding
        else:
            remedy = _("run: yinxin renew {keeper}; at the authority: yinxin ca maintain").format(keeper=keeper)
            yield Finding(finding.level, finding.subject, finding.what, remedy)


def disk(home: Home, folder: Path) -> Iterator[Finding]:
    """There is room left where it is written to, and one may write there."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        remedy = _("have it mounted for writing, and find out why it was not: nothing can be recorded now")
        yield Finding(Level.CRITICAL, str(folder), _("the disk can only be read"), remedy)
        return
    settings, usage = home.configuration.health, shutil.disk_usage(folder)
    percent = 100 * usage.free / usage.total
    what = _("{gib:.1f} GiB free: {percent:.0f} %").format(percent=percent, gib=usage.free / 2**30)
    remedy = _("make room: without it nothing can be recorded, and so nothing done")
    for level, least in (
        (Level.CRITICAL, settings.disk_critical_percent),
        (Level.WARNING, settings.disk_warning_percent),
    ):
        if percent < least:
            yield Finding(level, str(folder), what, remedy)
            return
    yield ok(str(folder), what)
