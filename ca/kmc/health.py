"""What can be amiss with the key-management centre: its keys, its end of the line, recoveries that wait."""

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa
from asn1crypto import x509

from ca.kmc.installation import link_certificate
from ca.kmc.records import recoveries, recovery_statements
from core.certificates import read_certificates
from core.health import Checks, Finding, Level, by_end, ok
from core.health_checks import database, disk, keys
from core.home import Home
from core.i18n import _


def checks(home: Home) -> Checks:
    """Those of the service `kmc`."""
    return {
        "database": lambda: database(home),
        "disk": lambda: disk(home, home.path),
        "keys": lambda: keys(home, "kmc"),
        "certificates": lambda: line(home),
        "recoveries": lambda: recoveries_waiting(home),
    }


def line(home: Home) -> Iterator[Finding]:
    """The certificate of the centre's end of the line has time left."""
    if not link_certificate(home).exists():
        return
    settings = home.configuration.health
    days = settings.certificate_warning_days, settings.certificate_critical_days
    validity = x509.Certificate.load(read_certificates(link_certificate(home))[0])["tbs_certificate"]["validity"]
    yield by_end("kmc/link", validity["not_before"].native, validity["not_after"].native, home.clock.now(), days)


def recoveries_waiting(home: Home) -> Iterator[Finding]:
    """No recovery of a key has waited too long for the officers; what was rejected waits no more."""
    before = home.clock.now() - timedelta(hours=home.configuration.health.waiting_hours)
    said = recovery_statements.c
    rejected = sa.exists().where(said.recovery_id == recoveries.c.id, said.act == "reject")
    began = sa.select(sa.func.min(said.at)).where(said.recovery_id == recoveries.c.id).scalar_subquery()
    query = sa.select(recoveries.c.number).where(recoveries.c.envelope.is_(None), ~rejected, began < before)
    with home.storage.reading() as connection:
        numbers = [str(number) for number in connection.scalars(query.limit(100))]
    for number in numbers:
        yield Finding(
            Level.WARNING, number, _("the recovery of a key waits for officers"), _("run: yinxin ca kmc recover")
        )
    if not numbers:
        yield ok("", _("no recovery of a key waits too long"))
