"""SM2 encryption by each engine: the example of GB/T 32918.5, each other's ciphertexts, and what must be refused."""

import secrets
from pathlib import Path

import pytest
from gmssl import sm2 as gmssl_sm2
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import YinxinError
from core.keys.private_key import Sm2Key
from core.sm2 import Engine, KeyPair, cipher, curve
from core.sm2.fallback import GmsslEngine
from core.sm2.libcrypto import LibcryptoEngine
from tests.support.openssl import openssl

# GB/T 32918.5, example of an encryption.
SCALAR = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
POINT = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
NONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
MESSAGE = b"encryption standard"
C1 = bytes.fromhex(
    "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
)
C2 = bytes.fromhex("21886CA989CA9C7D58087307CA93092D651EFA")
C3 = bytes.fromhex("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766")
PAIR = KeyPair(SCALAR, POINT)
PUBLISHED = cipher.Ciphertext(C1, C3, C2)

LIBCRYPTO, GMSSL = LibcryptoEngine(), GmsslEngine()
ENGINES = pytest.mark.parametrize("engine", [LIBCRYPTO, GMSSL], ids=lambda engine: engine.name)


@ENGINES
def test_the_published_ciphertext_is_decrypted(engine: Engine) -> None:
    assert engine.signer(PAIR).decrypt(PUBLISHED.encoded()) == MESSAGE


def test_the_published_ciphertext_comes_out_of_the_published_nonce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda bound: NONCE - 1)
    assert GMSSL.encrypt(POINT, MESSAGE) == PUBLISHED.encoded()


@pytest.mark.parametrize("encrypter", [LIBCRYPTO, GMSSL], ids=lambda engine: engine.name)
@ENGINES
@settings(max_examples=8, deadline=None)
@given(message=st.binary(min_size=1, max_size=100))
def test_each_engine_reads_the_other(encrypter: Engine, engine: Engine, message: bytes) -> None:
    encrypted = encrypter.encrypt(POINT, message)
    assert engine.signer(PAIR).decrypt(encrypted) == message
    assert encrypter.encrypt(POINT, message) != encrypted
    assert cipher.parse(encrypted).encoded() == encrypted


def test_what_gmssl_itself_encrypts_is_read() -> None:
    """Its own code, nonces and all, as a stranger's."""
    stranger = gmssl_sm2.CryptSM2(private_key="", public_key="", mode=1)
    stranger.public_key = POINT[1:].hex()
    raw = stranger.encrypt(MESSAGE)
    assert LIBCRYPTO.signer(PAIR).decrypt(cipher.parse_raw(raw, "C1C3C2").encoded()) == MESSAGE


@ENGINES
def test_the_openssl_command_agrees(engine: Engine, tmp_path: Path) -> None:
    key, message = tmp_path / "key.der", tmp_path / "message"
    key.write_bytes(PAIR.pkcs8())
    message.write_bytes(engine.encrypt(POINT, MESSAGE))
    assert openssl("pkeyutl", "-decrypt", "-inkey", key, "-keyform", "DER", "-in", message) == MESSAGE
    message.write_bytes(MESSAGE)
    encrypted = openssl("pkeyutl", "-encrypt", "-inkey", key, "-keyform", "DER", "-in", message)
    assert engine.signer(PAIR).decrypt(encrypted) == MESSAGE


def test_raw_orders_with_and_without_04() -> None:
    for octets in (C1, C1[1:]):
        assert cipher.parse_raw(octets + C3 + C2, "C1C3C2") == PUBLISHED
        assert cipher.parse_raw(octets + C2 + C3, "C1C2C3") == PUBLISHED
    with pytest.raises(ValueError, match="ciphertext"):
        cipher.parse_raw(C1 + C3, "C1C3C2")


@ENGINES
def test_every_changed_octet_is_noticed(engine: Engine) -> None:
    encoded = PUBLISHED.encoded()
    prepared = engine.signer(PAIR)
    step = 1 if engine is LIBCRYPTO else 7
    for position in range(0, len(encoded), step):
        changed = bytearray(encoded)
        changed[position] ^= 1
        with pytest.raises(ValueError, match=r".") as caught:
            prepared.decrypt(bytes(changed))
        assert caught.type is ValueError
    for bad in (encoded + b"\x00", encoded[:-1], b"", b"\x30\x00"):
        with pytest.raises(ValueError, match=r"."):
            prepared.decrypt(bad)


@ENGINES
def test_another_key_does_not_open_it(engine: Engine) -> None:
    with pytest.raises(ValueError, match="another key"):
        engine.signer(engine.generate()).decrypt(PUBLISHED.encoded())


@ENGINES
def test_nothing_is_encrypted_to_what_is_no_point(engine: Engine) -> None:
    off = POINT[:-1] + bytes([POINT[-1] ^ 1])
    for point, message in ((off, MESSAGE), (POINT[1:], MESSAGE), (b"\x04" + bytes(64), MESSAGE), (POINT, b"")):
        with pytest.raises(ValueError, match="encrypt"):
            engine.encrypt(point, message)


@ENGINES
def test_a_ciphertext_with_a_point_off_the_curve_is_refused(engine: Engine) -> None:
    """The invalid-curve attack: the answer would tell something of the private number."""
    encoded = PUBLISHED.encoded()
    y = int.from_bytes(C1[33:], "big")
    other = (y + 1).to_bytes(32, "big")
    assert not curve.on_curve(C1[:33] + other)
    with pytest.raises(ValueError, match="ciphertext"):
        engine.signer(PAIR).decrypt(encoded.replace(C1[33:], other))


@given(data=st.binary(max_size=200))
def test_rubbish_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(YinxinError, match="no SM2 ciphertext"):
        Sm2Key(PAIR).decrypt(data)
