"""What an electronic seal, ours or anybody's, says of itself, and whether it holds (GB/T 38540-2020 6.3, GM/T 0031).

The checks in the standards' order: format, maker's signature, maker's certificate, validity; and of a signature made
with a seal, those of the signature. Nothing is fetched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from asn1crypto import core as asn1
from asn1crypto import x509

from core.asn1.ses import Seal, SealSignature, parse_seal, parse_signature
from core.asn1.ses_structures import Version
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from seals.electronic.makers import Books, judge_maker, no_books
from seals.electronic.making import check_maker_signature, seal_algorithm
from seals.electronic.seal_check import names_certificate
from seals.tokens import time_of
from seals.verification.facts import CertificateFacts
from seals.verification.report import Finding, Verdict, plain
from seals.verification.trust import Trust

SCHEMA = "yinxin-seal-inspection/1"
STANDARDS = {
    Version.GMT_0031_2014: "GM/T 0031-2014",
    Version.GBT_38540_2020: "GB/T 38540-2020",
    Version.GMT_0031_2025: "GM/T 0031-2025",
}


@dataclass(frozen=True)
class ListedCertificate:
    """A certificate that may sign with the seal, as the seal names it."""

    certificate: CertificateFacts | None
    """None where the seal has only a digest."""
    algorithm: str = ""
    digest: str = ""
    """Hexadecimal."""


@dataclass(frozen=True)
class PictureFacts:
    """The picture in the seal."""

    kind: str
    octets: int
    width_mm: int
    height_mm: int
    sha256: str


@dataclass(frozen=True)
class ExtensionFacts:
    """Something that the standard does not name."""

    oid: str
    critical: bool
    value: str
    """Hexadecimal."""


@dataclass(frozen=True)
class SignatureFacts:
    """A signature made with the seal."""

    signer: CertificateFacts
    data_hash: str
    """SM3 of what is protected, hexadecimal."""
    property_info: str
    algorithm: str
    timestamp: datetime | None = None


@dataclass(frozen=True)
class Inspection:
    """What a seal says, and what was found."""

    standard: str
    version: int
    vendor_id: str
    seal_id: str
    kind: int
    """SES_ESPropertyInfo.type: 1 of a unit, 2 of a person; others write more."""
    name: str
    created: datetime
    valid_from: datetime
    valid_until: datetime
    certificates: Sequence[ListedCertificate]
    picture: PictureFacts
    extensions: Sequence[ExtensionFacts]
    maker: CertificateFacts
    algorithm: str
    checked_at: datetime
    timestamp: datetime | None = None
    """Of the maker's signature, in version 5."""
    signature: SignatureFacts | None = None
    findings: Sequence[Finding] = ()
    image: bytes = b""
    """The picture itself."""

    @property
    def verdict(self) -> Verdict:
        """The best verdict that every finding allows."""
        return max([Verdict.VALID, *(finding.verdict for finding in self.findings)])

    def as_json(self) -> dict[str, Any]:
        """The inspection for programs, without the picture: JSON values only."""
        content: dict[str, Any] = plain(self)
        del content["image"]
        return {"schema": SCHEMA, "verdict": self.verdict.value, **content}


def inspect(data: bytes, trust: Trust, now: datetime, books: Books = no_books) -> Inspection:
    """The inspection of a seal, or of a signature made with one; `YinxinError` (invalid) if it is neither."""
    try:
        return _inspect(data, trust, now, books)
    except UNREADABLE as error:
        # The structure is that of a seal, and something in it, such as a certificate, is not what it should be.
        raise YinxinError(Kind.INVALID, _("something in the electronic seal cannot be read")) from error


