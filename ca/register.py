"""The register of certificates, for reading: one by its serial number, all of them page by page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from asn1crypto import x509

from ca.history import Step, last_event_of_issued, steps_of
from ca.records import authorities, certificates, events, profiles
from ca.state import Reason, State
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import Storage

Found = TypeVar("Found")


@dataclass(frozen=True)
class CertificateRecord:
    """A certificate as the books have it."""

    id: int
    """The key by which pages go on."""
    authority: str
    serial: int
    profile: str
    version: int
    """Of the profile."""
    subject: str
    not_before: datetime
    not_after: datetime
    state: State | None
    """None: an intent that `ca.reconciliation` has not seen yet."""
    reason: Reason | None
    changed_at: datetime | None
    approval_reference: str
    approvers: tuple[str, ...]
    tbs: bytes
    certificate: bytes | None
    """DER; None while only the intent is known."""


@dataclass(frozen=True)
class Filter:
    """Which certificates; what is None does not matter."""

    authority: str | None = None
    profile: str | None = None
    state: State | None = None
    subject: str | None = None
    """A part of the subject's name."""
    serial: int | None = None
    approval_reference: str | None = None
    expires_from: datetime | None = None
    expires_before: datetime | None = None

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """As SQL."""
        equal = (
            (authorities.c.name, self.authority),
            (profiles.c.name, self.profile),
            (events.c.state, self.state.value if self.state else None),
            (certificates.c.approval_reference, self.approval_reference),
        )
        yield from (column == value for column, value in equal if value is not None)
        if self.serial is not None:
            # Of every authority, so that the index of authorities and their serial numbers serves it.
            yield certificates.c.authority_id.in_(sa.select(authorities.c.id))
            yield certificates.c.serial == self.serial
        if self.subject is not None:
            yield certificates.c.subject.contains(self.subject, autoescape=True)
        if self.expires_from is not None:
            yield certificates.c.not_after >= self.expires_from
        if self.expires_before is not None:
            yield certificates.c.not_after < self.expires_before


_SELECTION = (
    sa.select(
        certificates,
        authorities.c.name.label("authority"),
        profiles.c.name.label("profile"),
        profiles.c.version,
        events.c.state,
        events.c.reason,
        events.c.at,
    )
    .join(authorities, authorities.c.id == certificates.c.authority_id)
    .join(profiles, profiles.c.id == certificates.c.profile_id)
    .outerjoin(events, last_event_of_issued())
)


def page(storage: Storage, wanted: Filter, *, after: int = 0, limit: int = 100) -> list[CertificateRecord]:
    """The next certificates in the order of entry, beginning behind the record with the id `after`."""
    query = _SELECTION.where(certificates.c.id > after, *wanted.conditions()).order_by(certificates.c.id).limit(limit)
    with storage.reading() as connection:
        return [_record(row) for row in connection.execute(query)]


def every(storage: Storage, wanted: Filter) -> Iterator[CertificateRecord]:
    """All of them, a page at a time."""
    after = 0
    while records := page(storage, wanted, after=after, limit=500):
        yield from records
        after = records[-1].id


def count(storage: Storage) -> int:
    """How many rows the books have."""
    with storage.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(certificates)) or 0


def find(storage: Storage, serial: str, authority: str | None = None) -> CertificateRecord:
    """The certificate with this serial number, decimal or hexadecimal. `YinxinError` (not found) if there is none."""
    records = by_serial(serial, lambda number: page(storage, Filter(serial=number, authority=authority), limit=1))
    if not records:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no such certificate was issued"),
            subject=serial,
            remedy=_("check the serial number and the authority"),
        )
    return records[0]


_ISSUED = (
    sa.select(certificates.c.authority_id, certificates.c.certificate)
    .join(authorities, authorities.c.id == certificates.c.authority_id)
    .where(certificates.c.serial == sa.bindparam("number"), authorities.c.subject == sa.bindparam("issuer"))
)


def state_of(connection: sa.Connection, certificate: bytes, at: datetime | None = None) -> State | None:
    """What a certificate (DER) is now, or was at a moment; None if it is not of these books, or was not yet."""
    read = x509.Certificate.load(certificate)
    sought = {"number": read.serial_number, "issuer": read.issuer.dump()}
    for authority_id, issued in connection.execute(_ISSUED, sought).all():
        if issued == certificate:
            steps = steps_of(connection, authority_id, read.serial_number)
            steps = steps if at is None else [step for step in steps if step.at <= at]
            return steps[-1].state if steps else None
    return None


def history_of(storage: Storage, record: CertificateRecord) -> list[Step]:
    """What happened to it, in order."""
    with storage.reading() as connection:
        authority_id = connection.scalar(sa.select(certificates.c.authority_id).where(certificates.c.id == record.id))
        return steps_of(connection, authority_id or 0, record.serial)


def by_serial(text: str, look: Callable[[int], Sequence[Found]]) -> Sequence[Found]:
    """What there is under the first number that this text may mean, and under which there is anything."""
    return next(filter(None, map(look, serial_numbers(text))), ())


def serial_numbers(text: str) -> list[int]:
    """What number may be meant: digits alone are read as decimal first, then as hexadecimal. `YinxinError` if none."""
    digits = text.strip().replace(":", "").replace(" ", "").lower()
    readings = []
    if digits.isascii() and digits.isdigit() and ":" not in text:
        readings.append(int(digits))
    try:
        readings.append(int(digits.removeprefix("0x"), 16))
    except ValueError:
        raise YinxinError(
            Kind.INVALID,
            _("not a serial number"),
            subject=text,
            remedy=_("give it decimal, or hexadecimal as {example}").format(example=serial_text(0x1A2B)),
        ) from None
    return readings


def _record(row: sa.Row[tuple[object, ...]]) -> CertificateRecord:
    return CertificateRecord(
        id=row.id,
        authority=row.authority,
        serial=row.serial,
        profile=row.profile,
        version=row.version,
        subject=row.subject,
        not_before=row.not_before,
        not_after=row.not_after,
        state=State(row.state) if row.state else None,
        reason=Reason(row.reason) if row.reason else None,
        changed_at=row.at,
        approval_reference=row.approval_reference,
        approvers=tuple(row.approvers),
        tbs=row.tbs,
        certificate=row.certificate,
    )
