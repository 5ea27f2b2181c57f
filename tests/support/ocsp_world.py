"""The world of the responder's tests: towns with an authority and its responders, and books that say what holds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from core.algorithms import SHA1, Digest, KeyKind
from core.clock import FixedClock
from core.storage import Storage, metadata
from ocsp.certificate import Certificate
from ocsp.delegation import Delegation
from ocsp.request import CertId, cert_id
from ocsp.responder import Responder
from ocsp.response import Reason
from tests.support import pki

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
YESTERDAY = NOW - timedelta(days=1)
VALIDITY = timedelta(hours=8)

VALID, HELD, REVOKED_PLAIN, NEVER_ISSUED = 0x1001, 0x1002, 0x1003, 0x9999
EXPIRED, EXPIRED_REVOKED = 0x1004, 0x1005
LONG_SERIAL = 0x7F << 152 | 1
REVOKED = {reason: 0x2000 + reason for reason in Reason}


@dataclass(frozen=True)
class Why:
    """The shape of `ca.status.Reason`."""

    code: int


@dataclass(frozen=True)
class Status:
    """The shape of `ca.status.CertificateStatus`."""

    state: str
    revoked_at: datetime | None = None
    reason: Why | None = None
    not_after: datetime | None = None


@dataclass(frozen=True)
class KnownIssuer:
    """The shape of `ca.status.Issuer`."""

    id: int
    certificate: bytes
    subject: bytes
    public_key_info: bytes

    @property
    def delegator(self) -> "KnownIssuer":
        return self


@dataclass
class Books:
    """Status in memory."""

    known: list[KnownIssuer] = field(default_factory=list)
    statuses: dict[tuple[int, int], Status] = field(default_factory=dict)

    def add(self, party: pki.Party) -> int:
        number = len(self.known) + 1
        self.known.append(KnownIssuer(number, party.certificate, party.name, party.key.public_key_info))
        return number

    def issuers(self) -> Sequence[KnownIssuer]:
        return self.known

    def status(self, issuer_id: int, serial: int) -> Status | None:
        return self.statuses.get((issuer_id, serial))


@dataclass
class Town:
    """One hierarchy: root, issuing authority and the responders that each delegated."""

    kind: KeyKind

    @cached_property
    def root(self) -> pki.Party:
        return pki.root(self.kind, not_before=LONG_AGO, common_name=f"{self.kind} Root")

    @cached_property
    def issuing(self) -> pki.Party:
        usages = (pki.KEY_CERT_SIGN, pki.CRL_SIGN)
        return self.root.issue(
            f"{self.kind} Issuing", authority=True, usages=usages, kind=self.kind, not_before=LONG_AGO
        )

    @cached_property
    def stranger(self) -> pki.Party:
        """An authority that nobody here knows."""
        return pki.root(self.kind, not_before=LONG_AGO, common_name="Stranger")

    @cached_property
    def responder(self) -> pki.Party:
        return self.delegate(self.issuing, "Responder")

    @cached_property
    def root_responder(self) -> pki.Party:
        return self.delegate(self.root, "Root Responder")

    def delegate(self, issuer: pki.Party, name: str, *, not_before: datetime = LONG_AGO, days: int = 800) -> pki.Party:
        return issuer.issue(
            f"{self.kind} {name}",
            usages=(pki.DIGITAL_SIGNATURE,),
            extended=(pki.OCSP_SIGNING,),
            kind=self.kind,
            not_before=not_before,
            days=days,
        )


def delegation(party: pki.Party) -> Delegation:
    return Delegation(party.key, Certificate.load(party.certificate))


@dataclass(frozen=True)
class Named:
    """An issuer as a CertID sees it."""

    subject: bytes
    public_key_info: bytes


def named(party: pki.Party) -> Named:
    return Named(party.name, party.key.public_key_info)


def about(party: pki.Party, serial: int, digest: Digest = SHA1) -> CertId:
    return cert_id(named(party), serial, digest)


def responder_of(books: Books, *parties: pki.Party, now: datetime = NOW) -> Responder:
    return Responder(books, [delegation(party) for party in parties], FixedClock(now), VALIDITY)


@dataclass
class World:
    """Which town is asked about, and everything that is there to ask."""

    town: Town
    other: Town
    books: Books = field(default_factory=Books)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))

    def __post_init__(self) -> None:
        for town in (self.town, self.other):
            for authority in (town.root, town.issuing):
                number = self.books.add(authority)
                for serial in (VALID, LONG_SERIAL):
                    self.books.statuses[number, serial] = Status("valid", not_after=NOW)
                self.books.statuses[number, HELD] = Status("held", YESTERDAY, Why(Reason.CERTIFICATE_HOLD))
                self.books.statuses[number, EXPIRED] = Status("valid", not_after=YESTERDAY)
                self.books.statuses[number, EXPIRED_REVOKED] = Status(
                    "revoked", YESTERDAY, Why(Reason.KEY_COMPROMISE), not_after=YESTERDAY
                )
                self.books.statuses[number, REVOKED_PLAIN] = Status("revoked", YESTERDAY)
                for reason, serial in REVOKED.items():
                    self.books.statuses[number, serial] = Status("revoked", YESTERDAY, Why(reason))
        self.responder = self.open()

    def open(self, *, archive_cutoff: bool = False, extended_revoked: bool = False) -> Responder:
        """The responder of both towns, configured so."""
        parties = [party for town in (self.town, self.other) for party in (town.responder, town.root_responder)]
        return Responder(
            self.books,
            [delegation(party) for party in parties],
            self.clock,
            VALIDITY,
            archive_cutoff=archive_cutoff,
            extended_revoked=extended_revoked,
        )


TOWNS = {kind: Town(kind) for kind in (KeyKind.SM2, KeyKind.RSA_2048)}


def new_storage(url: str) -> Storage:
    """An empty database with every table."""
    storage = Storage(url)
    storage.migrate()
    metadata.create_all(storage.engine)  # until the first migration is written
    return storage
