"""Keys at rest: round trips, OpenSSL in both directions, and damaged or hostile files."""

import traceback
from pathlib import Path
from unittest import mock

import pytest
from asn1crypto import pem
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import KeyKind
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.keys import encryption
from core.keys.encryption import decrypt_private_key, encrypt_private_key
from core.keys.private_key import PrivateKey, PycaKey, Sm2Key, from_pkcs8
from core.keys.verification import verify
from tests.support import thrift
from tests.support.keys import KINDS, key_of
from tests.support.openssl import RefusalError, openssl

PASSPHRASE = "口令 pass".encode()
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
LABEL = "ENCRYPTED PRIVATE KEY"


def same(one: PrivateKey, other: PrivateKey) -> bool:
    return one.pkcs8() == other.pkcs8() and one.public_key_info == other.public_key_info


def dearly_encrypted(key: PrivateKey, passphrase: bytes = PASSPHRASE) -> bytes:
    """With the derivation that everybody has but tests."""
    with mock.patch.object(encryption, "COST", thrift.COST):
        return encrypt_private_key(key, passphrase)


@EACH_KIND
def test_what_is_encrypted_is_decrypted(kind: KeyKind) -> None:
    key = key_of(kind)
    armoured = dearly_encrypted(key)
    again = decrypt_private_key(armoured, PASSPHRASE)
    assert same(key, again)
    assert again.algorithm is key.algorithm
    verify(key.public_key_info, key.algorithm, again.sign(b"data"), b"data")
    assert encrypt_private_key(key, PASSPHRASE) != armoured


@EACH_KIND
def test_openssl_reads_ours(kind: KeyKind, tmp_path: Path) -> None:
    key = key_of(kind)
    file = tmp_path / "key.pem"
    file.write_bytes(dearly_encrypted(key, b"right"))
    assert openssl("pkey", "-in", file, "-passin", "pass:right", "-pubout", "-outform", "DER") == key.public_key_info
    with pytest.raises(RefusalError):
        openssl("pkey", "-in", file, "-passin", "pass:wrong", "-noout")
    structure = openssl("asn1parse", "-in", file).decode()
    assert "scrypt" in structure
    assert "aes-256-cbc" in structure
    # N, r and p as `openssl pkcs8 -scrypt` has them.
    assert [line.rsplit(":")[-1] for line in structure.splitlines() if "INTEGER" in line] == ["4000", "08", "01"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (KeyKind.SM2, "-scrypt"),
        (KeyKind.SM2, "-v2 aes-256-cbc -v2prf hmacWithSHA256"),
        (KeyKind.SM2, "-v2 aes-256-cbc -v2prf hmacWithSHA1"),
        (KeyKind.SM2, "-v2 aes-128-cbc -v2prf hmacWithSHA256"),
        (KeyKind.RSA_2048, "-v2 aes-128-cbc -scrypt"),
        (KeyKind.P256, "-scrypt"),
        (KeyKind.P384, "-v2 aes-256-cbc -iter 100000"),
    ],
)
def test_we_read_those_of_openssl(kind: KeyKind, options: str) -> None:
    key = key_of(kind)
    encrypted = openssl(
        "pkcs8", "-topk8", "-inform", "DER", *options.split(), "-passout", "pass:right", data=key.pkcs8()
    )
    assert same(decrypt_private_key(encrypted, b"right"), key)
    with pytest.raises(YinxinError, match="wrong passphrase"):
        decrypt_private_key(encrypted, b"wrong")


def test_a_key_that_openssl_made() -> None:
    made = openssl("genpkey", "-algorithm", "SM2", "-aes-256-cbc", "-pass", "pass:right")
    assert isinstance(decrypt_private_key(made, b"right"), Sm2Key)


def test_old_encryption_is_not_read() -> None:
    key = key_of(KeyKind.P256)
    for options in (("-v1", "PBE-SHA1-3DES"), ("-v2", "des3")):
        old = openssl("pkcs8", "-topk8", "-inform", "DER", *options, "-passout", "pass:right", data=key.pkcs8())
        with pytest.raises(YinxinError) as caught:
            decrypt_private_key(old, b"right")
        assert caught.value.kind is Kind.UNSUPPORTED


@pytest.mark.parametrize("passphrase", [b"", b"wrong", PASSPHRASE + b" ", PASSPHRASE[:-1]])
def test_a_wrong_passphrase_says_so(passphrase: bytes) -> None:
    armoured = encrypt_private_key(key_of(KeyKind.SM2), PASSPHRASE)
    with pytest.raises(YinxinError, match="wrong passphrase") as caught:
        decrypt_private_key(armoured, passphrase)
    assert caught.value.kind is Kind.INVALID
    assert caught.value.remedy
    assert caught.value.__cause__ is None


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(YinxinError, match="without a passphrase"):
        encrypt_private_key(key_of(KeyKind.SM2), b"")


@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "CERTIFICATE"])
def test_a_key_in_clear_is_refused_with_words(label: str) -> None:
    clear = pem.armor(label, key_of(KeyKind.P256).pkcs8())
    with pytest.raises(YinxinError, match=label) as caught:
        decrypt_private_key(clear, PASSPHRASE)
    assert "openssl pkcs8 -topk8" in caught.value.remedy


@pytest.mark.parametrize("data", [b"", b"\x00", b"-----BEGIN", b"printer manual", key_of(KeyKind.P256).pkcs8()])
def test_what_is_no_key_is_refused(data: bytes) -> None:
    with pytest.raises(YinxinError) as caught:
        decrypt_private_key(data, PASSPHRASE)
    assert caught.value.kind is Kind.INVALID


