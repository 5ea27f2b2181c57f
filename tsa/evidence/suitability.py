"""Until when algorithms may be relied upon: a small table of dates, to which an installation adds its own."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from asn1crypto import x509

UNTIL: Mapping[str, date] = {
    "sha1": date(2010, 12, 31),
    "rsa-1024": date(2010, 12, 31),
    # NIST SP 800-57 part 1 rev. 5, table 4: 112 bits of strength through 2030.
    "rsa-2048": date(2030, 12, 31),
}
"""The last day of a digest (`sha256`) or a kind of key (`p256`, `rsa-2048` and shorter)."""

FOREVER = datetime.max.replace(tzinfo=UTC)
_RSA = re.compile(r"rsa-(\d+)")
_CURVES = {"sm2p256v1": "sm2", "secp256r1": "p256", "secp384r1": "p384"}


class Suitability:
    """The table in force."""

    def __init__(self, settings: Mapping[str, date] | None = None) -> None:
        """`settings`: dates that are added to the table, or stand in place of its own."""
        self._until = {**UNTIL, **(settings or {})}

    def until(self, name: str) -> datetime:
        """The end of the last day, UTC; `FOREVER` for what has no date."""
        size = _RSA.fullmatch(name)
        days = [
            day
            for listed, day in self._until.items()
            if listed == name or (size and (limit := _RSA.fullmatch(listed)) and int(size[1]) <= int(limit[1]))
        ]
        return datetime.combine(min(days), time.max, UTC) if days else FOREVER


def key_name(certificate: x509.Certificate) -> str:
    """The kind of a certificate's key, as the table names it."""
    key = certificate.public_key
    if key.algorithm == "ec":
        curve = key.curve[1] if key.curve[0] == "named" else "other"
        return _CURVES.get(curve, curve)
    return f"rsa-{key.bit_size}"
