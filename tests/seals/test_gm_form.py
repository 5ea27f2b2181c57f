"""The two forms of a seal: SES_Signature in the PDF (`/GM.sm2seal`), and PAdES bound to the electronic seal."""

import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from asn1crypto import cms, tsp, x509
from gmssl import func, sm3
from pyhanko.pdf_utils.reader import PdfFileReader

from core.algorithms import SM3
from core.asn1 import seal_binding
from core.asn1.ses import SealSignature, parse_seal, parse_signature
from core.asn1.ses_structures import Version
from core.errors import Kind, YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.electronic.making import Maker
from seals.forms import Form
from seals.levels import Level
from seals.pades import binding
from seals.placement.placement import Straddling
from seals.sealing import Seal
from seals.verification.report import Report, SignatureReport, Verdict
from tests.support import pdf
from tests.support.sealing import NAME, PLACE, Office


def sealed_with(office: Office, document: bytes, seal: Seal, level: Level = Level.B_T) -> bytes:
    return seal_pdf(document, seal, PLACE, level=level, support=office.support, clock=office.clock).read()


def gm_seal(office: Office) -> Seal:
    return replace(office.seal, form=Form.GM)


@pytest.fixture(scope="module")
def gm_sealed(sm2_office: Office, plain: bytes) -> bytes:
    return sealed_with(sm2_office, plain, gm_seal(sm2_office))


def verifies(certificate: bytes, signature: bytes, data: bytes) -> bool:
    """By gmssl, with the default ID."""
    point = curve.point_of(x509.Certificate.load(certificate).public_key.dump())
    assert point is not None
    return bool(GmsslEngine().verify(point, signature, data))


def the_seal(report: Report) -> SignatureReport:
    return next(one for one in report.signatures if one.kind == "seal")


def signature_in(document: bytes) -> SealSignature:
    return parse_signature(pdf.contents(document))


def test_the_value_is_what_the_standard_says(sm2_office: Office, gm_sealed: bytes) -> None:
    """GB/T 38540: SM3 over the byte range, SM2 over TBS_Sign, a time stamp over the signature; checked by gmssl."""
    signature = signature_in(gm_sealed)
    assert signature.version is Version.GBT_38540_2020
    covered = pdf.signed_octets(gm_sealed)
    assert signature.data_hash.hex() == sm3.sm3_hash(func.bytes_to_list(covered))
    assert verifies(signature.certificate, signature.signature, signature.signed)
    assert not verifies(signature.certificate, signature.signature, signature.signed + b"\x00")
    assert verifies(signature.seal.maker_certificate, signature.seal.signature, signature.seal.signed)
    assert signature.seal.original == sm2_office.electronic_seal
    assert signature.certificate == sm2_office.unit.certificate
    assert signature.property_info == f"[{' '.join(map(str, pdf.byte_range(gm_sealed)))}]"
    assert signature.timestamp is not None
    token = cms.ContentInfo.load(signature.timestamp)["content"]["encap_content_info"]["content"].parsed
    assert isinstance(token, tsp.TSTInfo)
    assert token["message_imprint"]["hashed_message"].native == SM3.of(signature.signature)
    value = PdfFileReader(BytesIO(gm_sealed)).root["/AcroForm"]["/Fields"][0]["/V"]
    assert (value["/Filter"], value["/SubFilter"]) == ("/Gomain.GMPkiLite", "/GM.sm2seal")


@pytest.mark.parametrize("level", Level)
def test_every_level_in_the_gm_form(sm2_office: Office, plain: bytes, level: Level) -> None:
    """A security store and a document timestamp are added to it as to any other signature."""
    report = sm2_office.report(sealed_with(sm2_office, plain, gm_seal(sm2_office), level))
    if level >= Level.B_LT:
        assert report.verdict is Verdict.VALID
        assert the_seal(report).level is level
    else:
        # The form holds no certificate of an issuer.
        assert "untrusted-issuer" in {one.code for one in report.all_findings()}
    seal = the_seal(report)
    assert seal.intact
    assert seal.electronic_seal is not None
    assert (seal.electronic_seal.identifier, seal.electronic_seal.name) == ("TEST0001", NAME)


def test_both_forms_on_one_document(sm2_office: Office, gm_sealed: bytes) -> None:
    twice = seal_pdf(
        gm_sealed,
        sm2_office.seal,
        Straddling(),
        level=Level.B_LTA,
        support=sm2_office.support,
        clock=sm2_office.clock,
    ).read()
    assert sm2_office.report(twice).verdict is Verdict.VALID
    assert sm2_office.report(pdf.updated(twice, pdf.add_text)).verdict is Verdict.INVALID


def flipped(document: bytes, place: int) -> bytes:
    changed = bytearray(document)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda document: document.replace(b"595.276", b"595.275", 1), "content-changed"),
        (lambda document: pdf.updated(document, pdf.add_text), "changed-after-sealing"),
        (lambda document: pdf.updated(document, pdf.add_empty_signature_field), "changed-after-sealing"),
        (lambda document: document + b"\n% more", "changed-after-sealing"),
        (lambda document: pdf.with_contents(document, pdf.contents(document)[:-9]), "timestamp-wrong"),
        (lambda document: pdf.with_contents(document, pdf.contents(document) + b"x"), "malformed-signature"),
        (lambda document: pdf.with_contents(document, b""), "malformed-signature"),
    ],
)
def test_tampering_with_the_gm_form(
    sm2_office: Office, gm_sealed: bytes, change: Callable[[bytes], bytes], code: str
) -> None:
    report = sm2_office.report(change(gm_sealed), status=True)
    assert report.verdict is Verdict.INVALID
    assert code in {finding.code for finding in report.all_findings()}


