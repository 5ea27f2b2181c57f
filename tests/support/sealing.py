"""An office with a seal, and everything around it: a hierarchy, a time-stamping authority, certificate status."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property
from io import BytesIO

from core import cms
from core.algorithms import Digest, KeyKind
from core.asn1 import der
from core.clock import Clock
from seals.contracts import Evidence, SealingSupport
from seals.levels import Level
from seals.picture import RoundSeal
from seals.placement import Placement
from seals.sealing import Seal, seal_pdf
from tests.support import pki

NAME = "宝鸡市人民政府办公室"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
PLACE = Placement(1, 100, 100)


@cache
def picture() -> bytes:
    return RoundSeal(NAME).png(150)


@dataclass
class TestTimestamper:
    """A time-stamping authority that does as it should, or as a test tells it."""

    __test__ = False

    party: pki.Party
    clock: Clock
    padding: list[int] = field(default_factory=list)
    """Octets of ballast in the next tokens, one after the other."""
    digest: Digest | None = None
    """Which digest to claim instead of the one asked."""
    asked: int = 0

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        self.asked += 1
        info = der.sequence(
            der.integer(1),
            der.oid("1.3.6.1.4.1.32473.1.3.1"),
            der.sequence(digest.identifier, der.octet_string(value)),
            der.integer(secrets.randbits(64)),
            der.generalized_time(self.clock.now()),
            b"" if nonce is None else der.integer(nonce),
        )
        others = list(self.party.chain[:-1])
        if self.padding:
            others.append(_ballast(self.party, self.padding.pop(0)))
        return cms.sign(info, self.party.key, self.party.certificate, content_type=TST_INFO, others=others)


def _ballast(party: pki.Party, octets: int) -> bytes:
    """A certificate as long as wanted."""
    root = party.issuer or party
    long_name = "x" * 60
    certificates = root.issue(long_name, not_before=datetime.fromisoformat("2026-01-01T00:00:00+00:00")).certificate
    body = der.sequence(der.octet_string(bytes(octets)))
    # Grown by an unknown extension would need signing again; nobody checks certificates in the bag that go unused.
    return certificates if octets == 0 else _grown(certificates, body)


def _grown(certificate: bytes, ballast: bytes) -> bytes:
    from asn1crypto import x509

    body = x509.Certificate.load(certificate)
    extension = x509.Extension({"extn_id": "1.2.3.4", "critical": False, "extn_value": ballast})
    body["tbs_certificate"]["extensions"].append(extension)
    grown: bytes = body.dump(force=True)
    return grown


@dataclass
class Office:
    """A unit with a seal, under a hierarchy of its own."""

    kind: KeyKind
    clock: Clock
    unit_days: int = 1000
    tsa_days: int = 3650

    @cached_property
    def start(self) -> datetime:
        return self.clock.now() - timedelta(days=10)

    @cached_property
    def root(self) -> pki.Party:
        return pki.root(self.kind, not_before=self.start, common_name=f"Root {self.kind}")

    @cached_property
    def issuing(self) -> pki.Party:
        usages = (pki.KEY_CERT_SIGN, pki.CRL_SIGN)
        return self.root.issue(
            f"Issuing {self.kind}", authority=True, usages=usages, kind=self.kind, not_before=self.start, days=7000
        )

    @cached_property
    def unit(self) -> pki.Party:
        return self.issuing.issue(NAME, kind=self.kind, not_before=self.start, days=self.unit_days)

    @cached_property
    def tsa(self) -> pki.Party:
        return self.issuing.issue(
            "TSA", kind=self.kind, not_before=self.start, days=self.tsa_days, extended=(pki.TIME_STAMPING,)
        )

    @cached_property
    def timestamper(self) -> TestTimestamper:
        return TestTimestamper(self.tsa, self.clock)

    @property
    def seal(self) -> Seal:
        return Seal(NAME, self.unit.key, self.unit.certificate, self.unit.chain, picture(), 42)

    def crls(self, revoked: dict[int, datetime] | None = None, days: int = 30) -> list[bytes]:
        now = self.clock.now()
        return [self.issuing.crl(now, revoked, days), self.root.crl(now, days=days)]

    def evidence(self) -> Evidence:
        return Evidence(self.tsa.chain, self.crls())

    @property
    def support(self) -> SealingSupport:
        return SealingSupport(self.timestamper, self)

    def sealed(self, document: bytes, level: Level = Level.B_LTA, place: Placement = PLACE) -> bytes:
        return seal_pdf(document, self.seal, place, level=level, support=self.support, clock=self.clock)


def blank_pdf(pages: int = 1) -> bytes:
    """A4 pages with a line of text each."""
    from pypdfium2 import PdfDocument

    document = PdfDocument.new()
    for _page in range(pages):
        document.new_page(595.276, 841.89)
    output = BytesIO()
    document.save(output)
    return output.getvalue()
