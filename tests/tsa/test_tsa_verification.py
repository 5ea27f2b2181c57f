"""Verification: what holds is explained, and every way of being wrong has its own words."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import cms
from core.algorithms import SHA256, SM3, Digest, KeyKind
from core.asn1 import der
from core.clock import FixedClock
from core.errors import YinxinError
from tests.support.pki import OCSP_SIGNING, TIME_STAMPING, Party, root
from tests.support.tsa import KINDS, Stamps, make_stamps
from tsa.authority import TimeStampAuthority
from tsa.request import MessageImprint
from tsa.response import PKIFailureInfo, find_token, granted, rejected, token_of
from tsa.token import TST_INFO, TokenBuilder
from tsa.verification import read_token, verify_token

DOCUMENT = "关于印发电子印章管理办法的通知".encode()
IMPRINT = MessageImprint.of(SM3, SM3.of(DOCUMENT))


def info_at(clock: FixedClock, *, oid: str = SM3.oid, value: bytes = IMPRINT.value, version: int = 1) -> bytes:
    imprint = der.sequence(der.sequence(der.oid(oid)), der.octet_string(value))
    moment = der.generalized_time(clock.now())
    return der.sequence(der.integer(version), der.oid("1.2.3"), imprint, der.integer(9), moment)


@pytest.mark.parametrize("unit", ["sm2", "rsa", "p256"])
@pytest.mark.parametrize("digest", [SM3, SHA256], ids=lambda digest: digest.name)
def test_a_good_token(
    authority: TimeStampAuthority, stamps: Stamps, clock: FixedClock, unit: str, digest: Digest
) -> None:
    token = authority.stamp(digest, digest.of(DOCUMENT), unit=unit, nonce=3)
    stamped = verify_token(token, lambda asked: asked.of(DOCUMENT), stamps.anchors)
    assert (stamped.gen_time, stamped.nonce, stamped.accuracy) == (clock.now(), 3, timedelta(seconds=1))
    assert stamped.authority == f"C=CN, O=Test, CN=TSA {KINDS[unit]}"
    hierarchy = stamps.hierarchies[unit]
    expected = (hierarchy.tsa.certificate, hierarchy.issuing.certificate, hierarchy.root.certificate)
    assert stamped.path(stamps.anchors) == expected


def test_another_document(authority: TimeStampAuthority, stamps: Stamps) -> None:
    token = authority.stamp(SM3, IMPRINT.value)
    with pytest.raises(YinxinError, match=r"something else.*changed after it was stamped"):
        verify_token(token, lambda digest: digest.of(DOCUMENT + b"!"), stamps.anchors)


def test_another_root_of_the_same_name(authority: TimeStampAuthority) -> None:
    token = authority.stamp(SM3, IMPRINT.value)
    with pytest.raises(YinxinError, match="no trusted issuer"):
        verify_token(token, lambda digest: digest.of(DOCUMENT), make_stamps().anchors)


def test_a_token_without_certificates(authority: TimeStampAuthority, stamps: Stamps) -> None:
    token = authority.stamp(SM3, IMPRINT.value, include_certificates=False)
    with pytest.raises(YinxinError, match="signer's certificate is not in the message"):
        read_token(token)
    hierarchy = stamps.hierarchies["sm2"]
    others = [hierarchy.issuing.certificate, hierarchy.tsa.certificate]
    assert verify_token(token, lambda digest: digest.of(DOCUMENT), stamps.anchors, others).serial


def test_the_signer_is_picked_by_its_digest_not_by_order(stamps: Stamps, clock: FixedClock) -> None:
    """Two certificates with the same issuer, serial and key: only one is the one that signed (RFC 5035)."""
    hierarchy = stamps.hierarchies["sm2"]
    mine = hierarchy.tsa
    assert mine.issuer is not None
    twin_issuer = Party(mine.issuer.name, mine.issuer.key, mine.issuer.certificate, mine.issuer.issuer, issued=0)
    twin = twin_issuer.issue("Twin", extended=(TIME_STAMPING,), not_before=clock.now())
    assert cms.issuer_and_serial(twin.certificate) == cms.issuer_and_serial(mine.certificate)
    for bag in ([twin.certificate, mine.certificate], [mine.certificate, twin.certificate]):
        builder = cms.SignedDataBuilder(mine.key, mine.certificate, content_type=TST_INFO, certificates=bag)
        assert read_token(builder.build(info_at(clock))).certificate == mine.certificate
    alone = cms.SignedDataBuilder(mine.key, mine.certificate, content_type=TST_INFO, certificates=[twin.certificate])
    with pytest.raises(YinxinError, match="not in the message"):
        read_token(alone.build(info_at(clock)))


@pytest.mark.parametrize("purposes", [(), (OCSP_SIGNING,), (TIME_STAMPING, OCSP_SIGNING)])
def test_a_certificate_for_something_else(stamps: Stamps, clock: FixedClock, purposes: tuple[str, ...]) -> None:
    other = stamps.hierarchies["sm2"].issuing.issue("Other", extended=purposes, not_before=clock.now())
    builder = TokenBuilder(other.key, other.certificate, [], policy="1.2.3", accuracy_seconds=1)
    draft = builder.draft(IMPRINT, serial=1, gen_time=clock.now(), nonce=None, include_certificates=True)
    token = draft.signed()
    with pytest.raises(YinxinError, match="only extended key usage"):
        read_token(token)


def test_a_certificate_of_another_time(stamps: Stamps, clock: FixedClock) -> None:
    unit = stamps.hierarchies["sm2"].issuing.issue("Short", extended=(TIME_STAMPING,), not_before=clock.now(), days=10)
    builder = TokenBuilder(unit.key, unit.certificate, [], policy="1.2.3", accuracy_seconds=1)
    issuers = [stamps.hierarchies["sm2"].issuing.certificate]

    def stamp_after(by: timedelta) -> bytes:
        moment = clock.now() + by
        return builder.draft(IMPRINT, serial=1, gen_time=moment, nonce=None, include_certificates=True).signed()

    def verify(token: bytes) -> None:
        verify_token(token, lambda digest: digest.of(DOCUMENT), stamps.anchors, issuers)

    # Judged at the time given: that the certificate has ended since does not matter.
    verify(stamp_after(timedelta(days=10)))
    for outside in (timedelta(seconds=-1), timedelta(days=10, seconds=1)):
        with pytest.raises(YinxinError, match="was not valid at"):
            verify(stamp_after(outside))


def test_an_end_entity_that_plays_authority(stamps: Stamps, clock: FixedClock) -> None:
    staff = stamps.hierarchies["sm2"].issuing.issue("Staff", not_before=clock.now())
    forged = staff.issue("TSA", extended=(TIME_STAMPING,), not_before=clock.now())
    chain = [staff.certificate, *staff.chain]
    builder = TokenBuilder(forged.key, forged.certificate, chain, policy="1.2.3", accuracy_seconds=1)
    draft = builder.draft(IMPRINT, serial=1, gen_time=clock.now(), nonce=None, include_certificates=True)
    token = draft.signed()
    with pytest.raises(YinxinError, match="not that of a certificate authority"):
        verify_token(token, lambda digest: digest.of(DOCUMENT), stamps.anchors)


def test_an_authority_below_that_has_signed_only_its_name(stamps: Stamps, clock: FixedClock) -> None:
    """The issuer's name fits, the signature is another's."""
    real = stamps.hierarchies["sm2"].root
    impostor = root(KeyKind.SM2, not_before=clock.now(), common_name="Root sm2")
    assert impostor.name == real.name
    unit = impostor.issue("TSA", extended=(TIME_STAMPING,), not_before=clock.now())
    builder = TokenBuilder(unit.key, unit.certificate, [], policy="1.2.3", accuracy_seconds=1)
    draft = builder.draft(IMPRINT, serial=1, gen_time=clock.now(), nonce=None, include_certificates=True)
    token = draft.signed()
    with pytest.raises(YinxinError, match="no trusted issuer"):
        verify_token(token, lambda digest: digest.of(DOCUMENT), [real.certificate])


FAULTS: dict[str, tuple[Callable[[FixedClock], bytes], str, str]] = {
    "no TSTInfo": (lambda _clock: b"hello", TST_INFO, "not a TSTInfo"),
    "another content": (lambda clock: info_at(clock), cms.DATA, "not a time-stamp token"),
    "version 2": (lambda clock: info_at(clock, version=2), TST_INFO, "not a TSTInfo"),
    "a digest of 31 octets": (lambda clock: info_at(clock, value=bytes(31)), TST_INFO, "not a TSTInfo"),
    "SHA-1": (lambda clock: info_at(clock, oid="1.3.14.3.2.26", value=bytes(20)), TST_INFO, "proves nothing"),
    "an unknown digest": (lambda clock: info_at(clock, oid="1.2.3"), TST_INFO, "unknown digest"),
}


@pytest.mark.parametrize(("content", "content_type", "words"), FAULTS.values(), ids=FAULTS)
def test_signed_but_no_token(
    stamps: Stamps, clock: FixedClock, content: Callable[[FixedClock], bytes], content_type: str, words: str
) -> None:
    unit = stamps.hierarchies["sm2"].tsa
    with pytest.raises(YinxinError, match=words):
        read_token(cms.sign(content(clock), unit.key, unit.certificate, content_type=content_type))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), octet=st.integers(1, 255))
def test_a_changed_octet_is_noticed(authority: TimeStampAuthority, place: int, octet: int) -> None:
    """Whatever is changed: an error in words, or a token that says the same (an unsigned part was hit)."""
    token = authority.stamp(SM3, IMPRINT.value)
    stamped = read_token(token)
    changed = bytearray(token)
    changed[place % len(token)] ^= octet
    try:
        reread = read_token(bytes(changed))
    except YinxinError:
        return
    assert (reread.gen_time, reread.imprint, reread.serial, reread.certificate) == (
        stamped.gen_time,
        stamped.imprint,
        stamped.serial,
        stamped.certificate,
    )


@given(st.binary(max_size=300))
def test_random_octets_are_no_token(data: bytes) -> None:
    for reader in (read_token, token_of, find_token):
        with pytest.raises(YinxinError):
            reader(data)


def test_token_or_response(authority: TimeStampAuthority) -> None:
    token = authority.stamp(SM3, IMPRINT.value)
    assert find_token(token) == find_token(granted(token)) == token_of(granted(token)) == token
    with pytest.raises(YinxinError, match="refused: time_not_available - the clock"):
        find_token(rejected(PKIFailureInfo.TIME_NOT_AVAILABLE, "the clock is behind"))
    with pytest.raises(YinxinError, match="carries none"):
        token_of(der.sequence(der.sequence(der.integer(0))))


@pytest.mark.parametrize("dotted", ["1.2.156.10197.1.501", "1.2.156.10197.1.301.1"])
def test_the_shape_of_gmt_0010(authority: TimeStampAuthority, stamps: Stamps, dotted: str) -> None:
    """GM/T 0033 puts SM2 tokens into the ContentInfo of GM/T 0010; the signature covers neither of its names."""
    token = authority.stamp(SM3, IMPRINT.value)
    body = asn1_cms.ContentInfo.load(token)["content"]
    (signer,) = body["signer_infos"]
    ours = der.sequence(der.oid("1.2.156.10197.1.501"))
    theirs = der.sequence(der.oid(dotted), der.NULL)
    inside = b"".join(
        body[name].dump() for name in ("version", "digest_algorithms", "encap_content_info", "certificates")
    )
    fields = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    parts = [signer[name].dump() for name in fields]
    assert parts[4] == ours
    parts[4] = theirs
    signed_data = der.sequence(inside, der.set_of(der.sequence(*parts)))
    gm = der.sequence(der.oid("1.2.156.10197.6.1.4.2.2"), der.explicit(0, signed_data))
    assert read_token(gm) == read_token(token)
    assert verify_token(gm, lambda digest: digest.of(DOCUMENT), stamps.anchors).serial
    with pytest.raises(YinxinError, match="the message was changed"):
        read_token(gm[:-1] + bytes((gm[-1] ^ 1,)))
