"""Books of a CA with very many certificates, entered at once: what status and revocation lists read, no more."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ISSUED, EXPIRY = "2026-01-01 00:00:00.000000", "2126-01-01 00:00:00.000000"
"""As SQLAlchemy writes moments."""

Event = tuple[str, str, str | None, str]
"""Move, state, reason, moment."""


def serial_numbers(octets: Callable[[int], bytes], count: int) -> list[int]:
    """Of 19 octets each; in order, for so the indexes grow at their ends."""
    return sorted(int.from_bytes(b"\x01" + octets(18), "big") for _place in range(count))


def enter(database: Path, issuer_id: int, serials: Sequence[int], history: Callable[[int], Iterable[Event]]) -> None:
    """Enter certificates, and of each (by its place) what has happened to it; without waiting for the disk."""
    none = (b"", ISSUED, EXPIRY, "bench", b"", "[]", ISSUED, b"", b"")
    held = [serial.to_bytes(20, "big") for serial in serials]
    connection = sqlite3.connect(database)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-500000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.executemany(
        "INSERT INTO ca_certificates (authority_id, serial, profile_id, subject, key_digest, not_before, not_after,"
        " approval_reference, approval_digest, approvers, intended_at, tbs, certificate)"
        " VALUES (?, ?, 1, 'bench', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((issuer_id, serial, *none) for serial in held),
    )
    connection.executemany(
        "INSERT INTO certificate_events (authority_id, serial, sequence, move, state, reason, at, actor)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 'bench')",
        (
            (issuer_id, serial, sequence, *event)
            for place, serial in enumerate(held)
            for sequence, event in enumerate(history(place), 1)
        ),
    )
    connection.commit()
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
