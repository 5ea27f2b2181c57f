"""The engine of last resort: when it is chosen, what it says, and where its nonces come from."""

import logging
import random
import secrets
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from core import sm2
from core.algorithms import SM2_SM3, KeyKind
from core.keys.private_key import from_pkcs8, generate
from core.keys.verification import InvalidSignature, verify
from core.sm2 import KeyPair, curve
from core.sm2.fallback import GmsslEngine
from core.sm2.libcrypto import LibcryptoEngine

SCALAR = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")


@pytest.fixture
def pair() -> KeyPair:
    return LibcryptoEngine().generate()


@pytest.fixture
def no_libcrypto(monkeypatch: pytest.MonkeyPatch) -> None:
    def dlopen(*_: object) -> None:
        raise OSError("no such library")

    monkeypatch.delitem(sys.modules, "core.sm2.libcrypto")
    monkeypatch.setattr("cffi.FFI.dlopen", dlopen)


@pytest.mark.usefixtures("no_libcrypto")
def test_it_is_chosen_with_a_warning_when_libcrypto_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        engine = sm2.engine.__wrapped__()
    assert engine.name == "gmssl"
    assert "libcrypto 3" in caplog.text
    assert "130 signatures a second" in caplog.text
    assert "libssl3" in caplog.text


def test_libcrypto_is_chosen_where_it_is() -> None:
    assert sm2.engine.__wrapped__().name == "libcrypto"
    assert sm2.engine() is sm2.engine()


def test_keys_work_the_same_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sm2, "engine", GmsslEngine)
    key = generate(KeyKind.SM2)
    signature = from_pkcs8(key.pkcs8()).sign(b"data")
    verify(key.public_key_info, SM2_SM3, signature, b"data")
    with pytest.raises(InvalidSignature):
        verify(key.public_key_info, SM2_SM3, signature, b"other")
    monkeypatch.undo()
    verify(key.public_key_info, SM2_SM3, signature, b"data")


def test_its_nonces_come_from_secrets_and_not_from_random(pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    genuine = secrets.randbelow

    def recorded(bound: int) -> int:
        drawn.append(genuine(bound))
        return drawn[-1]

    monkeypatch.setattr(secrets, "randbelow", recorded)
    for name in ("random", "randrange", "randint", "getrandbits", "choice"):
        monkeypatch.setattr(random, name, lambda *_: 0)
    monkeypatch.setattr("gmssl.func.random_hex", lambda length: "1" * length)
    signer = GmsslEngine().signer(pair)
    first, second = signer.sign(b"the same"), signer.sign(b"the same")
    assert first != second
    # Whoever knows the private number can work the nonce out of a signature (GB/T 32918.2 6.1).
    d = int.from_bytes(pair.scalar, "big")
    nonces = [(s * (1 + d) + r * d) % curve.N for r, s in map(decode_dss_signature, (first, second))]
    assert nonces == [number + 1 for number in drawn]


def test_the_published_signature_comes_out_of_the_published_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    nonce = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
    point = bytes.fromhex(
        "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
        "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
    )
    monkeypatch.setattr(secrets, "randbelow", lambda bound: nonce - 1)
    signature = GmsslEngine().signer(KeyPair(SCALAR, point)).sign(b"message digest")
    assert signature == encode_dss_signature(
        0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3,
        0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA,
    )


def test_its_nonces_lie_in_the_whole_range(pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[int] = []

    def least(bound: int) -> int:
        bounds.append(bound)
        return 7

    monkeypatch.setattr(secrets, "randbelow", least)
    GmsslEngine().signer(pair).sign(b"")
    assert bounds == [curve.N - 1]
