"""The one signature check: every algorithm, right and wrong key, and OpenSSL's opinion of the same signature."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

from core.algorithms import ECDSA_P256_SHA256, RSA_PSS_SHA256, SM2_SM3, Algorithm, Family, KeyKind
from core.asn1 import der
from core.keys.private_key import PycaKey
from core.keys.verification import InvalidSignature, message_digest, verify, verify_digest
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support.keys import EVERY_ALGORITHM, KINDS, key_of, signer_of
from tests.support.openssl import SM2_ID, verifies

DATA = "宝鸡市人民政府办公室".encode()
EACH = pytest.mark.parametrize("algorithm", EVERY_ALGORITHM, ids=lambda algorithm: algorithm.name)


def options_of(algorithm: Algorithm) -> list[str]:
    if algorithm.family is Family.SM2:
        return [SM2_ID]
    if algorithm.family is Family.RSA_PSS:
        return ["rsa_padding_mode:pss", "rsa_pss_saltlen:digest"]
    return []


@EACH
def test_a_signature_is_verified_here_and_by_openssl(algorithm: Algorithm, tmp_path: Path) -> None:
    key = signer_of(algorithm)
    signature = key.sign(DATA)
    verify(key.public_key_info, algorithm, signature, DATA)
    digest, options = algorithm.digest.name, options_of(algorithm)
    assert verifies(tmp_path, key.public_key_info, signature, DATA, digest, options)
    assert not verifies(tmp_path, key.public_key_info, signature, DATA + b".", digest, options)


@EACH
def test_data_signed_piece_by_piece_bear_the_same_signature(algorithm: Algorithm) -> None:
    signer = signer_of(algorithm)
    digest = message_digest(signer.public_key_info, algorithm)
    for piece in (b"data in ", b"two pieces"):
        digest.update(piece)
    value = digest.digest()
    signature = signer.sign_digest(value)
    verify(signer.public_key_info, algorithm, signature, b"data in two pieces")
    verify_digest(signer.public_key_info, algorithm, signature, value)


def test_sm2_signatures_are_verified_by_gmssl() -> None:
    key = key_of(KeyKind.SM2)
    point = curve.point_of(key.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, key.sign(DATA), DATA)


@EACH
def test_other_data_and_damaged_signatures_are_refused(algorithm: Algorithm) -> None:
    key = signer_of(algorithm)
    signature = key.sign(DATA)
    wrong = [
        (signature, DATA + b"\x00"),
        (signature, b""),
        (b"", DATA),
        (signature[:-1], DATA),
        (signature + b"\x00", DATA),
        (signature[:-1] + bytes([signature[-1] ^ 1]), DATA),
        (bytes(len(signature)), DATA),
    ]
    for bad, data in wrong:
        with pytest.raises(InvalidSignature):
            verify(key.public_key_info, algorithm, bad, data)


@EACH
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_another_family_has_signed_nothing(algorithm: Algorithm, kind: KeyKind) -> None:
    other = key_of(kind)
    for signature in (signer_of(algorithm).sign(DATA), other.sign(DATA)):
        if other.algorithm is algorithm and other.public_key_info == signer_of(algorithm).public_key_info:
            continue  # its own key
        if {other.algorithm.family, algorithm.family} == {Family.RSA, Family.RSA_PSS}:
            continue  # one key for both; the next test is about them
        if other.algorithm.family is algorithm.family:
            continue
        with pytest.raises(InvalidSignature):
            verify(other.public_key_info, algorithm, signature, DATA)


@EACH
@pytest.mark.parametrize("other", EVERY_ALGORITHM, ids=lambda algorithm: f"as {algorithm.name}")
def test_a_signature_counts_only_for_its_own_algorithm(algorithm: Algorithm, other: Algorithm) -> None:
    if algorithm is other:
        return
    key = signer_of(algorithm)
    with pytest.raises(InvalidSignature):
        verify(key.public_key_info, other, key.sign(DATA), DATA)


def test_the_salt_of_pss_has_the_length_of_the_digest() -> None:
    key = signer_of(RSA_PSS_SHA256)
    assert isinstance(key, PycaKey)
    for length, good in ((32, True), (0, False), (20, False)):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), length)
        signature = key.key.sign(DATA, scheme, hashes.SHA256())  # type: ignore[call-arg, arg-type]
        if good:
            verify(key.public_key_info, RSA_PSS_SHA256, signature, DATA)
        else:
            with pytest.raises(InvalidSignature):
                verify(key.public_key_info, RSA_PSS_SHA256, signature, DATA)


@pytest.mark.parametrize("other", [ec.SECP256K1(), ec.SECP521R1(), ec.BrainpoolP256R1(), ec.SECP224R1()])
def test_curves_that_are_not_ours_have_signed_nothing(other: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(other)
    info = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InvalidSignature):
        verify(info, ECDSA_P256_SHA256, key.sign(DATA, ec.ECDSA(hashes.SHA256())), DATA)


def ed25519_key() -> bytes:
    return (
        ed25519.Ed25519PrivateKey.generate()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


@EACH
def test_what_is_no_public_key_has_signed_nothing(algorithm: Algorithm) -> None:
    own = signer_of(algorithm).public_key_info
    for info in (b"", b"\x30\x00", own[:-1], own + b"\x00", der.sequence(own), ed25519_key()):
        with pytest.raises(InvalidSignature):
            verify(info, algorithm, signer_of(algorithm).sign(DATA), DATA)


def test_an_sm2_key_is_known_by_its_curve_alone() -> None:
    """The same point said to be on another curve is another key; a compressed point is none that we read."""
    key = key_of(KeyKind.SM2)
    point = curve.point_of(key.public_key_info)
    assert point is not None
    assert curve.public_key_info(point) == key.public_key_info
    p256 = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7"))
    compressed = bytes([2 + point[64] % 2]) + point[1:33]
    for info in (
        der.sequence(p256, der.bit_string(point)),
        der.sequence(curve.KEY_ALGORITHM, der.bit_string(compressed)),
        key_of(KeyKind.P256).public_key_info,
    ):
        assert curve.point_of(info) is None
        with pytest.raises(InvalidSignature):
            verify(info, SM2_SM3, key.sign(DATA), DATA)
    with pytest.raises(ValueError, match="65 octets"):
        curve.public_key_info(compressed)
