"""Electronic seals explained and checked: ours and others', whole, changed, expired, and signatures made with them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import SM3, KeyKind
from core.asn1 import der
from core.asn1.ses_structures import CertificateListKind, Version
from core.asn1.ses_writing import OwnerKind, SealInfo, SealPicture, assemble_seal
from core.cli import run
from core.errors import YinxinError
from core.home import Home
from seals.cli import group
from seals.electronic.inspection import Inspection, inspect
from seals.electronic.making import Maker, make_seal
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from tests.interop.test_others_seals import SEALS
from tests.support import pki
from tests.support.sealing import NAME, Office, picture

SM2 = "1.2.156.10197.1.501"


@pytest.fixture(scope="module")
def maker(sm2_office: Office) -> Maker:
    party = sm2_office.issuing.issue("Seal Maker", kind=KeyKind.SM2, not_before=sm2_office.start)
    return Maker(party.key, party.certificate)


@pytest.fixture(scope="module")
def info(sm2_office: Office) -> SealInfo:
    now = sm2_office.clock.now()
    shown = SealPicture("PNG", picture(), 42, 42)
    until = now + timedelta(days=365)
    listed = [sm2_office.unit.certificate]
    return SealInfo("TEST", "0001", OwnerKind.UNIT, NAME, listed, now, now, until, shown)


@pytest.fixture(scope="module")
def trust(sm2_office: Office) -> Trust:
    return Trust([sm2_office.root.certificate], [sm2_office.issuing.certificate], sm2_office.crls())


def codes(inspection: Inspection) -> list[str]:
    return [finding.code for finding in inspection.findings]


@pytest.mark.parametrize("standard", [Version.GBT_38540_2020, Version.GMT_0031_2025])
@pytest.mark.parametrize("named", list(CertificateListKind))
def test_our_seals_hold(
    sm2_office: Office, maker: Maker, info: SealInfo, trust: Trust, standard: Version, named: CertificateListKind
) -> None:
    now = sm2_office.clock.now()
    one = replace(info, version=standard, certificate_list=named)
    seen = inspect(make_seal(one, maker, sm2_office.clock, sm2_office.timestamper), trust, now)
    assert (seen.verdict, seen.findings) == (Verdict.VALID, [])
    assert (seen.name, seen.version, seen.seal_id, seen.kind) == (NAME, standard, "0001", 1)
    assert (seen.image, seen.picture.kind, seen.picture.width_mm) == (picture(), "PNG", 42)
    assert seen.timestamp == (now if standard is Version.GMT_0031_2025 else None)
    (listed,) = seen.certificates
    if named is CertificateListKind.DIGESTS:
        assert (listed.certificate, listed.digest) == (None, SM3.of(sm2_office.unit.certificate).hex())
    else:
        assert listed.certificate is not None
        assert NAME in listed.certificate.subject
    assert json.loads(json.dumps(seen.as_json()))["verdict"] == "valid"


def test_what_is_wrong_is_found(sm2_office: Office, maker: Maker, info: SealInfo, trust: Trust) -> None:
    now = sm2_office.clock.now()
    whole = make_seal(info, maker, sm2_office.clock)
    assert codes(inspect(whole.replace(b"0001", b"0002"), trust, now)) == ["maker-signature"]
    assert codes(inspect(whole, trust, now + timedelta(days=366))) == ["expired"]
    assert codes(inspect(whole, trust, now - timedelta(days=1))) == ["not-yet-valid"]
    assert codes(inspect(whole, Trust(()), now)) == ["maker-untrusted"]
    assert inspect(whole, Trust(()), now).verdict is Verdict.INDETERMINATE
    without_lists = Trust(trust.anchors, trust.certificates)
    assert codes(inspect(whole, without_lists, now)) == ["maker-status"]
    assert inspect(whole, without_lists, now).verdict is Verdict.REMARKS


def test_a_time_stamp_over_something_else_is_found(
    sm2_office: Office, maker: Maker, info: SealInfo, trust: Trust
) -> None:
    now = sm2_office.clock.now()
    signed = replace(info, version=Version.GMT_0031_2025).encoded()
    token = sm2_office.timestamper.stamp(SM3, SM3.of(b"something else"), 1)
    seal = assemble_seal(signed, maker.certificate, SM2, maker.signer.sign(signed), token)
    assert codes(inspect(seal, trust, now)) == ["timestamp"]
    seal = assemble_seal(signed, maker.certificate, SM2, maker.signer.sign(signed))
    assert codes(inspect(seal, trust, now)) == ["no-timestamp"]


def test_a_maker_who_could_not_make_it_is_found(sm2_office: Office, info: SealInfo, trust: Trust) -> None:
    now = sm2_office.clock.now()

    def made_by(party: pki.Party) -> bytes:
        signed = info.encoded()
        return assemble_seal(signed, party.certificate, SM2, party.key.sign(signed))

    issuing = sm2_office.issuing
    other = issuing.issue("E", kind=KeyKind.SM2, not_before=sm2_office.start, usages=(pki.CRL_SIGN,))
    assert codes(inspect(made_by(other), trust, now)) == ["maker-usage"]
    expired = issuing.issue("X", kind=KeyKind.SM2, not_before=sm2_office.start, days=5)
    assert codes(inspect(made_by(expired), trust, now)) == ["maker-validity"]


def test_a_revoked_maker_is_found_only_if_revoked_before(
    sm2_office: Office, maker: Maker, info: SealInfo, trust: Trust
) -> None:
    from asn1crypto import x509

    now = sm2_office.clock.now()
    seal = make_seal(info, maker, sm2_office.clock)
    serial = x509.Certificate.load(maker.certificate).serial_number
    for days, found in ((-1, ["maker-revoked"]), (1, [])):
        crl = sm2_office.issuing.crl(now, {serial: now + timedelta(days=days)}, 30)
        assert codes(inspect(seal, Trust(trust.anchors, trust.certificates, [crl]), now)) == found
    # A list that somebody else has signed says nothing.
    other = Office(KeyKind.SM2, sm2_office.clock).issuing.crl(now, {serial: now - timedelta(days=1)}, 30)
    assert codes(inspect(seal, Trust(trust.anchors, trust.certificates, [other]), now)) == ["maker-status"]


def signature_with(seal: bytes, office: Office, certificate: bytes, *, token: bool = False) -> bytes:
    """SES_Signature of GB/T 38540-2020."""
    to_sign = der.sequence(
        der.integer(4),
        seal,
        der.generalized_time(office.clock.now()),
        der.bit_string(SM3.of(b"document")),
        der.ia5("/Doc_0/Signs/Sign_0/Signature.xml"),
    )
    value = office.unit.key.sign(to_sign)
    stamp = office.timestamper.stamp(SM3, SM3.of(value), 1) if token else b""
    extra = der.explicit(0, der.bit_string(stamp)) if token else b""
    return der.sequence(to_sign, der.octet_string(certificate), der.oid(SM2), der.bit_string(value), extra)


def test_a_signature_made_with_a_seal(sm2_office: Office, maker: Maker, info: SealInfo, trust: Trust) -> None:
    now, unit = sm2_office.clock.now(), sm2_office.unit.certificate
    for named in CertificateListKind:
        seal = make_seal(replace(info, certificate_list=named), maker, sm2_office.clock)
        seen = inspect(signature_with(seal, sm2_office, unit, token=True), trust, now)
        assert (seen.verdict, seen.findings) == (Verdict.VALID, [])
        assert seen.signature is not None
        assert (seen.signature.data_hash, seen.signature.timestamp) == (SM3.of(b"document").hex(), now)
        stranger = inspect(signature_with(seal, sm2_office, maker.certificate), trust, now)
        assert codes(stranger) == ["signature", "stranger"]


@pytest.mark.skipif(not SEALS.is_dir(), reason=f"no seals of others in {SEALS}")
@pytest.mark.parametrize(
    ("name", "standard", "found"),
    [
        ("UserV1.esl", "GM/T 0031-2014", ["maker-odd-usage", "maker-untrusted"]),
        ("UserV4.esl", "GB/T 38540-2020", ["maker-odd-usage", "maker-untrusted"]),
        ("UserV5.esl", "GM/T 0031-2025", ["maker-odd-usage", "maker-validity", "no-timestamp"]),
        ("SignedValueV4.dat", "GB/T 38540-2020", ["maker-odd-usage", "maker-untrusted"]),
    ],
)
def test_seals_of_others(name: str, standard: str, found: list[str]) -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC) if "V5" in name else datetime(2021, 5, 1, tzinfo=UTC)
    data = (SEALS / name).read_bytes()
    seen = inspect(data, Trust(()), at)
    assert (seen.standard, codes(seen)) == (standard, found)
    assert seen.image.startswith(b"\x89PNG")
    place = data.index(seen.seal_id.encode())
    changed = data[:place] + b"!" + data[place + 1 :]
    assert "maker-signature" in codes(inspect(changed, Trust(()), at))


@pytest.fixture(scope="module")
def small_seal(sm2_office: Office, maker: Maker, info: SealInfo) -> bytes:
    return make_seal(replace(info, picture=SealPicture("PNG", b"picture", 42, 42)), maker, sm2_office.clock)


@settings(max_examples=150, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_whatever_is_changed_is_an_error_or_found(
    sm2_office: Office, small_seal: bytes, trust: Trust, share: float, change: int
) -> None:
    """No octet of a seal can be another."""
    changed = bytearray(small_seal)
    changed[int(share * len(changed))] ^= change
    try:
        seen = inspect(bytes(changed), trust, sm2_office.clock.now())
    except YinxinError:
        return
    assert seen.verdict is not Verdict.VALID


@given(st.binary(max_size=60))
def test_anything_else_is_an_error(data: bytes) -> None:
    with pytest.raises(YinxinError, match="not an electronic seal"):
        inspect(data, Trust(()), datetime(2026, 1, 1, tzinfo=UTC))


def test_the_command_explains_a_seal_and_writes_its_picture(
    tmp_path: Path, sm2_office: Office, maker: Maker, info: SealInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    seal, shown = tmp_path / "office.esl", tmp_path / "office.png"
    seal.write_bytes(make_seal(info, maker, sm2_office.clock))
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "root.der").write_bytes(sm2_office.root.certificate)
    (tmp_path / "issuing.der").write_bytes(sm2_office.issuing.certificate)
    (tmp_path / "issuing.crl").write_bytes(sm2_office.crls()[0])
    (tmp_path / "text").write_text("text")

    def yinxin(*arguments: Any) -> int:
        @click.group()
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = Home(tmp_path / "none", sm2_office.clock)

        front_door.add_command(group, "seals")
        return run(front_door, ["seals", *map(str, arguments)])

    known = ("--trust", tmp_path / "roots", "--issuer", tmp_path / "issuing.der", "--crl", tmp_path / "issuing.crl")
    assert yinxin("inspect", seal, *known, "--picture", shown) == 0
    assert shown.read_bytes() == picture()
    words = capsys.readouterr().out
    assert all(text in words for text in (NAME, "GB/T 38540-2020", "Seal Maker", "valid", "42 × 42 mm"))
    assert yinxin("inspect", seal, "--json") == 2
    assert json.loads(capsys.readouterr().out)["findings"][0]["code"] == "maker-untrusted"
    assert yinxin("inspect", tmp_path / "text") == 2
    assert "not an electronic seal" in capsys.readouterr().err
