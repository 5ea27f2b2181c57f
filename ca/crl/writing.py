"""Writing TBSCertList (RFC 5280 5.1, 5.2), entry by entry into a file: memory stays small however long the list is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import IO

from ca.certificate import (
    AUTHORITY_KEY_IDENTIFIER,
    FRESHEST_CRL,
    IssuerFacts,
    crl_distribution_points,
    extension,
    key_identifier,
)
from ca.state import Reason
from core.asn1 import der

CRL_NUMBER, REASON_CODE, DELTA_CRL_INDICATOR = "2.5.29.20", "2.5.29.21", "2.5.29.27"
ISSUING_DISTRIBUTION_POINT, EXPIRED_CERTS_ON_CRL = "2.5.29.28", "2.5.29.60"

CHUNK = 1 << 20
"""Octets read and written at a time."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """One entry."""

    serial: int
    at: datetime
    reason: Reason


@dataclass(frozen=True)
class Scope:
    """What a list is about (RFC 5280 5): all certificates of its issuer, or some."""

    address: str = ""
    """distributionPoint: where this list is, as its certificates say; empty: all certificates."""
    attributes: bool = False
    """onlyContainsAttributeCerts."""

    def extension(self) -> bytes:
        """IssuingDistributionPoint, critical (5.2.5); none for a list about everything."""
        parts = []
        if self.address:
            parts.append(der.explicit(0, der.implicit(0, der.sequence(der.implicit(6, der.ia5(self.address))))))
        if self.attributes:
            parts.append(der.implicit(5, der.TRUE))
        return extension(ISSUING_DISTRIBUTION_POINT, der.sequence(*parts), critical=True) if parts else b""


@dataclass(frozen=True)
class CrlFacts:
    """What a list says beside its entries."""

    number: int
    this_update: datetime
    next_update: datetime
    scope: Scope = Scope()
    base: int | None = None
    """BaseCRLNumber of a delta; None: a full list."""
    freshest: str = ""
    """Where the deltas to this full list are."""
    expired_since: datetime | None = None
    """Certificates that expired since then are still listed; None: they leave the list."""

    def extensions(self, issuer: IssuerFacts) -> bytes:
        """crlExtensions."""
        parts = [
            extension(
                AUTHORITY_KEY_IDENTIFIER,
                der.sequence(der.implicit(0, der.octet_string(key_identifier(issuer.public_key_info)))),
            ),
            extension(CRL_NUMBER, der.integer(self.number)),
        ]
        if self.base is not None:
            parts.append(extension(DELTA_CRL_INDICATOR, der.integer(self.base), critical=True))
        parts.append(self.scope.extension())
        if self.freshest:
            parts.append(extension(FRESHEST_CRL, crl_distribution_points(self.freshest)))
        if self.expired_since:
            parts.append(extension(EXPIRED_CERTS_ON_CRL, der.generalized_time(self.expired_since)))
        return der.explicit(0, der.sequence(*parts))


@dataclass(frozen=True)
class Draft:
    """A TBSCertList: its entries in a file, what stands before and after them in memory."""

    before: bytes
    file: IO[bytes]
    after: bytes
    entries: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes to sign, piece by piece."""
        yield self.before
        self.file.seek(0)
        while chunk := self.file.read(CHUNK):
            yield chunk
        yield self.after

    @property
    def size(self) -> int:
        """Octets."""
        return len(self.before) + self.file.seek(0, 2) + len(self.after)


def draft(issuer: IssuerFacts, facts: CrlFacts, entries: Iterable[Revoked], file: IO[bytes]) -> Draft:
    """TBSCertList version 2. The entries come as a stream and go to the file, which is empty, as they come."""
    size = count = 0
    for entry in entries:
        size += file.write(encode_entry(entry))
        count += 1
    head = b"".join(
        (
            der.integer(1),
            issuer.algorithm.identifier,
            issuer.subject,
            der.time(facts.this_update),
            der.time(facts.next_update),
            der.header(der.SEQUENCE, size) if size else b"",  # 5.1.2.6: absent when nothing is revoked
        )
    )
    after = facts.extensions(issuer)
    return Draft(der.header(der.SEQUENCE, len(head) + size + len(after)) + head, file, after, count)


# An entry's extensions depend on its reason alone; unspecified is said by leaving it out (5.3.1).
REASON_EXTENSIONS = {
    reason: der.sequence(extension(REASON_CODE, der.enumerated(reason.code)))
    if reason is not Reason.UNSPECIFIED
    else b""
    for reason in Reason
}


def encode_entry(entry: Revoked) -> bytes:
    """One element of revokedCertificates."""
    serial = entry.serial.to_bytes(entry.serial.bit_length() // 8 + 1, "big")
    moment = entry.at
    if moment.tzinfo is UTC:
        start, end = _day(moment.year, moment.month, moment.day)
        time = b"%b%02d%02d%02d%b" % (start, moment.hour, moment.minute, moment.second, end)
    else:
        time = der.time(moment)
    reason = REASON_EXTENSIONS[entry.reason]
    # At most 20 octets of number, 17 of time and 14 of extensions: every length is one octet.
    size = 2 + len(serial) + len(time) + len(reason)
    return b"\x30%c\x02%c%b%b%b" % (size, len(serial), serial, time, reason)


@lru_cache(maxsize=1024)
def _day(year: int, month: int, day: int) -> tuple[bytes, bytes]:
    """What stands before and after the time of day, the same for all revocations of a day."""
    encoded = der.time(datetime(year, month, day, tzinfo=UTC))
    return encoded[:-7], encoded[-1:]
