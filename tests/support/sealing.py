"""An office with a seal, and everything around it: a hierarchy, a time-stamping authority, certificate status."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property
from io import BytesIO

from asn1crypto import x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from core import cms
from core.algorithms import Digest, KeyKind
from core.asn1 import der
from core.asn1.ses_writing import OwnerKind, SealInfo, SealPicture
from core.clock import Clock, FixedClock
from seals.contracts import Evidence, SealingSupport
from seals.documents.pdf import seal_pdf
from seals.electronic.making import Maker, make_seal
from seals.levels import Level
from seals.pictures.picture import RoundSeal
from seals.placement.placement import Placement
from seals.sealing import Seal
from seals.verification.report import Report
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
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
    ballast: list[int] = field(default_factory=list)
    """Octets of ballast in the next tokens, one after the other."""
    answer: Callable[[bytes], bytes] = lambda token: token
    """What becomes of the token on its way."""
    value: bytes | None = None
    """What is stamped instead of the value asked for."""
    nonce: int | None = None
    """What is answered instead of the nonce asked for."""
    asked: int = 0

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        self.asked += 1
        nonce = nonce if self.nonce is None else self.nonce
        info = der.sequence(
            der.integer(1),
            der.oid("1.3.6.1.4.1.32473.1.3.1"),
            der.sequence(digest.identifier, der.octet_string(self.value or value)),
            der.integer(secrets.randbits(64)),
            der.generalized_time(self.clock.now()),
            b"" if nonce is None else der.integer(nonce),
        )
        others = list(self.party.chain[:-1])
        if self.ballast and (octets := self.ballast.pop(0)):
            # Not a certificate that anybody reads: it only takes up space.
            others.append(_grown(self.party.certificate, octets))
        return self.answer(cms.sign(info, self.party.key, self.party.certificate, content_type=TST_INFO, others=others))


def _grown(certificate: bytes, octets: int) -> bytes:
    body = x509.Certificate.load(certificate)
    body["tbs_certificate"]["extensions"].append(
        x509.Extension({"extn_id": "1.2.3.4", "critical": False, "extn_value": bytes(octets)})
    )
    body["tbs_certificate"]["serial_number"] = 77
    grown: bytes = body.dump(force=True)
    return grown


@dataclass
class Office:
    """A unit with a seal, under a hierarchy of its own."""

    kind: KeyKind
    clock: Clock
    unit_days: int = 1000
    tsa_days: int = 3650
    ocsp_url: str = "http://ocsp.test"

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
        return self.issuing.issue(
            NAME, kind=self.kind, not_before=self.start, days=self.unit_days, ocsp_url=self.ocsp_url
        )

    @cached_property
    def tsa(self) -> pki.Party:
        return self.issuing.issue(
            "TSA",
            kind=self.kind,
            not_before=self.start,
            days=self.tsa_days,
            extended=(pki.TIME_STAMPING,),
            ocsp_url=self.ocsp_url,
        )

    @cached_property
    def timestamper(self) -> TestTimestamper:
        return TestTimestamper(self.tsa, self.clock)

    @property
    def seal(self) -> Seal:
        return Seal(
            NAME,
            self.unit.key,
            self.unit.certificate,
            self.unit.chain,
            picture(),
            42,
            structure=self.electronic_seal,
        )

    @cached_property
    def maker(self) -> Maker:
        """Of electronic seals."""
        party = self.issuing.issue("Seal maker", kind=self.kind, not_before=self.start)
        return Maker(party.key, party.certificate)

    @cached_property
    def electronic_seal(self) -> bytes:
        return self.made_seal()

    def made_seal(
        self, certificates: Sequence[bytes] = (), days: int | None = None, maker: Maker | None = None
    ) -> bytes:
        """An electronic seal, in force for so many days from the office's start."""
        info = SealInfo(
            vendor_id="TEST",
            seal_id="TEST0001",
            owner_kind=OwnerKind.UNIT,
            name=NAME,
            certificates=certificates or [self.unit.certificate],
            created=self.start,
            valid_from=self.start,
            valid_until=self.start + timedelta(days=days or self.unit_days),
            picture=SealPicture("PNG", picture(), 42, 42),
        )
        return make_seal(info, maker or self.maker, FixedClock(self.start))

    def crls(self, days: int = 30) -> list[bytes]:
        now = self.clock.now()
        return [self.issuing.crl(now, self.revoked, days), self.root.crl(now, days=days)]

    revoked: dict[int, datetime] = field(default_factory=dict)
    """Serial numbers under the issuing authority."""

    def evidence(self, _certificates: Sequence[bytes] = ()) -> Evidence:
        return Evidence(self.tsa.chain, self.crls())

    def revoke_unit(self) -> None:
        self.revoked[_serial(self.unit)] = self.clock.now()

    def revoke_tsa(self) -> None:
        self.revoked[_serial(self.tsa)] = self.clock.now()

    def trust(self, *, status: bool = False) -> Trust:
        """The root; with the certificate status of now, if asked."""
        return Trust([self.root.certificate], crls=self.crls() if status else [])

    def report(self, document: bytes, *, status: bool = False) -> Report:
        return verify_pdf(document, self.trust(status=status), self.clock)

    @property
    def support(self) -> SealingSupport:
        return SealingSupport(self.timestamper, self)

    def sealed(self, document: bytes, level: Level = Level.B_LTA, place: Placement = PLACE) -> bytes:
        return seal_pdf(document, self.seal, place, level=level, support=self.support, clock=self.clock).read()


