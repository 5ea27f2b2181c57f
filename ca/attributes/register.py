"""The register of attribute certificates, for reading: one by its serial number, all of them page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ca.attributes.records import attribute_certificates, attribute_events
from ca.attributes.terms import Terms
from ca.books import ATTRIBUTES
from ca.history import Step, last_event_of_issued, steps_of
from ca.records import authorities
from ca.register import by_serial
from ca.state import Reason, State
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import Storage


@dataclass(frozen=True)
class AttributeRecord:
    """An attribute certificate as the books have it."""

    id: int
    """The key by which pages go on."""
    authority: str
    authority_id: int
    serial: int
    terms: Terms
    holder: str
    """The subject of the holder's certificate, in words."""
    holder_serial: int
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
class AttributeFilter:
    """Which attribute certificates; what is None does not matter."""

    authority: str | None = None
    holder: str | None = None
    """A part of the holder's name."""
    holder_serial: int | None = None
    state: State | None = None
    serial: int | None = None


_issued = attribute_certificates
_SELECTION = (
    sa.select(
        _issued,
        authorities.c.name.label("authority"),
        attribute_events.c.state,
        attribute_events.c.reason,
        attribute_events.c.at,
    )
    .join(authorities, authorities.c.id == _issued.c.authority_id)
    .outerjoin(attribute_events, last_event_of_issued(ATTRIBUTES))
)


def page(storage: Storage, wanted: AttributeFilter, *, after: int = 0, limit: int = 100) -> list[AttributeRecord]:
    """The next ones in the order of entry, beginning behind the record with the id `after`."""
    equal = (
        (authorities.c.name, wanted.authority),
        (attribute_events.c.state, wanted.state.value if wanted.state else None),
        (_issued.c.serial, wanted.serial),
        (_issued.c.holder_serial, wanted.holder_serial),
    )
    conditions = [column == value for column, value in equal if value is not None]
    if wanted.holder is not None:
        conditions.append(_issued.c.holder.contains(wanted.holder, autoescape=True))
    query = _SELECTION.where(_issued.c.id > after, *conditions).order_by(_issued.c.id).limit(limit)
    with storage.reading() as connection:
        return [_record(row) for row in connection.execute(query)]


def find(storage: Storage, serial: str, authority: str | None = None) -> AttributeRecord:
    """The one with this serial number, decimal or hexadecimal. `YinxinError` (not found) if there is none."""
    records = by_serial(
        serial, lambda number: page(storage, AttributeFilter(serial=number, authority=authority), limit=1)
    )
    if not records:
        raise _unknown(serial)
    return records[0]


def history_of(storage: Storage, record: AttributeRecord) -> list[Step]:
    """What happened to it, in order."""
    with storage.reading() as connection:
        return steps_of(connection, record.authority_id, record.serial, ATTRIBUTES)


def require_revocable(connection: sa.Connection, authority_id: int, serials: Sequence[int]) -> None:
    """Return if the terms of all of them let them be revoked; else `YinxinError`: nobody would hear of it."""
    rows = connection.execute(
        sa.select(_issued.c.serial, _issued.c.terms, _issued.c.not_after).where(
            _issued.c.authority_id == authority_id, _issued.c.serial.in_(serials)
        )
    ).all()
    for row in rows:
        if row.terms == Terms.SHORT_LIVED:
            raise YinxinError(
                Kind.CONFLICT,
                _("a short-lived attribute certificate is not revoked: it says itself that it has no status"),
                subject=serial_text(row.serial),
                remedy=_("it ends by itself at {moment}; issue no other, or revoke the holder's certificate").format(
                    moment=row.not_after.astimezone().isoformat(sep=" ", timespec="seconds")
                ),
            )


def _unknown(serial: str) -> YinxinError:
    return YinxinError(
        Kind.NOT_FOUND,
        _("no such attribute certificate was issued"),
        subject=serial,
        remedy=_("see: yinxin ca attribute list"),
    )


def _record(row: sa.Row[tuple[object, ...]]) -> AttributeRecord:
    return AttributeRecord(
        id=row.id,
        authority=row.authority,
        authority_id=row.authority_id,
        serial=row.serial,
        terms=Terms(row.terms),
        holder=row.holder,
        holder_serial=row.holder_serial,
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
