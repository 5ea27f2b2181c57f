"""How well the whole installation is: the checks of every room, and those of the front door (backups, disks)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from asn1crypto import x509

import audit.health
import ca.health
import ca.kmc.health
import ocsp.health
import ra.health
import seals.health
import tsa.health
from ca.kmc.installation import link_certificate
from core.certificates import read_certificates
from core.health import Check, Finding, Level, by_end, ok
from core.health_checks import disk, keys, service_certificates
from core.home import Authority, Home
from core.i18n import _
from tsa.installation import clock_watch, open_authority
from yinxin.backup.records import newest
from yinxin.backup.snapshot import kind_of, sqlite_file
from yinxin.installation import AUTHORITIES


def checks_of(home: Home) -> dict[str, Check]:
    """All of them; each as in the room that it is of, none twice."""
    kmc = ca.kmc.health.checks(home) if link_certificate(home).exists() else {}
    rooms = (ca.health.checks(home), ocsp.health.checks(home), seals.health.checks(home), ra.health.checks(home))
    gathered = {name: check for room in (*rooms, kmc, audit.health.checks(home)) for name, check in room.items()}
    del gathered["audit-key"]
    return gathered | {
        "keys": lambda: _keys(home),
        "certificates": lambda: _certificates(home),
        "clock": lambda: _clock(home),
        "units": lambda: _units(home),
        "disk": lambda: _disks(home),
        "backup": lambda: backups(home),
    }


def _keys(home: Home) -> Iterator[Finding]:
    for authority in AUTHORITIES:
        if authority not in home.configuration.health.attended:
            yield from keys(home, authority)


def _certificates(home: Home) -> Iterator[Finding]:
    keepers: tuple[Authority, ...] = ("ocsp", "tsa", "seals")
    for keeper in keepers:
        yield from service_certificates(home, keeper)
    yield from ca.kmc.health.line(home)
    settings, now = home.configuration.health, home.clock.now()
    for file in home.configuration.backup.custodians:
        certificate = x509.Certificate.load(read_certificates(home.path / file)[0])
        validity = certificate["tbs_certificate"]["validity"]
        days = settings.certificate_warning_days, settings.certificate_critical_days
        yield by_end(f"backup/{file}", validity["not_before"].native, validity["not_after"].native, now, days)


def _clock(home: Home) -> Iterator[Finding]:
    """As the time-stamping authority sees it."""
    if _has_units(home):
        watch = clock_watch(home)
        yield from tsa.health.clock(open_authority(home, watch), watch)


def _units(home: Home) -> Iterator[Finding]:
    if _has_units(home):
        yield from tsa.health.units(open_authority(home))


def _has_units(home: Home) -> bool:
    """Whose keys may be asked for."""
    return "tsa" not in home.configuration.health.attended and any(home.certificates("tsa").glob("*.pem"))


def _disks(home: Home) -> Iterator[Finding]:
    folders = {home.path}
    if kind_of(home.storage) == "sqlite":
        folders.add(sqlite_file(home.storage).parent)
    if (to := home.configuration.backup.to) and Path(to).is_dir():
        folders.add(Path(to))
    for folder in sorted({one.stat().st_dev: one for one in sorted(folders)}.values()):
        yield from disk(home, folder)


def backups(home: Home) -> Iterator[Finding]:
    """There is a backup, and not a long time ago."""
    settings = home.configuration.health
    with home.storage.reading() as connection:
        made_at = newest(connection)
    remedy = _("run: yinxin backup; enable yinxin-backup.timer")
    if made_at is None:
        yield Finding(Level.WARNING, "", _("no backup was ever made"), remedy)
        return
    age = home.clock.now() - made_at
    what = _("the newest backup is of {moment}").format(
        moment=made_at.astimezone().isoformat(sep=" ", timespec="minutes")
    )
    if age > timedelta(hours=settings.backup_critical_hours):
        yield Finding(Level.CRITICAL, "", what, remedy)
    elif age > timedelta(hours=settings.backup_warning_hours):
        yield Finding(Level.WARNING, "", what, remedy)
    else:
        yield ok("", what)