def ocsp_response(issuer: pki.Party, certificate: bytes, digest: Digest, now: datetime) -> bytes:
    """OCSPResponse: the issuer itself says that a certificate of its own is good (RFC 6960 4.2.1)."""
    body = x509.Certificate.load(certificate)
    key_hash = digest.of(bytes(x509.Certificate.load(issuer.certificate).public_key["public_key"]))
    certificate_id = der.sequence(
        digest.identifier,
        der.octet_string(digest.of(issuer.name)),
        der.octet_string(key_hash),
        der.integer(body.serial_number),
    )
    good = b"\x80\x00"
    single = der.sequence(
        certificate_id,
        good,
        der.generalized_time(now),
        der.explicit(0, der.generalized_time(now + timedelta(days=1))),
    )
    data = der.sequence(der.explicit(1, issuer.name), der.generalized_time(now), der.sequence(single))
    algorithm = issuer.key.algorithm.identifier
    basic = der.sequence(data, algorithm, der.bit_string(issuer.key.sign(data)))
    answer = der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1"), der.octet_string(basic))
    return der.sequence(der.enumerated(0), der.explicit(0, answer))


def _serial(party: pki.Party) -> int:
    number: int = x509.Certificate.load(party.certificate).serial_number
    return number


def blank_pdf(pages: int = 1) -> bytes:
    """A4 pages with a line of text each."""
    writer = PdfFileWriter(stream_xrefs=False)  # type: ignore[no-untyped-call]
    font = generic.DictionaryObject(
        {pdf_name(f"/{key}"): pdf_name(f"/{value}") for key, value in _HELVETICA.items()}  # type: ignore[no-untyped-call]
    )
    resources = generic.DictionaryObject({pdf_name("/Font"): generic.DictionaryObject({pdf_name("/F1"): font})})  # type: ignore[no-untyped-call]
    for page in range(1, pages + 1):
        text = b"BT /F1 24 Tf 72 700 Td (Page %d) Tj ET" % page
        stream = writer.add_object(generic.StreamObject(stream_data=text))
        page_object = PageObject(contents=stream, media_box=(0, 0, 595.276, 841.89), resources=resources)  # type: ignore[no-untyped-call]
        writer.insert_page(page_object)  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


_HELVETICA = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
