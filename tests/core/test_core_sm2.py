"""SM2 by each engine against GB/T 32918, against each other and against the openssl command."""

import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import SM3
from core.asn1 import der
from core.sm2 import Engine, KeyPair, curve
from core.sm2.fallback import GmsslEngine
from core.sm2.libcrypto import LibcryptoEngine
from tests.support.openssl import SM2_ID, openssl, verifies

# GB/T 32918.5, example of a signature.
SCALAR = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
POINT = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
MESSAGE = b"message digest"
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
SIGNATURE = encode_dss_signature(R, S)
PAIR = KeyPair(SCALAR, POINT)

LIBCRYPTO, GMSSL = LibcryptoEngine(), GmsslEngine()
ENGINES = pytest.mark.parametrize("engine", [LIBCRYPTO, GMSSL], ids=lambda engine: engine.name)


def test_the_published_identity_digest() -> None:
    assert curve.identity_digest(POINT).hex() == "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
    digest = SM3.of(curve.identity_digest(POINT) + MESSAGE).hex()
    assert digest == "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
    empty = curve.identity_digest(POINT, b"").hex()
    assert empty == "f2a1724ed3d6767e22fcd19bfb33cd8af34f59ad7fdc8747cce6acacd414f1f9"


@ENGINES
def test_the_published_signature(engine: Engine) -> None:
    assert engine.verify(POINT, SIGNATURE, MESSAGE)
    assert not engine.verify(POINT, SIGNATURE, MESSAGE + b".")
    assert not engine.verify(engine.generate().point, SIGNATURE, MESSAGE)


def test_the_published_signature_needs_the_default_identity(tmp_path: Path) -> None:
    info = curve.public_key_info(POINT)
    assert verifies(tmp_path, info, SIGNATURE, MESSAGE, "sm3", [SM2_ID])
    assert not verifies(tmp_path, info, SIGNATURE, MESSAGE, "sm3")


@ENGINES
def test_a_signature_with_the_empty_identity_is_refused(engine: Engine, tmp_path: Path) -> None:
    """What OpenSSL makes unless told otherwise."""
    key, message = tmp_path / "key.pem", tmp_path / "message"
    openssl("genpkey", "-algorithm", "SM2", "-out", key)
    message.write_bytes(MESSAGE)
    sign = ("pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", key, "-in", message)
    point = curve.point_of(openssl("pkey", "-in", key, "-pubout", "-outform", "DER"))
    assert point is not None
    assert not engine.verify(point, openssl(*sign), MESSAGE)
    assert engine.verify(point, openssl(*sign, "-pkeyopt", SM2_ID), MESSAGE)


@ENGINES
def test_openssl_verifies_what_we_sign(engine: Engine, tmp_path: Path) -> None:
    pair = engine.generate()
    signature = engine.signer(pair).sign(MESSAGE)
    assert verifies(tmp_path, curve.public_key_info(pair.point), signature, MESSAGE, "sm3", [SM2_ID])


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=300))
def test_each_engine_verifies_the_other(message: bytes) -> None:
    for maker, judge in ((LIBCRYPTO, GMSSL), (GMSSL, LIBCRYPTO)):
        signature = maker.signer(PAIR).sign(message)
        assert judge.verify(POINT, signature, message)
        assert not judge.verify(POINT, signature, message + b"\x00")


@ENGINES
def test_a_new_key_is_a_number_in_range_and_its_point(engine: Engine) -> None:
    pair = engine.generate()
    assert 0 < int.from_bytes(pair.scalar, "big") < curve.N - 1
    assert curve.on_curve(pair.point)
    assert LIBCRYPTO.signer(pair)
    assert GMSSL.signer(pair)


def integers(*numbers: int) -> bytes:
    return der.sequence(*(der.integer(number) for number in numbers))


def padded(number: int) -> bytes:
    """An INTEGER with one octet too many, which BER allows and DER does not."""
    return der.tlv(der.INTEGER, bytes(2) + number.to_bytes(32, "big"))


MALFORMED = {
    "empty": b"",
    "raw r and s": R.to_bytes(32, "big") + S.to_bytes(32, "big"),
    "r is zero": integers(0, S),
    "s is zero": integers(R, 0),
    "both are zero": integers(0, 0),
    "r is n": integers(curve.N, S),
    "s is n": integers(R, curve.N),
    "r plus n": integers(R + curve.N, S),
    "s plus n": integers(R, S + curve.N),
    "s is n minus s": integers(R, curve.N - S),
    "r is negative": integers(R - curve.N, S),
    "s is negative": integers(R, S - curve.N),
    "r and s add up to n": integers(R, curve.N - R),
    "r and s exchanged": integers(S, R),
    "r written too long": der.sequence(padded(R), der.integer(S)),
    "s written too long": der.sequence(der.integer(R), padded(S)),
    "length written too long": b"\x30\x81" + SIGNATURE[1:],
    "indefinite length": b"\x30\x80" + SIGNATURE[2:] + b"\x00\x00",
    "octets after it": SIGNATURE + b"\x00",
    "octets inside it": der.sequence(SIGNATURE[2:], der.NULL),
    "cut short": SIGNATURE[:-1],
    "one number": integers(R),
    "a set": b"\x31" + SIGNATURE[1:],
}


