"""Whatever a file is, it is recognised from its octets and judged; with the network cut off."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import pem, x509
from asn1crypto.core import OctetBitString

from core import cms
from core.algorithms import SM3
from core.asn1 import der
from core.errors import YinxinError
from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.electronic.making import Maker
from seals.forms import Form
from seals.levels import Level
from seals.pades.gm_reading import moment_of
from seals.verification.files import verify_file
from seals.verification.kinds import FileKind
from seals.verification.questions import Answer, Question
from seals.verification.report import Report, Verdict
from seals.verification.trust import ISSUERS, Trust, load_trust
from tests.support import pdf
from tests.support.sealing import PLACE, Office, ocsp_response

NOTE = b"Received: 100 yuan\n"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched: whoever tries to reach anybody fails."""

    def refuse(_socket: socket.socket, address: object) -> None:
        raise AssertionError(f"the network was asked for {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_options: refuse(None, arguments))  # type: ignore[arg-type]


def knowing(office: Office) -> Trust:
    return Trust([office.root.certificate], [office.issuing.certificate], office.crls())


def judged(office: Office, data: bytes, content: bytes | None = None) -> Report:
    return verify_file(data, knowing(office), office.clock, content=content)


def signed_note(office: Office, *, detached: bool) -> bytes:
    builder = cms.SignedDataBuilder(office.unit.key, office.unit.certificate, certificates=[office.unit.certificate])
    if detached:
        return builder.build_detached(office.unit.key.algorithm.digest.of(NOTE), lambda _signature: [])
    return builder.build(NOTE, signed_at=office.clock.now())


def token(office: Office) -> bytes:
    digest = office.unit.key.algorithm.digest
    return office.timestamper.stamp(digest, digest.of(NOTE), 7)


def in_response(data: bytes) -> bytes:
    return der.sequence(der.sequence(der.integer(0)), data)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.all_findings()}


KINDS: dict[str, tuple[FileKind, Callable[[Office], bytes]]] = {
    "electronic seal": (FileKind.SEAL, lambda office: office.electronic_seal),
    "attached": (FileKind.CMS, lambda office: signed_note(office, detached=False)),
    "detached": (FileKind.CMS, lambda office: signed_note(office, detached=True)),
    "detached, PEM": (FileKind.CMS, lambda office: pem.armor("CMS", signed_note(office, detached=True))),
    "token": (FileKind.TIMESTAMP, token),
    "response": (FileKind.TIMESTAMP, lambda office: in_response(token(office))),
    "PDF": (FileKind.PDF, lambda office: b"%PDF-1.7\n"),
    "certificate": (FileKind.UNKNOWN, lambda office: office.unit.certificate),
    "text": (FileKind.UNKNOWN, lambda _office: NOTE),
    "nothing": (FileKind.UNKNOWN, lambda _office: b""),
}


@pytest.mark.parametrize("name", KINDS)
def test_what_a_file_is(sm2_office: Office, name: str) -> None:
    kind, make = KINDS[name]
    report = judged(sm2_office, make(sm2_office))
    assert report.kind is kind
    if kind is FileKind.UNKNOWN:
        assert (report.verdict, codes(report)) == (Verdict.INDETERMINATE, {"unknown-kind"})


@pytest.mark.parametrize("kind", ["sm2", "rsa"])
def test_a_signature_beside_its_file(sm2_office: Office, rsa_office: Office, kind: str) -> None:
    office = sm2_office if kind == "sm2" else rsa_office
    detached = signed_note(office, detached=True)
    assert judged(office, detached, NOTE).verdict is Verdict.REMARKS
    missing = judged(office, detached)
    assert (missing.verdict, codes(missing)) == (Verdict.INDETERMINATE, {"content-missing"})
    other = judged(office, detached, NOTE + b"0")
    assert (other.verdict, codes(other)) == (Verdict.INVALID, {"content-changed"})
    attached = signed_note(office, detached=False)
    assert judged(office, attached).verdict is Verdict.REMARKS
    assert judged(office, attached, NOTE).verdict is Verdict.REMARKS
    assert judged(office, attached, NOTE + b"0").verdict is Verdict.INVALID
    assert judged(office, attached.replace(b"100 yuan", b"900 yuan")).verdict is Verdict.INVALID
    (one,) = judged(office, attached).signatures
    assert (one.kind, one.field) == ("signature", "")
    assert one.signer is not None
    assert bytes.fromhex(one.signer.sha256) == x509.Certificate.load(office.unit.certificate).sha256


