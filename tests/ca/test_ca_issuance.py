"""From an approved request to a certificate, and everything that must be refused on the way."""

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import pem
from cryptography import x509

from ca import conformance, revocation
from ca.authorities import authority_of, certificate_of
from ca.issuance import Approval, ApprovedRequest, IssuedCertificate
from ca.records import certificates, events, keys
from core.algorithms import KeyKind
from core.asn1.names import describe_name
from core.audit import entries
from core.clock import FixedClock
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.subject import Identity, Subject
from tests.support.ca import CREDIT_CODE, RESIDENT_ID, TestCentre, make_subject, pooled_key

OPENSSL_ID = "distid:1234567812345678"


def rows(centre: TestCentre) -> int:
    with centre.context.storage.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(certificates)) or 0


def signed_parts(certificate: bytes) -> tuple[bytes, bytes]:
    parsed = x509.load_der_x509_certificate(certificate)
    return parsed.tbs_certificate_bytes, parsed.signature


def test_certificate_holds_what_was_approved(each_centre: TestCentre) -> None:
    subject = Subject(
        organization="宝鸡市人民政府办公室", common_name="张三", identity=Identity(resident_id=RESIDENT_ID)
    )
    issued = each_centre.issue(subject=subject)
    certificate = x509.load_der_x509_certificate(issued.certificate)
    assert certificate.serial_number == issued.serial
    assert certificate.subject.public_bytes() == subject.name()
    assert RESIDENT_ID.encode() in issued.certificate
    with each_centre.context.storage.reading() as connection:
        row = connection.execute(sa.select(certificates).where(certificates.c.serial == issued.serial)).one()
        issuer = authority_of(connection, "sm2-issuing")
    assert row.certificate == issued.certificate
    assert row.tbs == certificate.tbs_certificate_bytes
    assert row.subject == describe_name(subject.name())
    assert certificate.issuer.public_bytes() == issuer.subject


def test_sm2_signature_is_verified_by_gmssl(centre: TestCentre) -> None:
    tbs, signature = signed_parts(centre.issue().certificate)
    with centre.context.storage.reading() as connection:
        point = curve.point_of(authority_of(connection, "sm2-issuing").public_key_info)
    assert point
    assert GmsslEngine().verify(point, signature, tbs)
    assert not GmsslEngine().verify(point, signature, tbs[:-1] + bytes((tbs[-1] ^ 1,)))


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_3072])
def test_openssl_verifies_each_link_of_the_chain(centre: TestCentre, kind: KeyKind, tmp_path: Path) -> None:
    family = kind.value.split("-")[0]
    if family == "rsa":
        centre.build(kind)
    key = pooled_key("leaf", KeyKind.SM2 if family == "sm2" else KeyKind.RSA_2048)
    issued = centre.issue("unit", authority=f"{family}-issuing", key=key)
    links = [
        ("leaf", issued.certificate, "issuing"),
        ("issuing", certificate_of(centre.context.storage, f"{family}-issuing"), "root"),
        ("root", certificate_of(centre.context.storage, f"{family}-root"), "root"),
    ]
    for name, certificate, _issuer in links:
        (tmp_path / f"{name}.pem").write_bytes(pem.armor("CERTIFICATE", certificate))
    moment = str(int((centre.context.clock.now() + timedelta(hours=1)).timestamp()))
    for name, _certificate, issuer in links:
        options = ["-vfyopt", OPENSSL_ID] if family == "sm2" else []
        command = ["openssl", "verify", "-partial_chain", "-x509_strict", "-attime", moment, *options]
        command += ["-CAfile", str(tmp_path / f"{issuer}.pem"), str(tmp_path / f"{name}.pem")]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256])
def test_pkilint_finds_nothing_in_what_is_issued(centre: TestCentre, kind: KeyKind) -> None:
    if kind is not KeyKind.SM2:
        centre.build(KeyKind.RSA_3072)
    authority = "sm2-issuing" if kind is KeyKind.SM2 else "rsa-issuing"
    profiles = ["ocsp", "tsa", "operator", "unit", "staff"] + ["seal-maker"] * (kind is not KeyKind.P256)
    for profile in profiles:
        issued = centre.issue(profile, authority=authority, key=pooled_key(profile, kind))
        assert conformance.lint_certificate(issued.certificate) == []
    for name in (authority, authority.replace("issuing", "root")):
        assert conformance.lint_certificate(certificate_of(centre.context.storage, name)) == []