def _inspect(data: bytes, trust: Trust, now: datetime, books: Books) -> Inspection:
    signature: SealSignature | None = None
    try:
        seal = parse_seal(data)
    except YinxinError as not_a_seal:
        try:
            signature = parse_signature(data)
        except YinxinError:
            raise not_a_seal from None
        seal = signature.seal
    info = seal.structure["seal_info"]
    about = info["property"].native
    picture = info["picture"].native
    timestamp, of_timestamp = _timestamp(seal)
    findings = [*_about_maker(seal, trust, about["create_date"], books), *of_timestamp, *_about_validity(about, now)]
    facts = None
    if signature is not None:
        facts, of_signature = _signature(signature)
        findings += of_signature
    return Inspection(
        standard=STANDARDS[seal.version],
        version=info["header"]["version"].native,
        vendor_id=info["header"]["vendor_id"].native,
        seal_id=info["es_id"].native,
        kind=about["type"],
        name=about["name"],
        created=about["create_date"],
        valid_from=about["valid_start"],
        valid_until=about["valid_end"],
        certificates=[_listed(one) for one in about["cert_list"]],
        picture=_picture(picture),
        extensions=list(_extensions(info)),
        maker=CertificateFacts.of(seal.maker_certificate),
        algorithm=_algorithm_words(seal.algorithm),
        checked_at=now,
        timestamp=timestamp,
        signature=facts,
        findings=findings,
        image=picture["data"],
    )


def _about_maker(seal: Seal, trust: Trust, created: datetime, books: Books) -> Iterator[Finding]:
    try:
        check_maker_signature(seal)
    except YinxinError as error:
        yield Finding("maker-signature", error.what, Verdict.INVALID)
    yield from judge_maker(seal.maker_certificate, trust, created, books)


def _timestamp(seal: Seal) -> tuple[datetime | None, list[Finding]]:
    if seal.timestamp is None:
        missing = Finding("no-timestamp", _("GM/T 0031-2025, but without a time stamp"), Verdict.REMARKS)
        return None, [missing] if seal.version is Version.GMT_0031_2025 else []
    try:
        digest = seal_algorithm(seal.algorithm).digest
        return time_of(seal.timestamp, digest, digest.of(seal.signature))[0], []
    except YinxinError as error:
        return None, [Finding("timestamp", error.what, Verdict.INVALID)]


def _about_validity(about: dict[str, Any], now: datetime) -> Iterator[Finding]:
    if now < about["valid_start"]:
        yield Finding("not-yet-valid", _("the seal is not valid yet"), Verdict.INVALID)
    if now > about["valid_end"]:
        yield Finding("expired", _("the seal's validity has ended"), Verdict.INVALID)


def _signature(signature: SealSignature) -> tuple[SignatureFacts, list[Finding]]:
    findings = []
    try:
        algorithm = seal_algorithm(signature.algorithm)
        key = x509.Certificate.load(signature.certificate).public_key.dump()
        verify(key, algorithm, signature.signature, signature.signed)
    except (InvalidSignature, YinxinError):
        wrong = _("the signature was not made with the key in its certificate, or was changed since")
        findings.append(Finding("signature", wrong, Verdict.INVALID))
    if not names_certificate(signature.seal, signature.certificate):
        stranger = _("the seal does not name the certificate that signed")
        findings.append(Finding("stranger", stranger, Verdict.INVALID))
    at = None
    if signature.timestamp is not None:
        try:
            digest = seal_algorithm(signature.algorithm).digest
            at = time_of(signature.timestamp, digest, digest.of(signature.signature))[0]
        except YinxinError as error:
            findings.append(Finding("signature-timestamp", error.what, Verdict.INVALID))
    facts = SignatureFacts(
        CertificateFacts.of(signature.certificate),
        signature.data_hash.hex(),
        signature.property_info,
        _algorithm_words(signature.algorithm),
        at,
    )
    return facts, findings


def _listed(listed: Any) -> ListedCertificate:
    if isinstance(listed, bytes):
        return ListedCertificate(CertificateFacts.of(listed))
    return ListedCertificate(None, listed["type"], listed["value"].hex())


def _picture(picture: dict[str, Any]) -> PictureFacts:
    data: bytes = picture["data"]
    return PictureFacts(picture["type"], len(data), picture["width"], picture["height"], sha256(data).hexdigest())


def _extensions(info: asn1.Sequence) -> Iterator[ExtensionFacts]:
    for one in info["ext_datas"] or ():
        yield ExtensionFacts(one["extn_id"].dotted, one["critical"].native, one["extn_value"].native.hex())


def _algorithm_words(dotted: str) -> str:
    try:
        return seal_algorithm(dotted).name
    except YinxinError:
        return dotted
