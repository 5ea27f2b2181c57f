"""Changes of the configuration are entries: each service compares what is in force, when it begins, with what was."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import rfc8785
import sqlalchemy as sa

from core.algorithms import SM3
from core.audit import CONFIGURATION, Event, entries
from core.config import Configuration
from core.context import Context

# A bound value would not be recognised as that of the index's condition.
_LAST = (
    sa.select(entries.c.entry)
    .where(entries.c.act == sa.literal_column(f"'{CONFIGURATION}'"))
    .order_by(entries.c.id.desc())
    .limit(1)
)


def note_configuration(context: Context, configuration: Configuration, *, actor: str = "system") -> str:
    """Enter the settings in force, and how they differ, unless they are those that were entered last; their digest.

    No secret is in them: of an address only what says where it is, for it may hold a password.
    """
    settings = dict(_flat(configuration.model_dump(mode="json")))
    digest = SM3.of(rfc8785.dumps(settings)).hex()
    # Where services start one after the other, each may find it not there yet: two entries say nothing wrong.
    with context.storage.transaction() as connection:
        last = connection.scalar(_LAST)
        before = _settings_in(last)
        if last is None or json.loads(last)["subject"] != digest:
            details = {"digest": "sm3", "settings": settings, "changed": _difference(before, settings)}
            context.audit.append(connection, Event(CONFIGURATION, actor, digest, details))
    return digest


def _settings_in(entry: bytes | None) -> Mapping[str, Any] | None:
    settings = json.loads(entry)["details"].get("settings") if entry else None
    return settings if isinstance(settings, dict) else None  # of an earlier version: its digest alone


def _difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By name, what was and what is; of the first settings ever, nothing."""
    if before is None:
        return {}
    names = sorted({*before, *after})
    return {one: [before.get(one), after.get(one)] for one in names if before.get(one) != after.get(one)}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", [_where(one) for one in value]
        else:
            yield f"{prefix}{name}", _where(value)


def _where(value: object) -> object:
    """Of an address: scheme, host, port and path. Anything else as it is."""
    if not isinstance(value, str) or "://" not in value:
        return value
    try:
        parts = urlsplit(value)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "?"
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