def test_batch_keeps_its_order_and_commits_with_the_callers_rows(each_centre: TestCentre) -> None:
    requests = [each_centre.request(profile) for profile in ("staff", "unit", "staff", "operator", "staff")]
    seen: list[IssuedCertificate] = []

    def recording(connection: sa.Connection, issued: object) -> None:
        assert isinstance(issued, list)
        seen.extend(issued)
        assert connection.scalar(sa.select(sa.func.count()).select_from(events).where(events.c.state == "valid"))

    issued = each_centre.ca.issue(requests, actor="operator", recording=recording)
    assert seen == issued
    assert [one.profile for one in issued] == ["staff", "unit", "staff", "operator", "staff"]
    for request, one in zip(requests, issued, strict=True):
        assert x509.load_der_x509_certificate(one.certificate).subject.public_bytes() == request.subject.name()
    assert len({one.serial for one in issued}) == 5


def test_no_requests_are_no_certificates(centre: TestCentre) -> None:
    assert centre.ca.issue([], actor="operator") == []


def test_nothing_comes_from_the_csr_but_the_key(centre: TestCentre) -> None:
    key = generate(KeyKind.SM2)
    csr = build_csr(key, Subject(organization="冒名单位", common_name="市长").name())
    request = ApprovedRequest("sm2-issuing", "staff", make_subject("staff"), csr, Approval("R1", b"d", ("李四",)))
    (issued,) = centre.ca.issue([request], actor="operator")
    assert "冒名".encode() not in issued.certificate
    assert "市长".encode() not in issued.certificate


def test_serial_numbers_are_long_random_and_positive(centre: TestCentre) -> None:
    issued = centre.ca.issue([centre.request() for _ in range(20)], actor="operator")
    serials = [one.serial for one in issued]
    assert len(set(serials)) == 20
    for serial in serials:
        assert serial.bit_length() == 145  # the prefix 01 and 18 random octets: 144 bits
    ones = sum((serial & (1 << 144) - 1).bit_count() for serial in serials)
    assert 0.4 < ones / (20 * 144) < 0.6


def test_a_broken_source_of_random_numbers_is_noticed(centre: TestCentre) -> None:
    centre.ca._random = bytes
    with pytest.raises(YinxinError, match="drawn twice") as caught:
        centre.ca.issue([centre.request(), centre.request()], actor="operator")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert rows(centre) == 2  # root and issuing authority


def test_one_wrong_request_refuses_the_whole_batch(centre: TestCentre) -> None:
    good, bad = centre.request(), centre.request(reference="R-bad")
    broken = ApprovedRequest(bad.authority, bad.profile, bad.subject, good.csr[:-1] + b"\x00", bad.approval)
    before = rows(centre)
    with pytest.raises(YinxinError) as caught:
        centre.ca.issue([good, broken], actor="operator")
    assert caught.value.subject == "R-bad"
    assert rows(centre) == before


def test_without_proof_of_possession_nothing_is_issued(centre: TestCentre) -> None:
    victim, thief = generate(KeyKind.SM2), generate(KeyKind.SM2)

    class Liar:
        algorithm = thief.algorithm
        public_key_info = victim.public_key_info

        def sign(self, data: bytes) -> bytes:
            return thief.sign(data)

    with pytest.raises(YinxinError, match="not by the key"):
        centre.issue(key=Liar())


