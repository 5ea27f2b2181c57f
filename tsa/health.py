"""Whether tokens can be given now, and if not, why."""

from collections.abc import Iterator

from core.errors import YinxinError
from core.health import Checks, Finding, Level, ok
from core.health_checks import database, disk, keys, service_certificates
from core.home import Home
from core.i18n import _
from tsa.authority import TimeStampAuthority
from tsa.watch import ClockWatch


def checks(home: Home, authority: TimeStampAuthority, watch: ClockWatch | None) -> Checks:
    """Those of the service `tsa`."""
    return {
        "database": lambda: database(home),
        "disk": lambda: disk(home, home.path),
        "keys": lambda: keys(home, "tsa"),
        "certificates": lambda: service_certificates(home, "tsa"),
        "clock": lambda: clock(authority, watch),
        "units": lambda: units(authority),
    }


def clock(authority: TimeStampAuthority, watch: ClockWatch | None) -> Iterator[Finding]:
    """The time can be told; what each source says."""
    try:
        authority.require_time()
    except YinxinError as error:
        yield Finding(Level.CRITICAL, error.subject, error.what, error.remedy)
    for report in watch.reports if watch else ():
        if report.distance is not None:
            what = _("the clock may be off by {seconds:.3f} s").format(seconds=report.distance.total_seconds())
            yield ok(report.source, what)
        elif report.error:
            yield Finding(Level.WARNING, report.source, report.error.what, report.error.remedy)
    if not watch:
        yield ok("", _("no source of time is asked; the clock is believed"))


def units(authority: TimeStampAuthority) -> Iterator[Finding]:
    """Under each policy, some unit is in service now."""
    try:
        now = authority.require_time()
    except YinxinError:
        return  # the clock is a finding of its own
    for policy in dict.fromkeys(unit.policy for unit in authority.offer.units):
        candidates = authority.offer.candidates(policy, None)
        if any(unit.is_in_service(now) for unit in candidates):
            until = max(unit.service_period[1] for unit in candidates).astimezone().date().isoformat()
            yield ok(candidates[0].name, _("gives tokens until {day}").format(day=until))
            continue
        try:
            candidates[0].require_in_service(now)
        except YinxinError as error:
            yield Finding(Level.CRITICAL, error.subject, error.what, error.remedy)