def hostile(derivation: bytes) -> bytes:
    cipher = der.sequence(der.oid(encryption.AES_256_CBC), der.octet_string(bytes(16)))
    algorithm = der.sequence(der.oid(encryption.PBES2), der.sequence(derivation, cipher))
    armoured: bytes = pem.armor(LABEL, der.sequence(algorithm, der.octet_string(bytes(160))))
    return armoured


def scrypt(cost: int, block: int, lanes: int) -> bytes:
    parameters = der.sequence(der.octet_string(bytes(8)), *map(der.integer, (cost, block, lanes)))
    return hostile(der.sequence(der.oid(encryption.SCRYPT), parameters))


def pbkdf2(iterations: int) -> bytes:
    parameters = der.sequence(der.octet_string(bytes(8)), der.integer(iterations))
    return hostile(der.sequence(der.oid(encryption.PBKDF2), parameters))


@pytest.mark.parametrize(
    "armoured",
    [
        scrypt(2**30, 8, 1),
        scrypt(2**14, 2**20, 1),
        scrypt(2**14, 8, 2**20),
        scrypt(2, 2**24, 1),
        scrypt(2**200, 8, 1),
        scrypt(2, 8, 2**200),
        scrypt(-(2**14), -8, 1),
        scrypt(2, 8, -1),
        scrypt(0, 0, 0),
        scrypt(3, 8, 1),
        pbkdf2(2**31 - 1),
        pbkdf2(2**200),
        pbkdf2(-1),
        pbkdf2(0),
    ],
    ids=range(14),
)
def test_absurd_costs_are_refused_before_the_work(armoured: bytes) -> None:
    # Were the work begun, it would end the test session, not this test.
    with pytest.raises(YinxinError):
        decrypt_private_key(armoured, PASSPHRASE)


ENCRYPTED = {kind: encrypt_private_key(key_of(kind), PASSPHRASE) for kind in (KeyKind.SM2, KeyKind.P256)}
DAMAGE = st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4))


def damaged(data: bytes, damage: tuple[float, bytes]) -> bytes:
    position = int(damage[0] * len(data))
    return data[:position] + damage[1] + data[position + len(damage[1]) :]


def opens_as_it_was_or_not_at_all(armoured: bytes, key: PrivateKey) -> None:
    try:
        opened = decrypt_private_key(armoured, PASSPHRASE)
    except YinxinError as error:
        assert "\n" not in str(error)
    else:
        assert same(opened, key)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(list(ENCRYPTED)), DAMAGE)
def test_a_damaged_file_opens_as_it_was_or_not_at_all(kind: KeyKind, damage: tuple[float, bytes]) -> None:
    armoured = damaged(ENCRYPTED[kind], damage)
    opens_as_it_was_or_not_at_all(armoured, key_of(kind))


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(list(ENCRYPTED)), DAMAGE)
def test_damaged_content_opens_as_it_was_or_not_at_all(kind: KeyKind, damage: tuple[float, bytes]) -> None:
    """Beneath the armour, where a change reaches the structure, the parameters and the cipher text."""
    content = pem.unarmor(ENCRYPTED[kind])[2]
    opens_as_it_was_or_not_at_all(pem.armor(LABEL, damaged(content, damage)), key_of(kind))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), DAMAGE)
def test_a_damaged_clear_key_is_the_key_or_none_and_is_not_quoted(kind: KeyKind, damage: tuple[float, bytes]) -> None:
    key = key_of(kind)
    data = damaged(key.pkcs8(), damage)
    try:
        read = from_pkcs8(data)
    except YinxinError as error:
        shown = "".join(traceback.format_exception(error))
        assert not quotes(shown, data)
    else:
        assert read.public_key_info == key.public_key_info
        verify(key.public_key_info, key.algorithm, read.sign(b"data"), b"data")


def quotes(text: str, secret: bytes) -> bool:
    """Whether eight octets in a row of the secret are in the text, as octets are usually shown."""
    pieces = [secret[i : i + 8] for i in range(len(secret) - 7)]
    return any(piece.hex() in text or (len(set(piece)) > 4 and repr(piece)[2:-1] in text) for piece in pieces)


@given(st.binary(max_size=200))
def test_garbage_is_no_key(data: bytes) -> None:
    with pytest.raises(YinxinError):
        from_pkcs8(data)
    with pytest.raises(YinxinError):
        decrypt_private_key(pem.armor(LABEL, data), PASSPHRASE)


def test_a_number_with_another_keys_point_is_no_key() -> None:
    mine, other = key_of(KeyKind.SM2), openssl("genpkey", "-algorithm", "SM2", "-outform", "DER")
    stranger = from_pkcs8(openssl("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", data=other))
    mixed = mine.pkcs8().replace(mine.public_key_info[-65:], stranger.public_key_info[-65:])
    with pytest.raises(YinxinError, match="not a private key"):
        from_pkcs8(mixed)


@pytest.mark.parametrize(
    "command", [("genpkey", "-algorithm", "ED25519"), ("ecparam", "-name", "secp256k1", "-genkey")]
)
def test_kinds_of_key_that_are_not_ours(command: tuple[str, ...]) -> None:
    made = openssl(*command)
    with pytest.raises(YinxinError) as caught:
        from_pkcs8(openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=made))
    assert caught.value.kind in (Kind.UNSUPPORTED, Kind.INVALID)


@EACH_KIND
def test_a_key_shows_nothing_of_itself(kind: KeyKind) -> None:
    key = key_of(kind)
    shown = f"{key!r} {key!s} {key}"
    assert not quotes(shown, key.pkcs8())
    if isinstance(key, PycaKey):
        assert "algorithm" not in shown  # no dataclass fields at all