def test_a_time_stamp_beside_its_file(sm2_office: Office) -> None:
    for data in (token(sm2_office), in_response(token(sm2_office))):
        report = judged(sm2_office, data, NOTE)
        assert report.verdict is Verdict.VALID
        (one,) = report.signatures
        assert one.proven_time == sm2_office.clock.now()
        assert one.proven_by is not None
        assert judged(sm2_office, data, NOTE + b"0").verdict is Verdict.INVALID
        assert judged(sm2_office, data).verdict is Verdict.INDETERMINATE
    stranger = Office(sm2_office.kind, sm2_office.clock)
    unknown = verify_file(token(stranger), knowing(sm2_office), sm2_office.clock, content=NOTE)
    assert (unknown.verdict, codes(unknown)) == (Verdict.INDETERMINATE, {"timestamp-not-trusted"})


def test_a_bag_of_certificates_is_no_forgery(sm2_office: Office) -> None:
    message = asn1_cms.ContentInfo.load(signed_note(sm2_office, detached=True))
    message["content"]["signer_infos"] = []
    report = judged(sm2_office, message.dump(force=True))
    assert (report.verdict, codes(report)) == (Verdict.INDETERMINATE, {"no-signature"})


def test_an_electronic_seal_by_itself(sm2_office: Office) -> None:
    report = judged(sm2_office, sm2_office.electronic_seal)
    assert report.verdict is Verdict.VALID
    (one,) = report.signatures
    assert one.kind == "electronic-seal"
    assert {check.question: check.answer for check in one.checks} == {
        Question.SEAL_MADE: Answer.YES,
        Question.SEAL_MAKER: Answer.YES,
        Question.SEAL_VALIDITY: Answer.YES,
    }
    forged = sm2_office.electronic_seal.replace(b"TEST0001", b"TEST0002")
    assert judged(sm2_office, forged).verdict is Verdict.INVALID
    stranger = Office(sm2_office.kind, sm2_office.clock)
    foreign = sm2_office.made_seal(maker=Maker(stranger.unit.key, stranger.unit.certificate))
    assert judged(sm2_office, foreign).verdict is Verdict.INDETERMINATE


def test_a_seal_signature_outside_a_pdf(sm2_office: Office, plain: bytes) -> None:
    seal = replace(sm2_office.seal, form=Form.GM)
    sealed = seal_pdf(plain, seal, PLACE, level=Level.B_B, support=SealingSupport(), clock=sm2_office.clock).read()
    value, covered = pdf.contents(sealed), pdf.signed_octets(sealed)
    report = judged(sm2_office, value, covered)
    assert (report.kind, report.verdict) == (FileKind.SEAL_SIGNATURE, Verdict.REMARKS)
    assert report.signatures[0].electronic_seal is not None
    assert codes(judged(sm2_office, value)) == {"content-missing"}
    assert judged(sm2_office, value, covered + b"0").verdict is Verdict.INVALID
    assert SM3.of(covered) in value


def test_pdf_at_every_level_without_a_network(sm2_office: Office, sealed_at: Callable[[Level], bytes]) -> None:
    for level in Level:
        report = judged(sm2_office, sealed_at(level))
        assert report.verdict is (Verdict.VALID if level > Level.B_B else Verdict.REMARKS)
        seal = report.signatures[0]
        answers = {check.question: check.answer for check in seal.checks}
        assert answers.pop(Question.TIME) is (Answer.YES if level > Level.B_B else Answer.UNKNOWN)
        assert set(answers.values()) == {Answer.YES}
        assert set(answers) == set(Question) - {Question.TIME}
        assert all(check.text for check in seal.checks)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0JFIF", "a picture"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"PK\x03\x04OFD.xml", "ZIP"),
        (b"Dear Sir,", "neither a PDF"),
    ],
)
def test_what_cannot_be_verified_is_named(sm2_office: Office, content: bytes, words: str) -> None:
    report = judged(sm2_office, content)
    assert report.verdict is Verdict.INDETERMINATE
    assert words in report.findings[0].text


def test_the_time_in_a_signature_of_version_1(sm2_office: Office) -> None:
    """GM/T 0031-2014: a time, or a token that was made before the signature."""
    at = sm2_office.clock.now()
    written = {"utc": der.time(at), "generalized": der.generalized_time(at), "token": token(sm2_office)}

    def moment(octets: bytes) -> object:
        return moment_of(SimpleNamespace(structure={"to_sign": {"time_info": OctetBitString(octets)}}))  # type: ignore[arg-type]

    assert {name: moment(octets) for name, octets in written.items()} == dict.fromkeys(written, at)
    for wrong in (b"", b"\x30\x00", b"\x17\x01x", sm2_office.electronic_seal, signed_note(sm2_office, detached=False)):
        assert moment(wrong) is None


