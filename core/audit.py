"""The audit log: every act is an entry in canonical JSON (RFC 8785), written in the act's own transaction.

An act that cannot be recorded does not happen: a failure here rolls the act back. Entries are only ever added. Personal
numbers (identity, telephone) never go in.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import rfc8785
import sqlalchemy as sa

from core.clock import Clock
from core.prepared import Prepared
from core.storage import BigId, UtcDateTime, metadata

entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("act", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(128), nullable=False),
    sa.Column("subject", sa.String(256), nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

CONFIGURATION = "audit.configuration"
"""The act by which settings came into force."""
_OF_CONFIGURATION = sa.text(f"act = '{CONFIGURATION}'")
# The last of them is found at once, and no other entry costs more.
sa.Index(
    "audit_entries_configuration", entries.c.id, sqlite_where=_OF_CONFIGURATION, postgresql_where=_OF_CONFIGURATION
)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_EXACT = 2**53
_ENTRY = Prepared(sa.insert(entries).inline())  # nobody asks for the number that an entry got


@dataclass(frozen=True)
class Event:
    """Something that somebody did, or that was refused to them."""

    act: str
    """Module, object, verb: `ca.certificate.issue`."""
    actor: str
    """Operator, service or `system`."""
    subject: str
    """The object concerned: a request, a serial number (hexadecimal), a seal."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """JSON values; bytes as hexadecimal text, by the caller."""


class AuditLog:
    """Appends events."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def append(self, connection: sa.Connection, *events: Event) -> None:
        """Record the events in the caller's transaction."""
        self.extend(connection, events)

    def extend(self, connection: sa.Connection, events: Iterable[Event]) -> None:
        """Record many events, in their order, in the caller's transaction."""
        now = self._clock.now()
        rows = [
            {
                "at": now,
                "act": event.act,
                "actor": event.actor,
                "subject": event.subject,
                "entry": _canonical(
                    {
                        "at": now.isoformat(timespec="microseconds"),
                        "act": event.act,
                        "actor": event.actor,
                        "subject": event.subject,
                        "details": dict(event.details),
                    }
                ),
            }
            for event in events
        ]
        if rows:
            _ENTRY.execute(connection, rows)


def _canonical(document: dict[str, Any]) -> bytes:
    """RFC 8785. But for fractions, large numbers and foreign keys the standard library writes the same, much faster."""
    return _ENCODER.encode(document).encode() if _is_plain(document) else rfc8785.dumps(document)


def _is_plain(value: object) -> bool:
    """Whether it is made of texts, exact whole numbers, truth values, lists, and objects with ASCII keys."""
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, dict):
        return all(isinstance(key, str) and key.isascii() and _is_plain(one) for key, one in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, int) and -_EXACT < value < _EXACT


def read_entries(connection: sa.Connection, *, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """The newest entries, or the newest before that number: number, at, act, actor, subject, details."""
    query = sa.select(entries).order_by(entries.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(entries.c.id < before)
    return [
        {
            "number": row.id,
            "at": row.at,
            "act": row.act,
            "actor": row.actor,
            "subject": row.subject,
            "details": json.loads(row.entry)["details"],
        }
        for row in connection.execute(query)
    ]
