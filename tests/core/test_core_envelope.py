"""Envelopes of escrowed keys: the form that we write, by strangers' eyes, and the forms that the field writes."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from gmssl import sm4 as gmssl_sm4
from hypothesis import given, settings
from hypothesis import strategies as st

from core import sm2
from core.algorithms import KeyKind
from core.asn1 import der
from core.asn1.enveloped_key import CsrResponse, parse_csr_response
from core.clock import FixedClock
from core.errors import YinxinError
from core.keys.envelope import encrypt_to, open_cms, wrap_for, wrap_sm2_key
from core.keys.envelope_reading import Shape, inspect, open_envelope
from core.keys.private_key import PycaKey, Sm2Key, generate
from core.sm2 import cipher
from core.sm2.fallback import GmsslEngine
from tests.support import pki
from tests.support.keys import key_of
from tests.support.openssl import openssl

PAIR, HOLDER_PAIR = sm2.engine().generate(), sm2.engine().generate()
KEY, HOLDER = Sm2Key(PAIR), Sm2Key(HOLDER_PAIR)
SM4_KEY = bytes(range(16))
GENERIC, ECB, CBC = (f"1.2.156.10197.1.104{end}" for end in ("", ".1", ".2"))


def sm4(data: bytes, vector: bytes | None = None) -> bytes:
    encryptor = Cipher(algorithms.SM4(SM4_KEY), modes.CBC(vector) if vector else modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def padded(data: bytes) -> bytes:
    size = 16 - len(data) % 16
    return data + bytes([size]) * size


def raw(order: str, *, prefix: bool = False) -> bytes:
    parsed = cipher.parse(encrypt_to(HOLDER.public_key_info, SM4_KEY))
    point = parsed.point if prefix else parsed.point[1:]
    return point + (parsed.digest + parsed.content if order == "C1C3C2" else parsed.content + parsed.digest)


def envelope(
    *,
    algorithm: bytes = der.sequence(der.oid(ECB)),
    key: bytes | None = None,
    point: bytes = PAIR.point,
    private: bytes | None = None,
) -> bytes:
    key = key or encrypt_to(HOLDER.public_key_info, SM4_KEY)
    private = private or der.bit_string(sm4(PAIR.scalar))
    return der.sequence(algorithm, key, der.bit_string(point), private)


def skf_blob(private: bytes, *, left: bool = False) -> bytes:
    def field(number: bytes) -> bytes:
        return number + bytes(32) if left else bytes(32) + number

    parsed = cipher.parse(encrypt_to(HOLDER.public_key_info, SM4_KEY))
    numbers = (PAIR.point[1:33], PAIR.point[33:], parsed.point[1:33], parsed.point[33:])
    x, y, cipher_x, cipher_y = map(field, numbers)
    head = struct.pack("<III", 1, 0x401, 256) + private + struct.pack("<I", 256) + x + y
    return head + cipher_x + cipher_y + parsed.digest + struct.pack("<I", len(parsed.content)) + parsed.content


def signed_and_enveloped(clear: bytes, *, key: bytes | None = None, bare: bool = False, cbc: bool = True) -> bytes:
    name = der.sequence()
    key = key or encrypt_to(HOLDER.public_key_info, SM4_KEY)
    recipient = der.sequence(
        der.integer(1),
        der.sequence(name, der.integer(7)),
        der.sequence(der.oid("1.2.156.10197.1.301.3")),
        der.octet_string(key),
    )
    vector = bytes(16) if not cbc else b"v" * 16
    algorithm = der.sequence(der.oid(CBC), der.octet_string(vector)) if cbc else der.sequence(der.oid(ECB))
    content = der.sequence(
        der.oid("1.2.156.10197.6.1.4.2.1"),
        algorithm,
        der.implicit(0, der.octet_string(sm4(clear, vector if cbc else None))),
    )
    sm3 = der.sequence(der.oid("1.2.156.10197.1.401"))
    signer = der.sequence(
        der.integer(1),
        der.sequence(name, der.integer(1)),
        sm3,
        der.sequence(der.oid("1.2.156.10197.1.301.1")),
        der.octet_string(KEY.sign(clear)),
    )
    body = der.sequence(der.integer(1), der.set_of(recipient), der.set_of(sm3), content, der.set_of(signer))
    return body if bare else der.sequence(der.oid("1.2.156.10197.6.1.4.2.4"), der.explicit(0, body))


def test_what_we_write_is_read_back_without_remarks() -> None:
    found = inspect(wrap_sm2_key(KEY, HOLDER.public_key_info), HOLDER)
    assert (found.shape, found.remarks, found.public_key_info) == (Shape.SM2_ENVELOPED_KEY, (), KEY.public_key_info)
    assert found.key is not None
    assert found.key.private_number() == PAIR.scalar


def test_what_we_write_is_opened_by_implementations_that_are_not_ours() -> None:
    """The one form, octet by octet: asn1 by the openssl command, SM2 and SM4 by gmssl."""
    written = wrap_sm2_key(KEY, HOLDER.public_key_info)
    lines = openssl("asn1parse", "-inform", "DER", data=written).decode().splitlines()
    assert [line.split("prim:")[-1].split("cons:")[-1].split()[0] for line in lines] == [
        *("SEQUENCE", "SEQUENCE", "OBJECT", "SEQUENCE", "INTEGER", "INTEGER", "OCTET", "OCTET", "BIT", "BIT"),
    ]
    assert ":sm4-ecb" in lines[2]
    algorithm = der.sequence(der.oid(ECB))
    sealed = written.index(der.bit_string(PAIR.point))
    symmetric = GmsslEngine().signer(HOLDER_PAIR).decrypt(written[written.index(algorithm) + len(algorithm) : sealed])
    stranger = gmssl_sm4.CryptSM4()
    stranger.set_key(symmetric, gmssl_sm4.SM4_DECRYPT)
    encrypted = written[-32:]
    blocks = [stranger.one_round(stranger.sk, list(encrypted[at : at + 16])) for at in (0, 16)]
    assert b"".join(map(bytes, blocks)) == PAIR.scalar


SHAPES: dict[str, tuple[Callable[[], bytes], str]] = {
    "generic-oid": (lambda: envelope(algorithm=der.sequence(der.oid(GENERIC))), "generic"),
    "null-parameters": (lambda: envelope(algorithm=der.sequence(der.oid(ECB), der.NULL)), ""),
    "cbc": (
        lambda: envelope(
            algorithm=der.sequence(der.oid(GENERIC), der.octet_string(b"i" * 16)),
            private=der.bit_string(sm4(PAIR.scalar, b"i" * 16)),
        ),
        "CBC",
    ),
    "c1c2c3": (lambda: envelope(key=der.octet_string(raw("C1C2C3"))), "C1C2C3"),
    "c1c3c2": (lambda: envelope(key=der.octet_string(raw("C1C3C2", prefix=True))), "C1C3C2"),
    "padded": (lambda: envelope(private=der.bit_string(sm4(padded(PAIR.scalar)))), "padded"),
    "64-octets": (lambda: envelope(private=der.bit_string(sm4(bytes(32) + PAIR.scalar))), "64 octets"),
    "octet-string": (lambda: envelope(private=der.octet_string(sm4(PAIR.scalar))), "BIT STRING"),
    "integer": (
        lambda: envelope(private=der.bit_string(sm4(padded(der.integer(int.from_bytes(PAIR.scalar, "big")))))),
        "INTEGER",
    ),
    "pkcs8": (lambda: envelope(private=der.bit_string(sm4(padded(PAIR.pkcs8())))), "PKCS#8"),
    "without-04": (lambda: envelope(point=PAIR.point[1:]), "04"),
    "skf": (lambda: skf_blob(sm4(bytes(32) + PAIR.scalar)), "64 octets"),
    "skf-left": (lambda: skf_blob(sm4(PAIR.scalar + bytes(32)), left=True), "64 octets"),
    "skf-half": (lambda: skf_blob(bytes(32) + sm4(PAIR.scalar)), "64 octets"),
    "gm-cms": (lambda: signed_and_enveloped(padded(PAIR.scalar)), "padded"),
    "gm-cms-bare": (lambda: signed_and_enveloped(PAIR.scalar, bare=True, cbc=False), "without ContentInfo"),
    "gm-cms-raw": (lambda: signed_and_enveloped(PAIR.scalar, key=raw("C1C2C3"), cbc=False), "C1C2C3"),
    "gm-cms-ec": (
        lambda: signed_and_enveloped(
            padded(
                der.sequence(der.integer(1), der.octet_string(PAIR.scalar), der.explicit(1, der.bit_string(PAIR.point)))
            )
        ),
        "ECPrivateKey",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_forms_of_the_field_are_read_and_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")
    make, remark = SHAPES[name]
    data = make()
    found = inspect(data, HOLDER, KEY.public_key_info)
    assert found.key is not None
    assert found.key.private_number() == PAIR.scalar
    assert remark in " ".join(found.remarks)
    with pytest.raises(YinxinError):
        inspect(data, KEY, KEY.public_key_info)


def test_a_private_key_of_another_public_key_is_noticed() -> None:
    other = sm2.engine().generate()
    for data in (
        envelope(point=other.point),
        envelope(private=der.bit_string(sm4(other.scalar))),
        envelope(private=der.bit_string(sm4(bytes(32)))),
    ):
        assert inspect(data, HOLDER).key is None
        with pytest.raises(YinxinError, match="does not belong"):
            open_envelope(data, HOLDER)
    found = inspect(envelope(), HOLDER, HOLDER.public_key_info)
    assert found.key is None
    assert "another public key" in found.remarks[-1]


def test_without_a_public_key_nothing_is_claimed() -> None:
    found = inspect(signed_and_enveloped(padded(PAIR.scalar)), HOLDER)
    assert (found.key, found.public_key_info) == (None, None)
    assert "give the certificate" in found.remarks[-1]


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_rubbish_is_refused(data: bytes) -> None:
    with pytest.raises(YinxinError):
        inspect(data, HOLDER)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(SHAPES)), st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_octet_never_gives_another_key(name: str, position: int, change: int) -> None:
    data = bytearray(SHAPES[name][0]())
    data[position % len(data)] ^= change
    try:
        found = inspect(bytes(data), HOLDER, KEY.public_key_info)
    except YinxinError:
        return
    assert found.key is None or found.key.private_number() == PAIR.scalar


def test_rsa_holders_get_cms_that_openssl_opens(clock: FixedClock, tmp_path: Path) -> None:
    root = pki.root(KeyKind.RSA_2048, not_before=clock.now())
    holder = root.issue("张三", kind=KeyKind.RSA_2048, not_before=clock.now())
    escrowed = key_of(KeyKind.RSA_2048)
    recipient, stranger = holder.key, generate(KeyKind.RSA_2048)
    assert isinstance(recipient, PycaKey)
    assert isinstance(stranger, PycaKey)
    for key in (escrowed, KEY):
        message = wrap_for(key, holder.certificate)
        opened = open_cms(message, holder.certificate, recipient)
        assert opened.pkcs8() == key.pkcs8()
        (tmp_path / "message").write_bytes(message)
        (tmp_path / "key").write_bytes(recipient.pkcs8())
        arguments = ("-inform", "DER", "-in", tmp_path / "message", "-inkey", tmp_path / "key", "-keyform", "DER")
        assert openssl("cms", "-decrypt", *arguments) == key.pkcs8()
        with pytest.raises(YinxinError):
            open_cms(message, holder.certificate, stranger)
    with pytest.raises(YinxinError):
        open_cms(b"rubbish", holder.certificate, recipient)


def test_envelopes_that_there_are_none_for(clock: FixedClock) -> None:
    root = pki.root(KeyKind.SM2, not_before=clock.now())
    with pytest.raises(YinxinError, match="no envelope"):
        wrap_for(key_of(KeyKind.RSA_2048), root.certificate)
    with pytest.raises(YinxinError, match="SM2 and RSA"):
        wrap_for(KEY, root.issue("x", kind=KeyKind.P256, not_before=clock.now()).certificate)
    with pytest.raises(YinxinError, match="not an SM2 public key"):
        wrap_sm2_key(KEY, key_of(KeyKind.P256).public_key_info)


def test_the_csr_response(clock: FixedClock) -> None:
    root = pki.root(KeyKind.SM2, not_before=clock.now())
    one = root.issue("张三", key=HOLDER, not_before=clock.now()).certificate
    other = root.issue("张三", key=KEY, usages=(2, 3), not_before=clock.now()).certificate
    both = CsrResponse((one,), wrap_sm2_key(KEY, HOLDER.public_key_info), (other,))
    read = parse_csr_response(both.encoded())
    assert read == both
    assert read.envelope is not None
    assert open_envelope(read.envelope, HOLDER).private_number() == PAIR.scalar
    alone = CsrResponse((one,))
    assert parse_csr_response(alone.encoded()) == alone
    assert openssl("asn1parse", "-inform", "DER", data=both.encoded())
    for half in (CsrResponse((one,), both.envelope), CsrResponse((one,), None, (other,)), CsrResponse(())):
        with pytest.raises(ValueError, match="neither"):
            half.encoded()
    for rubbish in (b"", b"\x30\x00", one, both.encoded()[:-1]):
        with pytest.raises(YinxinError, match="CSRResponse"):
            parse_csr_response(rubbish)