# The folder of trust


def folder_of(office: Office, path: Path) -> Path:
    """Anchors in PEM, issuers below, status in DER and PEM: what each is, the octets say."""
    (path / ISSUERS).mkdir(parents=True)
    (path / "root.pem").write_bytes(pem.armor("CERTIFICATE", office.root.certificate))
    (path / ISSUERS / "ca.crt").write_bytes(office.issuing.certificate)
    issuing, root = office.crls()
    (path / "issuing.crl").write_bytes(pem.armor("X509 CRL", issuing))
    (path / ISSUERS / "root.der").write_bytes(root)
    return path


def test_trust_from_a_folder(sm2_office: Office, tmp_path: Path, sealed_at: Callable[[Level], bytes]) -> None:
    folder = folder_of(sm2_office, tmp_path / "trust")
    digest = sm2_office.unit.key.algorithm.digest
    response = ocsp_response(sm2_office.issuing, sm2_office.unit.certificate, digest, sm2_office.clock.now())
    (folder / "answer.ocsp").write_bytes(response)
    trust = load_trust(folder)
    assert list(trust.anchors) == [sm2_office.root.certificate]
    assert list(trust.certificates) == [sm2_office.issuing.certificate]
    assert (len(trust.crls), list(trust.ocsp_responses)) == (2, [response])
    assert verify_file(sealed_at(Level.B_T), trust, sm2_office.clock).verdict is Verdict.VALID


@pytest.mark.parametrize("suffix", [".crl", ".pem"])
def test_a_list_with_entries_is_a_list(
    sm2_office: Office, tmp_path: Path, sealed_at: Callable[[Level], bytes], suffix: str
) -> None:
    """Whoever is revoked is in it, so that it must never be taken for a certificate."""
    at = sm2_office.clock.now()
    serials = (7, x509.Certificate.load(sm2_office.unit.certificate).serial_number)
    revoking = sm2_office.issuing.crl(at, {serial: at - timedelta(days=1) for serial in serials})
    folder = folder_of(sm2_office, tmp_path / "trust")
    (folder / "issuing.crl").unlink()
    (folder / f"issuing{suffix}").write_bytes(revoking if suffix == ".crl" else pem.armor("X509 CRL", revoking))
    trust = load_trust(folder)
    assert list(trust.anchors) == [sm2_office.root.certificate]
    assert revoking in trust.crls
    assert verify_file(sealed_at(Level.B_T), trust, sm2_office.clock).verdict is Verdict.INVALID
    (folder / f"issuing{suffix}").unlink()
    (tmp_path / "given.crl").write_bytes(revoking)
    assert revoking in load_trust(folder, [tmp_path / "given.crl"]).crls


def test_an_issuer_is_not_trusted_for_being_known(
    sm2_office: Office, rsa_office: Office, tmp_path: Path, sealed_at: Callable[[Level], bytes]
) -> None:
    folder = folder_of(sm2_office, tmp_path / "trust")
    (folder / "root.pem").write_bytes(pem.armor("CERTIFICATE", rsa_office.root.certificate))
    (folder / ISSUERS / "root.crt").write_bytes(sm2_office.root.certificate)
    report = verify_file(sealed_at(Level.B_T), load_trust(folder), sm2_office.clock)
    assert report.verdict is Verdict.INDETERMINATE
    assert "untrusted-issuer" in codes(report)


@pytest.mark.parametrize(
    ("name", "content"), [("a.crl", b"text"), ("a.pem", b"-----BEGIN X-----\n"), ("a.der", b"\x30\x00")]
)
def test_what_is_nothing_in_the_folder_is_told(sm2_office: Office, tmp_path: Path, name: str, content: bytes) -> None:
    folder = folder_of(sm2_office, tmp_path / "trust")
    (folder / name).write_bytes(content)
    with pytest.raises(YinxinError) as caught:
        load_trust(folder)
    assert name in str(caught.value)


@pytest.mark.skipif(
    "YINXIN_INTEROP" not in os.environ, reason="no seals of others; name their folder in YINXIN_INTEROP"
)
@pytest.mark.parametrize("name", ["UserV1.esl", "UserV4.esl", "UserV5.esl"])
def test_seals_that_others_made(sm2_office: Office, name: str) -> None:
    data = Path(os.environ["YINXIN_INTEROP"], "seals", name).read_bytes()
    report = judged(sm2_office, data)
    assert report.kind is FileKind.SEAL
    assert report.signatures[0].intact
    assert report.verdict > Verdict.REMARKS