def test_every_part_of_the_value_counts(sm2_office: Office, gm_sealed: bytes) -> None:
    """Octets of the seal, of TBS_Sign, of the signature and of the certificate, changed one by one."""
    value = pdf.contents(gm_sealed)
    signature = signature_in(gm_sealed)
    parts = (signature.seal.signed, signature.data_hash, signature.signature, signature.certificate)
    for part in parts:
        place = value.index(part) + len(part) // 2
        report = sm2_office.report(pdf.with_contents(gm_sealed, flipped(value, place)), status=True)
        assert report.verdict is Verdict.INVALID


def refused(office: Office, seal: Seal, document: bytes, words: str) -> YinxinError:
    with pytest.raises(YinxinError, match=words) as caught:
        sealed_with(office, document, seal)
    return caught.value


@pytest.mark.parametrize("form", Form)
def test_a_seal_that_does_not_belong_is_not_used(sm2_office: Office, plain: bytes, form: Form) -> None:
    """What is made is verified; so a seal that nobody would accept never leaves."""
    other = sm2_office.issuing.issue("Another unit", kind=sm2_office.kind, not_before=sm2_office.start)
    for structure, words in (
        (sm2_office.made_seal(certificates=[other.certificate]), "may not be used with the signer's certificate"),
        (sm2_office.made_seal(days=5), "was not valid when it was used"),
        (sm2_office.made_seal(maker=sm2_office.maker).replace(b"TEST0001", b"TEST0002"), "was not made by the seal"),
    ):
        refused(sm2_office, replace(sm2_office.seal, form=form, structure=structure), plain, words)


def test_the_maker_of_a_seal_is_told(sm2_office: Office, plain: bytes) -> None:
    stranger = Office(sm2_office.kind, sm2_office.clock)
    structure = sm2_office.made_seal(maker=Maker(stranger.unit.key, stranger.unit.certificate))
    report = sm2_office.report(
        sealed_with(sm2_office, plain, replace(sm2_office.seal, structure=structure), Level.B_LT)
    )
    facts = the_seal(report).electronic_seal
    assert facts is not None
    assert not facts.maker_trusted
    honest = the_seal(sm2_office.report(sealed_with(sm2_office, plain, sm2_office.seal, Level.B_LT)))
    assert honest.electronic_seal is not None
    assert honest.electronic_seal.maker_trusted


def test_who_cannot_sign_in_the_gm_form(sm2_office: Office, rsa_office: Office, plain: bytes) -> None:
    assert refused(rsa_office, gm_seal(rsa_office), plain, "for SM2 seals").kind is Kind.UNSUPPORTED
    without = replace(gm_seal(sm2_office), structure=None)
    assert refused(sm2_office, without, plain, "needs an electronic seal").kind is Kind.UNSUPPORTED


# The default form


def test_the_electronic_seal_is_bound_to_the_signature(sm2_office: Office, plain: bytes) -> None:
    sealed = sealed_with(sm2_office, plain, sm2_office.seal)
    (info,) = cms.ContentInfo.load(pdf.contents(sealed))["content"]["signer_infos"]
    (value,) = (one["values"][0] for one in info["signed_attrs"] if one["type"].dotted == seal_binding.ELECTRONIC_SEAL)
    assert value["digest"].native == SM3.of(sm2_office.electronic_seal)
    assert value["digest_algorithm"]["algorithm"].dotted == SM3.oid
    field = PdfFileReader(BytesIO(sealed)).root["/AcroForm"]["/Fields"][0]
    kept = field["/AP"]["/N"]["/PieceInfo"]["/Yinxin"]["/Private"].data
    assert parse_seal(kept).original == sm2_office.electronic_seal
    facts = the_seal(sm2_office.report(sealed)).electronic_seal
    assert facts is not None
    assert facts.version == 4


def test_another_seal_than_was_signed_is_noticed(
    sm2_office: Office, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sm2_office.made_seal(days=500)
    kept = binding.piece_info
    monkeypatch.setattr("seals.pades.writing.piece_info", lambda writer, _seal, at: kept(writer, other, at))
    refused(sm2_office, sm2_office.seal, plain, "not the one that was signed")
    monkeypatch.setattr("seals.pades.writing.piece_info", lambda _writer, _seal, _at: {})
    refused(sm2_office, sm2_office.seal, plain, "not the one that was signed")


def test_a_seal_without_structure_signs_as_before(sm2_office: Office, plain: bytes) -> None:
    sealed = sealed_with(sm2_office, plain, replace(sm2_office.seal, structure=None))
    assert the_seal(sm2_office.report(sealed)).electronic_seal is None
    assert not re.search(rb"/PieceInfo", sealed)


def test_a_token_that_grows_gets_more_room_in_the_gm_form(
    sm2_office: Office, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seals.pades.timestamper.token_octets", {})
    stamper = replace(sm2_office.timestamper, ballast=[0, 9000], asked=0)
    support = SealingSupport(stamper, sm2_office)
    sealed = seal_pdf(
        plain, gm_seal(sm2_office), PLACE, level=Level.B_T, support=support, clock=sm2_office.clock
    ).read()
    assert stamper.asked == 3
    assert signature_in(sealed).timestamp is not None
    hopeless = SealingSupport(replace(sm2_office.timestamper, ballast=[90000, 900000], asked=0), sm2_office)
    with pytest.raises(YinxinError, match="did not fit"):
        seal_pdf(plain, gm_seal(sm2_office), PLACE, level=Level.B_T, support=hopeless, clock=sm2_office.clock)
