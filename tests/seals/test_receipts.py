"""Receipts: what they say is signed and timed, others' programs check them, and nothing else passes for one."""

from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import pem
from hypothesis import given, settings
from hypothesis import strategies as st

from core import cms
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.errors import YinxinError
from core.keys.private_key import generate
from seals.receipts import ReceiptReport, sign_receipt, verify_receipt
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from tests.support.openssl import openssl
from tests.support.pki import Party
from tests.support.sealing import Office

DOCUMENT = b"%PDF-1.7 a notice"


@pytest.fixture(scope="module")
def unit(rsa_office: Office) -> Party:
    return rsa_office.issuing.issue("陈仓区", key=generate(KeyKind.P256), not_before=rsa_office.start)


@pytest.fixture(scope="module")
def receipt(rsa_office: Office, unit: Party) -> bytes:
    return made(rsa_office, unit)


def made(office: Office, unit: Party, document: bytes = DOCUMENT) -> bytes:
    chain = [unit.certificate, *unit.chain]
    return sign_receipt(document, unit.key, chain, office.timestamper, office.clock, name="notice.pdf", note="收到")


def checked(office: Office, receipt: bytes, trust: Trust | None = None) -> ReceiptReport:
    return verify_receipt(receipt, DOCUMENT, trust or office.trust(status=True), office.clock)


def codes(report: ReceiptReport) -> list[str]:
    return [finding.code for finding in report.findings]


def test_a_receipt_says_who_got_what_and_when(rsa_office: Office, receipt: bytes) -> None:
    report = checked(rsa_office, receipt)
    assert (report.verdict, report.receiver, report.proven_at) == (Verdict.VALID, "陈仓区", rsa_office.clock.now())
    assert report.words is not None
    assert (report.words.size, report.words.document, report.words.note) == (len(DOCUMENT), "notice.pdf", "收到")


def test_openssl_checks_it_and_its_time_stamp(rsa_office: Office, receipt: bytes, tmp_path: Path) -> None:
    (tmp_path / "receipt").write_bytes(receipt)
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", rsa_office.root.certificate))
    at = str(int(rsa_office.clock.now().timestamp()))
    common = ("-CAfile", tmp_path / "root.pem", "-attime", at)
    content = openssl("cms", "-verify", "-inform", "DER", "-in", tmp_path / "receipt", "-purpose", "any", *common)
    assert content == cms.check(receipt).content
    (signer_info,) = asn1_cms.ContentInfo.load(receipt)["content"]["signer_infos"]
    (attribute,) = signer_info["unsigned_attrs"]
    assert attribute["type"].native == "signature_time_stamp_token"
    (tmp_path / "token").write_bytes(attribute["values"][0].dump())
    (tmp_path / "signature").write_bytes(signer_info["signature"].native)
    chain = b"".join(pem.armor("CERTIFICATE", der) for der in rsa_office.tsa.chain)
    (tmp_path / "chain.pem").write_bytes(chain)
    arguments = ("-token_in", "-in", tmp_path / "token", "-data", tmp_path / "signature")
    openssl("ts", "-verify", *arguments, "-untrusted", tmp_path / "chain.pem", *common)


def test_what_is_wrong_with_a_receipt(rsa_office: Office, sm2_office: Office, receipt: bytes, unit: Party) -> None:
    other = verify_receipt(receipt, DOCUMENT + b" ", rsa_office.trust(status=True), rsa_office.clock)
    assert (other.verdict, codes(other)) == (Verdict.INVALID, ["other-document"])
    stranger = checked(rsa_office, receipt, sm2_office.trust())
    assert stranger.verdict is Verdict.INDETERMINATE
    assert codes(stranger) == ["timestamp-not-trusted", "untrusted-issuer"]
    assert stranger.proven_at is None
    unknown = checked(rsa_office, receipt, rsa_office.trust())
    assert (unknown.verdict, codes(unknown)) == (Verdict.REMARKS, ["status-unknown"])
    statement = cms.sign(b'{"kind":"other"}', unit.key, unit.certificate)
    assert codes(checked(rsa_office, statement)) == ["no-receipt"]
    assert codes(checked(rsa_office, DOCUMENT)) == ["unreadable"]
    without = cms.sign(cms.check(receipt).content, unit.key, unit.certificate, others=unit.chain)
    assert "time-unproven" in codes(checked(rsa_office, without))


def test_the_time_stamp_of_another_receipt_proves_nothing(rsa_office: Office, receipt: bytes, unit: Party) -> None:
    (borrowed,) = cms.check(receipt).timestamps
    builder = cms.SignedDataBuilder(unit.key, unit.certificate, certificates=[unit.certificate, *unit.chain])
    forged = builder.build_timestamped(
        cms.check(receipt).content, lambda _signature: borrowed, signed_at=rsa_office.clock.now()
    )
    report = checked(rsa_office, forged)
    assert (report.verdict, codes(report)) == (Verdict.INVALID, ["timestamp-wrong"])


def test_revocation_counts_as_of_the_time_stamp(rsa_office: Office, unit: Party) -> None:
    clock = FixedClock(rsa_office.clock.now())
    office = Office(KeyKind.P256, clock)
    party = office.issuing.issue("陇县", key=generate(KeyKind.P256), not_before=office.start)
    before = made(office, party)
    clock.advance(timedelta(hours=1))
    (office.revoked)[_serial(party)] = clock.now()
    clock.advance(timedelta(hours=1))
    after = made(office, party)
    assert checked(office, before).verdict is Verdict.VALID
    assert (checked(office, after).verdict, codes(checked(office, after))) == (Verdict.INVALID, ["revoked"])


def _serial(party: Party) -> int:
    from asn1crypto import x509

    number: int = x509.Certificate.load(party.certificate).serial_number
    return number


def test_a_receipt_without_a_time_stamp_is_not_made(rsa_office: Office, sm2_office: Office, unit: Party) -> None:
    class Broken:
        def stamp(self, *_arguments: object) -> bytes:
            return b"no token"

    with pytest.raises(YinxinError, match="cannot be used"):
        sign_receipt(DOCUMENT, unit.key, [unit.certificate], Broken(), rsa_office.clock)
    with pytest.raises(YinxinError, match="does not belong"):
        sign_receipt(DOCUMENT, unit.key, [rsa_office.unit.certificate], rsa_office.timestamper, rsa_office.clock)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(rsa_office: Office, receipt: bytes, place: int, bit: int) -> None:
    changed = bytearray(receipt)
    changed[place % len(changed)] ^= 1 << bit
    report = checked(rsa_office, bytes(changed))
    if report.verdict is Verdict.VALID:
        # What nobody signed: certificates carried along, or how a length is written.
        assert report.words == checked(rsa_office, receipt).words
        assert report.proven_at == rsa_office.clock.now()
