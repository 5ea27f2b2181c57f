"""PKCS#12 as it is delivered: opened by OpenSSL, the key with its certificate and the chain."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import pem

from core.algorithms import SHA256, KeyKind
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.keys import pkcs12
from core.keys.encryption import AES_256_CBC
from tests.support.openssl import RefusalError, openssl
from tests.support.pki import Party, root

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PASSPHRASE = "口令 pass"
EACH = pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256])


def holder_of(kind: KeyKind) -> Party:
    top = root(KeyKind.SM2 if kind is KeyKind.SM2 else KeyKind.P256, not_before=BEGIN)
    issuing = top.issue("Issuing", authority=True, kind=KeyKind.P256, not_before=BEGIN)
    return issuing.issue("张三", kind=kind, not_before=BEGIN)


def packed(party: Party, name: str = "张三") -> bytes:
    return pkcs12.pack(party.key, party.certificate, party.chain, name=name, passphrase=PASSPHRASE.encode())


@EACH
def test_openssl_finds_the_key_its_certificate_and_the_chain(kind: KeyKind, tmp_path: Path) -> None:
    party = holder_of(kind)
    file = tmp_path / "key.p12"
    file.write_bytes(packed(party, "Zhang San"))
    opened = openssl("pkcs12", "-in", file, "-nodes", "-passin", f"pass:{PASSPHRASE}")
    objects = [(label, data) for label, _headers, data in pem.unarmor(opened, multiple=True)]
    certificates = [data for label, data in objects if label == "CERTIFICATE"]
    assert certificates[0] == party.certificate
    assert sorted(certificates[1:]) == sorted(party.chain)
    (clear,) = [data for label, data in objects if label == "PRIVATE KEY"]
    assert openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", data=clear) == party.key.public_key_info
    assert b"friendlyName: Zhang San" in opened


@EACH
def test_another_password_opens_nothing(kind: KeyKind, tmp_path: Path) -> None:
    file = tmp_path / "key.p12"
    file.write_bytes(packed(holder_of(kind)))
    for wrong in ("wrong", "", PASSPHRASE + "x"):
        with pytest.raises(RefusalError):
            openssl("pkcs12", "-in", file, "-nodes", "-passin", f"pass:{wrong}")


@EACH
def test_it_is_encrypted_and_authenticated_with_present_day_means(kind: KeyKind) -> None:
    party = holder_of(kind)
    data = packed(party)
    assert party.key.pkcs8() not in data
    assert der.oid(AES_256_CBC) in data
    assert SHA256.identifier[2:] in data  # of the MAC
    assert der.oid("1.2.840.113549.1.12.1.3") not in data  # PBE with SHA-1 and 3DES
    assert der.oid("1.2.840.113549.1.12.1.6") not in data  # PBE with SHA-1 and RC2-40


@EACH
def test_a_certificate_for_another_key_is_refused(kind: KeyKind) -> None:
    party, other = holder_of(kind), holder_of(kind)
    with pytest.raises(YinxinError, match="another key") as caught:
        pkcs12.pack(party.key, other.certificate, [], name="张三", passphrase=b"x")
    assert caught.value.kind is Kind.INVALID


@EACH
@pytest.mark.parametrize(("passphrase", "word"), [(b"", "without a passphrase"), (b"a\x00b", "NUL")])
def test_passphrases_that_would_not_protect_are_refused(kind: KeyKind, passphrase: bytes, word: str) -> None:
    party = holder_of(kind)
    with pytest.raises(YinxinError, match=word):
        pkcs12.pack(party.key, party.certificate, party.chain, name="x", passphrase=passphrase)
