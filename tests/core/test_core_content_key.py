"""A key to a recipient, opened by OpenSSL as well."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import pem

from core.algorithms import KeyKind
from core.errors import YinxinError
from core.keys import content_key
from core.keys.private_key import PycaKey
from tests.support import pki
from tests.support.openssl import openssl

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def parties() -> dict[KeyKind, pki.Party]:
    return {kind: pki.root(kind, not_before=NOW) for kind in (KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256)}


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048])
def test_its_holder_opens_it_and_nobody_else(parties: dict[KeyKind, pki.Party], kind: KeyKind) -> None:
    party, another = parties[kind], pki.root(kind, not_before=NOW)
    envelope = content_key.wrap(SECRET, party.certificate)
    assert SECRET not in envelope
    assert content_key.unwrap(envelope, party.certificate, party.key) == SECRET
    with pytest.raises(YinxinError):
        content_key.unwrap(envelope, another.certificate, another.key)
    changed = bytearray(envelope)
    changed[-1] ^= 1
    with pytest.raises(YinxinError):
        content_key.unwrap(bytes(changed), party.certificate, party.key)


def test_openssl_opens_it(parties: dict[KeyKind, pki.Party], tmp_path: Path) -> None:
    rsa, sm2 = parties[KeyKind.RSA_2048], parties[KeyKind.SM2]
    assert isinstance(rsa.key, PycaKey)
    for name, party in (("rsa", rsa), ("sm2", sm2)):
        (tmp_path / f"{name}.key").write_bytes(pem.armor("PRIVATE KEY", party.key.pkcs8()))
        (tmp_path / f"{name}.pem").write_bytes(pem.armor("CERTIFICATE", party.certificate))
        (tmp_path / f"{name}.der").write_bytes(content_key.wrap(SECRET, party.certificate))
    opening = ("-decrypt", "-inform", "DER", "-in", tmp_path / "rsa.der", "-inkey", tmp_path / "rsa.key")
    assert openssl("cms", *opening, "-recip", tmp_path / "rsa.pem", "-binary") == SECRET
    assert openssl("pkeyutl", "-decrypt", "-in", tmp_path / "sm2.der", "-inkey", tmp_path / "sm2.key") == SECRET


def test_a_key_that_only_signs_is_refused(parties: dict[KeyKind, pki.Party]) -> None:
    with pytest.raises(YinxinError, match="cannot be encrypted to"):
        content_key.wrap(SECRET, parties[KeyKind.P256].certificate)
