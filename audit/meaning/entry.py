"""An entry as the rules read it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Entry:
    """What was recorded."""

    position: int
    at: str
    """ISO 8601, UTC."""
    act: str
    actor: str
    subject: str
    details: dict[str, Any]

    @property
    def moment(self) -> datetime:
        """When."""
        return datetime.fromisoformat(self.at)

    def text(self, name: str) -> str:
        """A detail that is text; empty if there is none."""
        value = self.details.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> int | None:
        """A detail that is a number; None if there is none."""
        value = self.details.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """A detail that is a list of texts."""
        value = self.details.get(name)
        return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        """A detail that is a list of objects."""
        value = self.details.get(name)
        return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def parse_entry(position: int, octets: bytes) -> Entry:
    """Read an entry; ValueError if it is none."""
    read = json.loads(octets)
    try:
        entry = Entry(position, read["at"], read["act"], read["actor"], read["subject"], read["details"])
    except (KeyError, TypeError):
        raise ValueError("no entry") from None
    texts = (entry.at, entry.act, entry.actor, entry.subject)
    if not all(isinstance(one, str) for one in texts) or not isinstance(entry.details, dict):
        raise ValueError("no entry")
    return entry
