"""Seals that others made (ofdrw's test data): read, and the maker's signature checked over the original bytes by gmssl.

Their test certificates have odd key usage, which is no matter of structure and is not looked at here.
"""

import os
from pathlib import Path

import pytest
from asn1crypto import core, x509
from gmssl import sm2

from core.asn1.ses import parse_seal, parse_signature
from core.asn1.ses_structures import Version

FOLDER = Path(os.environ.get("YINXIN_INTEROP") or Path(__file__).parents[3] / "shared" / "interop")
SEALS = FOLDER / "seals"

pytestmark = pytest.mark.skipif(
    not SEALS.is_dir(), reason=f"no seals of others in {SEALS}; name their folder in YINXIN_INTEROP"
)


def verifies(certificate: bytes, signature: bytes, data: bytes) -> bool:
    """SM2 with SM3 and the default ID 1234567812345678, computed by gmssl."""
    point = x509.Certificate.load(certificate).public_key["public_key"].dump()[-64:].hex()
    r, s = core.SequenceOf.load(signature, spec=core.Integer).native
    verifier = sm2.CryptSM2(private_key=None, public_key=point)
    return bool(verifier.verify_with_sm3(f"{r:064x}{s:064x}", data))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("UserV1.esl", Version.GMT_0031_2014),
        ("UserV4.esl", Version.GBT_38540_2020),
        ("UserV5.esl", Version.GMT_0031_2025),
    ],
)
def test_a_seal_is_read_and_its_makers_signature_verifies(name: str, version: Version) -> None:
    data = (SEALS / name).read_bytes()
    seal = parse_seal(data)
    assert seal.version is version
    assert seal.original == data
    assert verifies(seal.maker_certificate, seal.signature, seal.signed)
    assert not verifies(seal.maker_certificate, seal.signature, seal.signed + b"\x00")


def test_a_signature_is_read_and_verifies() -> None:
    signature = parse_signature((SEALS / "SignedValueV4.dat").read_bytes())
    assert signature.version is Version.GBT_38540_2020
    assert signature.data_hash == bytes(32)
    assert verifies(signature.certificate, signature.signature, signature.signed)
    assert verifies(signature.seal.maker_certificate, signature.seal.signature, signature.seal.signed)
