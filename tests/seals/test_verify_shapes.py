"""The shapes of signatures in the field: what other programs write is read, and what is wrong in it is still found."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from asn1crypto import cms, core, x509

from core import cms as core_cms
from core.algorithms import SHA1, SHA256, SM3, Digest
from core.asn1 import der
from core.keys.private_key import PrivateKey
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.verification.report import Report, SignatureReport, Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support import forged, pdf
from tests.support.sealing import PLACE, Office

GM_DATA, GM_SIGNED = "1.2.156.10197.6.1.4.2.1", "1.2.156.10197.6.1.4.2.2"
SM2_SIGN, SM2_WITH_SM3 = "1.2.156.10197.1.301.1", "1.2.156.10197.1.501"


@dataclass(frozen=True)
class Shape:
    """How a message is written."""

    outer: str = GM_SIGNED
    inner: str = GM_DATA
    named: str | None = None
    """The type in the attribute; the inner one if None."""
    algorithm: str = SM2_SIGN
    null: bool = False
    """Whether NULL stands after the algorithms."""
    raw: bool = False
    """r and s in 64 octets."""
    attributes: bool = True
    encloses_digest: bool = False
    leaf_only: bool = True


def message(office: Office, covered: bytes, shape: Shape, digest: Digest = SM3) -> bytes:
    """SignedData over the octets, written by hand."""
    key: PrivateKey = office.unit.key
    certificate = office.unit.certificate
    value = digest.of(covered)
    content = value if shape.encloses_digest else b""
    signed_content = content or covered
    attributes = b""
    if shape.attributes:
        inner = [
            core_cms.attribute(core_cms.CONTENT_TYPE, der.oid(shape.named or shape.inner)),
            core_cms.attribute(core_cms.MESSAGE_DIGEST, der.octet_string(digest.of(signed_content))),
        ]
        attributes = der.set_of(*inner)
    signature = key.sign(attributes or signed_content)
    if office.kind == "sm2":
        point = curve.point_of(x509.Certificate.load(certificate).public_key.dump())
        assert point is not None
        assert GmsslEngine().verify(point, signature, attributes or signed_content)
    if shape.raw:
        pair = core.SequenceOf.load(signature, spec=core.Integer).native
        signature = b"".join(number.to_bytes(32, "big") for number in pair)
    null = der.NULL if shape.null else b""
    algorithm = der.sequence(der.oid(shape.algorithm), null) if office.kind == "sm2" else key.algorithm.cms_identifier
    digest_algorithm = der.sequence(der.oid(digest.oid), null)
    signer = der.sequence(
        der.integer(1),
        core_cms.issuer_and_serial(certificate),
        digest_algorithm,
        b"\xa0" + attributes[1:] if attributes else b"",
        algorithm,
        der.octet_string(signature),
    )
    enclosed = der.explicit(0, der.octet_string(content)) if content else b""
    chain = [certificate] if shape.leaf_only else [certificate, office.issuing.certificate]
    signed = der.sequence(
        der.integer(1),
        der.set_of(digest_algorithm),
        der.sequence(der.oid(shape.inner), enclosed),
        der.implicit(0, der.set_of(*chain)),
        der.set_of(signer),
    )
    return der.sequence(der.oid(shape.outer), der.explicit(0, signed))


def prepared(office: Office, plain: bytes, sub_filter: bytes) -> bytes:
    """A sealed document whose value is to be replaced; the new name of its kind fills the same room."""
    sealed = seal_pdf(plain, office.seal, PLACE, level=Level.B_B, support=SealingSupport(), clock=office.clock).read()
    old = b"/SubFilter /ETSI.CAdES.detached"
    return forged.renamed(sealed, old, (b"/SubFilter " + sub_filter).ljust(len(old)))


def signed(office: Office, document: bytes, shape: Shape, digest: Digest = SM3) -> bytes:
    return pdf.with_contents(document, message(office, pdf.signed_octets(document), shape, digest))


@pytest.fixture(scope="module")
def gm_room(sm2_office: Office, plain: bytes) -> bytes:
    return prepared(sm2_office, plain, b"/GM.sm2cms.detached")


def the_one(report: Report) -> SignatureReport:
    (one,) = report.signatures
    return one


def judged(office: Office, document: bytes) -> SignatureReport:
    trust = office.trust(status=True)
    known = Trust(trust.anchors, [office.issuing.certificate], trust.crls)
    return the_one(verify_pdf(document, known, office.clock))


SHAPES = {
    "the shape of GM/T 0010": Shape(),
    "NULL after the algorithms": Shape(null=True),
    "SM2 with SM3 by its own name": Shape(algorithm=SM2_WITH_SM3, null=True),
    "r and s in 64 octets": Shape(raw=True),
    "the names of PKCS#7": Shape(outer=core_cms.SIGNED_DATA, inner=core_cms.DATA, algorithm=SM2_WITH_SM3),
    "another type in the attribute than inside": Shape(inner=core_cms.DATA, named=GM_DATA),
    "no attributes": Shape(attributes=False),
    "no attributes, the digest enclosed, raw": Shape(attributes=False, encloses_digest=True, raw=True),
    "attributes, the digest enclosed": Shape(encloses_digest=True),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_gm_sm2cms_detached(sm2_office: Office, gm_room: bytes, name: str) -> None:
    document = signed(sm2_office, gm_room, SHAPES[name])
    found = judged(sm2_office, document)
    assert (found.verdict, found.sub_filter) == (Verdict.REMARKS, "GM.sm2cms.detached"), found.findings
    assert found.intact
    assert found.signer is not None
    for change in (b"595.276", b"/Helvetica"):
        assert change in document
        changed = document.replace(change, change[:-1] + b"x" if change[:1] == b"/" else b"595.275", 1)
        assert judged(sm2_office, changed).verdict is Verdict.INVALID


@pytest.mark.parametrize("name", SHAPES)
def test_a_signature_by_another_key_in_every_shape(sm2_office: Office, gm_room: bytes, name: str) -> None:
    """Another unit signs, and encloses the certificate of this one."""
    value = bytearray(message(sm2_office, pdf.signed_octets(gm_room), SHAPES[name]))
    value[-9] ^= 1
    found = judged(sm2_office, pdf.with_contents(gm_room, bytes(value)))
    assert found.verdict is Verdict.INVALID
    assert not found.intact


def test_the_enclosed_digest_of_another_document(sm2_office: Office, gm_room: bytes) -> None:
    value = message(sm2_office, b"another document", Shape(attributes=False, encloses_digest=True))
    found = judged(sm2_office, pdf.with_contents(gm_room, value))
    assert [one.code for one in found.findings] == ["content-changed"]


def test_an_enclosed_digest_is_nothing_that_pades_knows(sm2_office: Office, plain: bytes) -> None:
    document = prepared(sm2_office, plain, b"/adbe.pkcs7.detached")
    found = judged(sm2_office, signed(sm2_office, document, Shape(encloses_digest=True)))
    assert found.verdict is Verdict.INVALID
    assert judged(sm2_office, signed(sm2_office, document, Shape())).verdict is Verdict.REMARKS


def test_sha1_vouches_for_nothing(rsa_office: Office, plain: bytes) -> None:
    """adbe.pkcs7.sha1: it is read, its digest is compared, and it is never valid."""
    document = prepared(rsa_office, plain, b"/adbe.pkcs7.sha1")
    covered = SHA1.of(pdf.signed_octets(document))
    shape = Shape(core_cms.SIGNED_DATA, core_cms.DATA)
    value = message(rsa_office, covered, shape, SHA256)
    enclosed = cms.ContentInfo.load(value)
    enclosed["content"]["encap_content_info"] = {"content_type": "data", "content": covered}
    found = judged(rsa_office, pdf.with_contents(document, enclosed.dump(force=True)))
    assert found.intact
    assert (found.verdict, [one.code for one in found.findings]) == (
        Verdict.INDETERMINATE,
        ["weak-algorithm"],
    )
    other = pdf.with_contents(document.replace(b"595.276", b"595.275", 1), enclosed.dump(force=True))
    assert judged(rsa_office, other).verdict is Verdict.INVALID


UNIVERSAL: dict[str, Callable[[bytes], bytes]] = {
    "no Contents": lambda d: forged.renamed(d, b"/Contents <", b"/Contentz <"),
    "empty Contents": lambda d: pdf.with_contents(d, b""),
    "Contents of null": lambda d: pdf.with_contents(d, b"\x05\x00"),
    "no ByteRange": lambda d: forged.renamed(d, b"/ByteRange [", b"/ByteRanje ["),
    "an empty ByteRange": lambda d: forged.with_byte_range(d, b"[]"),
    "a ByteRange of null": lambda d: forged.with_byte_range(d, b"null"),
    "a ByteRange of zeros": lambda d: forged.with_byte_range(d, b"[0 0 0 0]"),
    "a ByteRange of two numbers": lambda d: forged.with_byte_range(d, b"[0 %d]" % len(d)),
    "a ByteRange of names": lambda d: forged.with_byte_range(d, b"[/a /b /c /d]"),
    "a negative ByteRange": lambda d: forged.with_byte_range(d, b"[0 -1 9 9]"),
    "a ByteRange beyond all numbers": lambda d: forged.with_byte_range(d, b"[0 9 9 99999999999999999999]"),
}


@pytest.mark.parametrize("name", UNIVERSAL)
def test_universal_forgery(sm2_office: Office, gm_room: bytes, name: str) -> None:
    """USF: what is missing or empty is never skipped."""
    good = signed(sm2_office, gm_room, Shape())
    report = sm2_office.report(UNIVERSAL[name](good), status=True)
    assert report.verdict is Verdict.INVALID


def test_a_copy_of_the_contents_elsewhere(sm2_office: Office, gm_room: bytes) -> None:
    """The range leaves out the same octets, in another place than the signature's own dictionary."""
    good = signed(sm2_office, gm_room, Shape())
    _start, before, after, _rest = pdf.byte_range(good)
    elsewhere = b"% " + good[before:after] + b"\n"
    moved = good + elsewhere
    changed = forged.with_byte_range(moved, b"[0 %d %d %d]" % (len(good) + 2, len(moved) - 1, 1))
    assert sm2_office.report(changed, status=True).verdict is Verdict.INVALID