@pytest.mark.parametrize("csr", [b"", b"\x30\x00", b"junk", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_what_is_no_request_is_refused(centre: TestCentre, csr: bytes) -> None:
    request = ApprovedRequest("sm2-issuing", "staff", make_subject("staff"), csr, Approval("R1", b"d", ("李四",)))
    with pytest.raises(YinxinError) as caught:
        centre.ca.issue([request], actor="operator")
    assert caught.value.kind is Kind.INVALID


def test_a_key_belongs_to_one_holder(each_centre: TestCentre) -> None:
    key = generate(KeyKind.SM2)
    each_centre.issue(key=key, subject=make_subject("staff", "张三"), reference="R1")
    with pytest.raises(YinxinError, match="another holder") as caught:
        each_centre.issue(key=key, subject=make_subject("staff", "李四"), reference="R2")
    assert caught.value.kind is Kind.CONFLICT
    for reference in ("R1", "R3"):
        with pytest.raises(YinxinError, match="certified already"):
            each_centre.issue(key=key, subject=make_subject("staff", "张三"), reference=reference)


def test_a_key_stands_once_in_a_batch(centre: TestCentre) -> None:
    key = generate(KeyKind.SM2)
    with pytest.raises(YinxinError) as caught:
        centre.ca.issue([centre.request(key=key), centre.request(key=key)], actor="operator")
    assert caught.value.kind is Kind.CONFLICT
    with centre.context.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(keys)) == 2


def test_an_authoritys_own_key_is_not_certified_for_others(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="another holder"):
        centre.issue(key=centre.keys.signer("sm2-issuing"))


@pytest.mark.parametrize("profile", ["root", "issuing"])
def test_the_registration_authority_cannot_have_a_ca_made(centre: TestCentre, profile: str) -> None:
    with pytest.raises(YinxinError, match="ceremony") as caught:
        centre.issue(profile)
    assert caught.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("authority", "profile"), [("sm2-issuing", "nothing"), ("nobody", "staff"), ("sm2-issuing", "")]
)
def test_unknown_authority_and_profile(centre: TestCentre, authority: str, profile: str) -> None:
    with pytest.raises(YinxinError) as caught:
        centre.issue(profile, authority=authority)
    assert caught.value.kind is Kind.NOT_FOUND


def test_approvals_are_counted_by_people(centre: TestCentre) -> None:
    request = centre.request()
    for approvers in ((), ("",) * 0):
        unapproved = ApprovedRequest(
            request.authority, request.profile, request.subject, request.csr, Approval("R", b"d", approvers)
        )
        with pytest.raises(YinxinError, match="approvals"):
            centre.ca.issue([unapproved], actor="operator")


def test_identity_fields_are_those_of_the_profile(centre: TestCentre) -> None:
    plain = Subject(organization="单位", common_name="名")
    with pytest.raises(YinxinError, match="requires credit_code"):
        centre.issue("unit", subject=plain)
    with pytest.raises(YinxinError, match="does not allow credit_code"):
        centre.issue("staff", subject=plain.model_copy(update={"identity": Identity(credit_code=CREDIT_CODE)}))
    both = Identity(resident_id=RESIDENT_ID, passport="E123")
    with pytest.raises(YinxinError, match="an extension stands twice"):
        centre.issue("staff", subject=plain.model_copy(update={"identity": both}))
    with pytest.raises(YinxinError, match="requires O"):
        centre.issue("staff", subject=Subject(common_name="名"))


def test_keys_of_the_wrong_family_are_refused(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="SM2 keys belong under SM2"):
        centre.issue(key=pooled_key("x", KeyKind.P256))
    with pytest.raises(YinxinError, match="allows no p384"):
        centre.issue(key=pooled_key("x", KeyKind.P384))


def test_no_certificate_outlives_its_issuer(centre: TestCentre, clock: FixedClock) -> None:
    clock.advance(timedelta(days=3650 - 1000))
    with pytest.raises(YinxinError, match="last longer") as caught:
        centre.issue()
    assert caught.value.kind is Kind.CONFLICT
    assert centre.issue("ocsp")
    clock.advance(timedelta(days=1001))
    with pytest.raises(YinxinError, match="expired on"):
        centre.issue("ocsp")


@pytest.mark.parametrize("act", ["revoke", "hold"])
def test_a_revoked_authority_issues_nothing(each_centre: TestCentre, act: str) -> None:
    with each_centre.context.storage.reading() as connection:
        serial = authority_of(connection, "sm2-issuing").serial
    assert serial
    if act == "hold":
        revocation.hold(each_centre.context, "sm2-root", serial, actor="keeper")
    else:
        revocation.revoke(each_centre.context, "sm2-root", serial, revocation.Reason.CA_COMPROMISE, actor="keeper")
    with pytest.raises(YinxinError, match="own certificate is") as caught:
        each_centre.issue()
    assert caught.value.kind is Kind.CONFLICT


def test_audit_tells_both_acts_and_no_identity_number(centre: TestCentre) -> None:
    subject = Subject(organization="单位", common_name="名", identity=Identity(resident_id=RESIDENT_ID))
    issued = centre.issue(subject=subject)
    with centre.context.storage.reading() as connection:
        told = connection.execute(sa.select(entries).order_by(entries.c.id)).all()
    acts = [row.act for row in told if row.subject == f"0{issued.serial:x}"]
    assert acts == ["ca.certificate.intend", "ca.certificate.issue"]
    for row in told:
        assert RESIDENT_ID.encode() not in row.entry
        assert CREDIT_CODE.encode() not in row.entry
