"""Certificate requests: ours read by OpenSSL, those of OpenSSL read by us, and only the key's holder gets through."""

from pathlib import Path

import pytest
from asn1crypto import pem
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import ECDSA_P256_SHA256, KeyKind, algorithm_by_identifier
from core.asn1 import der
from core.asn1.names import describe_name, encode_name
from core.csr import MAXIMUM_SIZE, CertificationRequest, build_csr, parse_csr
from core.errors import Kind, YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support.keys import EVERY_ALGORITHM, KINDS, key_of, signer_of
from tests.support.openssl import SM2_ID, openssl, openssl_says

NAME = encode_name((("C", "CN"), ("O", "宝鸡市人民政府办公室"), ("CN", "张三")))
OURS = {kind: build_csr(key_of(kind), NAME) for kind in KINDS}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM, ids=lambda algorithm: algorithm.name)
def test_what_we_build_we_read(algorithm: object) -> None:
    key = next(signer_of(known) for known in EVERY_ALGORITHM if known is algorithm)
    request = parse_csr(build_csr(key, NAME))
    request.check_possession()
    assert request.public_key_info == key.public_key_info
    assert request.algorithm is key.algorithm
    assert request.subject == NAME


@EACH_KIND
def test_openssl_verifies_ours(kind: KeyKind, tmp_path: Path) -> None:
    file = tmp_path / "request.der"
    file.write_bytes(OURS[kind])
    options = ("-vfyopt", SM2_ID) if kind is KeyKind.SM2 else ()
    verify = ("req", "-inform", "DER", "-in", file, "-verify", "-noout", *options)
    assert "verify OK" in openssl_says(*verify)
    assert "张三" in openssl(*verify, "-subject", "-nameopt", "utf8").decode()
    file.write_bytes(OURS[kind].replace("张三".encode(), "李四".encode()))
    assert "verify failure" in openssl_says(*verify)


def test_gmssl_verifies_ours() -> None:
    request = parse_csr(OURS[KeyKind.SM2])
    point = curve.point_of(request.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, request.signature, request.signed)


def made_by_openssl(*key: str, options: tuple[str, ...] = ()) -> bytes:
    made = openssl("genpkey", *key)
    return openssl("req", "-new", "-key", "/dev/stdin", "-utf8", "-subj", "/C=CN/CN=李四", *options, data=made)


