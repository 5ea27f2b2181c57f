"""A centre's log as an auditor judges it, and entries that nobody's act has made."""

import hashlib
from typing import Any

import sqlalchemy as sa

from audit.findings import Finding
from audit.meaning.evidence import Evidence, _read_certificate
from audit.meaning.judge import Judge
from ca.importing.certificates import imported_certificates
from ca.records import certificates
from core.audit import Event, entries
from tests.support.ca import TestCentre

RULES = ("import", "serial", "status", "crl", "intent", "rollover")
"""Those about authorities: tests' requests are approved by nobody."""


def findings(centre: TestCentre) -> list[Finding]:
    """What an auditor finds in the log."""
    with centre.context.storage.reading() as connection:
        imported = {sha256(one): one for one in imported_certificates(connection)}
        issued = connection.scalars(
            sa.select(certificates.c.certificate).where(certificates.c.certificate.is_not(None))
        )
        facts = {sha256(one): read for one in issued if (read := _read_certificate(one))}
        log = list(connection.scalars(sa.select(entries.c.entry).order_by(entries.c.id)))
    judge = Judge(Evidence(certificates=facts, imported=imported))
    for position, entry in enumerate(log):
        judge.take(position, entry)
    return [one for one in judge.finish() if one.rule in RULES]


def sha256(data: bytes) -> str:
    """Hexadecimal, as entries have it."""
    return hashlib.sha256(data).hexdigest()


def forge(centre: TestCentre, act: str, subject: str, **details: Any) -> None:
    """An entry by somebody who can write to the log."""
    with centre.context.storage.transaction() as connection:
        centre.context.audit.append(connection, Event(act, "keeper", subject, details))