@ENGINES
@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_signatures_are_not_valid(engine: Engine, case: str) -> None:
    assert not engine.verify(POINT, MALFORMED[case], MESSAGE)


@ENGINES
def test_a_signature_that_leads_to_infinity_is_not_valid(engine: Engine) -> None:
    """s + (r+s)·d = 0 mod n, which whoever holds d can bring about: a sum that has no coordinates."""
    d = int.from_bytes(SCALAR, "big")
    s = -R * d * pow(1 + d, -1, curve.N) % curve.N
    assert not engine.verify(POINT, integers(R, s), MESSAGE)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SIGNATURE) - 1), st.integers(1, 255))
def test_no_changed_octet_leaves_it_valid(position: int, change: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[position] ^= change
    assert not LIBCRYPTO.verify(POINT, bytes(changed), MESSAGE)


OFF_CURVE = POINT[:-1] + bytes([POINT[-1] ^ 1])
BAD_POINTS = [b"", POINT[1:], POINT + b"\x00", POINT[:33], b"\x05" + POINT[1:], b"\x04" + bytes(64), OFF_CURVE]
BAD_POINTS.append(b"\x04" + (int.from_bytes(POINT[1:33], "big") + curve.P).to_bytes(33, "big")[1:] + POINT[33:])


@ENGINES
@pytest.mark.parametrize("point", BAD_POINTS, ids=range(len(BAD_POINTS)))
def test_what_is_no_point_has_signed_nothing(engine: Engine, point: bytes) -> None:
    assert not curve.on_curve(point)
    assert not engine.verify(point, SIGNATURE, MESSAGE)


@ENGINES
@pytest.mark.parametrize(
    "pair",
    [
        KeyPair(SCALAR, OFF_CURVE),
        KeyPair(SCALAR[:-1] + b"\x00", POINT),
        KeyPair(bytes(32), POINT),
        KeyPair((curve.N - 1).to_bytes(32, "big"), POINT),
        KeyPair(curve.N.to_bytes(32, "big"), POINT),
    ],
    ids=["off the curve", "another's point", "zero", "n-1", "n"],
)
def test_a_number_without_its_point_does_not_sign(engine: Engine, pair: KeyPair) -> None:
    with pytest.raises(ValueError, match="own point"):
        engine.signer(pair)


def test_points_whose_x_begins_like_a_format_octet() -> None:
    """One key in 256: gmssl's constructor strips every leading 0 and 4 from a key that begins with 04."""
    pair = next(pair for pair in iter(LIBCRYPTO.generate, None) if pair.point[1] == 4)
    signature = GMSSL.signer(pair).sign(MESSAGE)
    assert GMSSL.verify(pair.point, signature, MESSAGE)
    assert LIBCRYPTO.verify(pair.point, signature, MESSAGE)


def test_threads_share_a_signer() -> None:
    signer = LIBCRYPTO.signer(PAIR)
    messages = [str(number).encode() for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(signer.sign, messages))
        valid = list(pool.map(LIBCRYPTO.verify, [POINT] * 400, signatures, messages))
    assert all(valid)
    assert len(set(signatures)) == 400
    assert all(GMSSL.verify(POINT, signatures[i], messages[i]) for i in range(0, 400, 80))


def test_signatures_by_libcrypto_never_repeat_a_nonce() -> None:
    signer = LIBCRYPTO.signer(PAIR)
    d = int.from_bytes(SCALAR, "big")
    nonces = set()
    for _ in range(100):
        r, s = decode_dss_signature(signer.sign(MESSAGE))
        nonces.add((s * (1 + d) + r * d) % curve.N)
    assert len(nonces) == 100


def test_a_private_number_is_never_shown() -> None:
    pair = LIBCRYPTO.generate()
    shown = f"{pair!r} {pair!s} {pair} {LIBCRYPTO.signer(pair)!r} {GMSSL.signer(pair)!r}"
    try:
        LIBCRYPTO.signer(KeyPair(pair.scalar, OFF_CURVE))
    except ValueError as error:
        shown += "".join(traceback.format_exception(error))
    number = int.from_bytes(pair.scalar, "big")
    assert not any(form in shown for form in (pair.scalar.hex(), str(number), repr(pair.scalar)[2:-1]))