@pytest.mark.parametrize(
    ("key", "options", "algorithm"),
    [
        (("-algorithm", "SM2"), ("-sm3", "-sigopt", SM2_ID), "sm2-sm3"),
        (("-algorithm", "RSA"), ("-sha256",), "rsa-sha256"),
        (("-algorithm", "RSA"), ("-sha384",), "rsa-sha384"),
        (
            ("-algorithm", "RSA"),
            ("-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"),
            "rsa-pss-sha256",
        ),
        (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"), ("-sha256",), "ecdsa-p256-sha256"),
        (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"), ("-sha384",), "ecdsa-p384-sha384"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_we_read_those_of_openssl(key: tuple[str, ...], options: tuple[str, ...], algorithm: str) -> None:
    armoured = made_by_openssl(*key, options=options)
    for data in (armoured, armoured.replace(b"\n", b"\r\n"), pem.unarmor(armoured)[2]):
        request = parse_csr(data)
        request.check_possession()
        assert request.algorithm.name == algorithm
        assert describe_name(request.subject) == "C=CN, CN=李四"


def test_sm2_with_the_empty_identity_is_refused_with_a_hint() -> None:
    """What OpenSSL makes unless told otherwise."""
    request = parse_csr(made_by_openssl("-algorithm", "SM2", options=("-sm3",)))
    with pytest.raises(YinxinError, match="not by the key in it") as caught:
        request.check_possession()
    assert "1234567812345678" in caught.value.remedy


def reassembled(request: CertificationRequest, **changes: bytes) -> bytes:
    parts = {"signed": request.signed, "identifier": request.algorithm.identifier, "signature": request.signature}
    parts |= changes
    return der.sequence(parts["signed"], parts["identifier"], der.bit_string(parts["signature"]))


@EACH_KIND
def test_a_request_signed_by_another_key_is_refused(kind: KeyKind) -> None:
    request = parse_csr(OURS[kind])
    thief = key_of(KeyKind.P384 if kind is KeyKind.P256 else KeyKind.P256)
    stolen = reassembled(request, signature=thief.sign(request.signed), identifier=thief.algorithm.identifier)
    for data in (reassembled(request, signature=request.signature[:-1] + b"\x00"), stolen):
        with pytest.raises(YinxinError, match="not by the key in it"):
            parse_csr(data).check_possession()


@EACH_KIND
def test_no_other_subject_can_be_put_in(kind: KeyKind) -> None:
    request = parse_csr(OURS[kind])
    signed = request.signed.replace("张三".encode(), "李四".encode())
    assert signed != request.signed
    with pytest.raises(YinxinError, match="not by the key in it"):
        parse_csr(reassembled(request, signed=signed)).check_possession()


def test_a_curve_that_is_not_ours_is_refused() -> None:
    made = made_by_openssl("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1", options=("-sha256",))
    assert parse_csr(made).algorithm is ECDSA_P256_SHA256
    with pytest.raises(YinxinError, match="a kind of key that is not made here") as caught:
        parse_csr(made).check_possession()
    assert "p384" in caught.value.remedy


@pytest.mark.parametrize("digest", ["-sha1", "-sha224", "-md5"])
def test_a_digest_that_is_not_ours_is_refused(digest: str) -> None:
    made = made_by_openssl("-algorithm", "RSA", options=(digest,))
    with pytest.raises(YinxinError, match="unknown signature algorithm") as caught:
        parse_csr(made)
    assert caught.value.kind is Kind.UNSUPPORTED


def test_a_request_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(YinxinError, match="larger than"):
        parse_csr(b"\x30\x83\x01\x00\x00" + bytes(MAXIMUM_SIZE))


JUNK = {
    "nothing": b"",
    "text": b"Dear CA, please certify me.",
    "an empty sequence": der.sequence(),
    "a certificate": b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    "armour without an end": b"-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n",
    "armour around nothing": b"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
    "octets after it": OURS[KeyKind.SM2] + b"\x00",
    "cut short": OURS[KeyKind.SM2][:-1],
    "deep": b"\x30\x80" * 5000,
}


@pytest.mark.parametrize("case", JUNK)
def test_junk_is_refused_in_words(case: str) -> None:
    with pytest.raises(YinxinError, match="not a certificate request") as caught:
        parse_csr(JUNK[case])
    assert caught.value.kind is Kind.INVALID


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    for attempt in (data, der.sequence(data), pem.armor("CERTIFICATE REQUEST", data)):
        with pytest.raises(YinxinError):
            parse_csr(attempt)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4))
def test_a_changed_request_never_passes(kind: KeyKind, place: float, damage: bytes) -> None:
    """Every octet of a request is signed, or is the signature, or names its algorithm."""
    original = OURS[kind]
    position = int(place * len(original))
    data = original[:position] + damage + original[position + len(damage) :]
    try:
        request = parse_csr(data)
        request.check_possession()
    except YinxinError as error:
        assert "\n" not in str(error)
    else:
        genuine = parse_csr(original)
        assert (request.public_key_info, request.subject) == (genuine.public_key_info, genuine.subject)
        assert request.signed == genuine.signed


def test_the_algorithm_is_the_one_written() -> None:
    for kind, data in OURS.items():
        assert parse_csr(data).algorithm is algorithm_by_identifier(kind.default_algorithm.identifier)


@EACH_KIND
def test_a_request_that_is_not_der_is_refused(kind: KeyKind) -> None:
    """RFC 2986 3: what is signed is DER; a second way to write it would be a second request for the same key."""
    request = parse_csr(OURS[kind])
    content = request.signed + request.algorithm.identifier + der.bit_string(request.signature)
    long_form = b"\x30\x84" + len(content).to_bytes(4, "big") + content
    for data in (long_form, b"\x30\x80" + content + b"\x00\x00", der.tlv(0x31, content)):
        with pytest.raises(YinxinError, match="not a certificate request"):
            parse_csr(data)


def test_a_request_without_attributes_is_read() -> None:
    """They are not optional (RFC 2986 4.1), and some leave them out."""
    key = key_of(KeyKind.SM2)
    info = der.sequence(der.integer(0), NAME, key.public_key_info)
    data = der.sequence(info, key.algorithm.identifier, der.bit_string(key.sign(info)))
    request = parse_csr(data)
    request.check_possession()
    assert (request.encoded, request.signed, request.subject) == (data, info, NAME)
    two = der.sequence(der.integer(0), NAME, key.public_key_info, der.tlv(0xA0, b""), der.tlv(0xA0, b""))
    with pytest.raises(YinxinError, match="not a certificate request"):
        parse_csr(der.sequence(two, key.algorithm.identifier, der.bit_string(key.sign(two))))
