"""Seals in the hands of software that we did not write: OpenSSL, gmssl, BouncyCastle, poppler, pyHanko itself."""

import asyncio
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import cms, pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.pdf_embedded import async_validate_pdf_signature, async_validate_pdf_timestamp
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from core.algorithms import SM3
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from seals.levels import Level
from seals.pades.policy import AllowedAlgorithms
from seals.pades.validator import RegistryValidator
from tests.support import bouncycastle, pdf
from tests.support.openssl import SM2_ID, openssl, verifies
from tests.support.sealing import Office

needs_pdfsig = pytest.mark.skipif(
    shutil.which("pdfsig") is None, reason="pdfsig is not installed (Debian: poppler-utils)"
)
needs_certutil = pytest.mark.skipif(
    shutil.which("certutil") is None, reason="certutil is not installed (Debian: libnss3-tools)"
)


def signatures_in(document: bytes) -> list[tuple[cms.SignedData, bytes]]:
    """Every CMS in the document, with what it signs: the seal, its time stamp, the document timestamp."""
    found = []
    for which in range(len(pdf.BYTE_RANGE.findall(document))):
        message = cms.ContentInfo.load(pdf.contents(document, which))
        found.append((message["content"], pdf.signed_octets(document, which)))
        (info,) = message["content"]["signer_infos"]
        for attribute in info["unsigned_attrs"] or ():
            if attribute["type"].native == "signature_time_stamp_token":
                token = attribute["values"][0]["content"]
                found.append((token, info["signature"].native))
    return found


def signature_of(signed_data: cms.SignedData) -> tuple[x509.Certificate, bytes, bytes]:
    """The signer's certificate, the signature, and the octets of the signed attributes as they lie in the file."""
    (info,) = signed_data["signer_infos"]
    attributes = b"\x31" + info["signed_attrs"].dump()[1:]
    serial = info["sid"].chosen["serial_number"].native
    issuer = info["sid"].chosen["issuer"].dump()
    (signer,) = [
        choice.chosen
        for choice in signed_data["certificates"]
        if choice.chosen.serial_number == serial and choice.chosen.issuer.dump() == issuer
    ]
    return signer, info["signature"].native, attributes


def test_gmssl_and_openssl_verify_every_sm2_signature(sealed_sm2: bytes, tmp_path: Path) -> None:
    found = signatures_in(sealed_sm2)
    assert len(found) == 3
    for signed_data, _octets in found:
        signer, signature, attributes = signature_of(signed_data)
        spki = signer.public_key.dump()
        point = curve.point_of(spki)
        assert point is not None
        assert GmsslEngine().verify(point, signature, attributes)
        assert not GmsslEngine().verify(point, signature, attributes + b"x")
        assert verifies(tmp_path, spki, signature, attributes, "sm3", [SM2_ID])


def test_the_message_digests_are_plain_sm3(sealed_sm2: bytes) -> None:
    (seal, octets), (_token, stamped), (document_timestamp, covered) = signatures_in(sealed_sm2)
    assert message_digest(seal) == SM3.of(octets)
    for token, data in ((_token, stamped), (document_timestamp, covered)):
        imprint = token["encap_content_info"]["content"].parsed["message_imprint"]
        assert imprint["hash_algorithm"]["algorithm"].dotted == SM3.oid
        assert imprint["hashed_message"].native == SM3.of(data)
        assert message_digest(token) == SM3.of(bytes(token["encap_content_info"]["content"]))


def message_digest(signed_data: cms.SignedData) -> bytes:
    (info,) = signed_data["signer_infos"]
    (digest,) = [item for item in info["signed_attrs"] if item["type"].native == "message_digest"]
    value: bytes = digest["values"][0].native
    return value


def test_openssl_verifies_the_rsa_seal_and_its_time_stamps(
    sealed_rsa: bytes, rsa_office: Office, tmp_path: Path
) -> None:
    root = tmp_path / "root.pem"
    root.write_bytes(pem.armor("CERTIFICATE", rsa_office.root.certificate))
    message, content, out = tmp_path / "seal.der", tmp_path / "content", tmp_path / "out"
    message.write_bytes(pdf.contents(sealed_rsa))
    content.write_bytes(pdf.signed_octets(sealed_rsa))
    at = ("-attime", str(int(rsa_office.clock.now().timestamp())))
    files = ("-inform", "DER", "-in", message, "-content", content, "-binary", "-CAfile", root, "-out", out)
    openssl("cms", "-verify", *files, *at, "-purpose", "any")
    assert out.read_bytes() == content.read_bytes()
    for signed_data, octets in signatures_in(sealed_rsa)[1:]:
        token, data = tmp_path / "token.der", tmp_path / "stamped"
        token.write_bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed_data}).dump())
        data.write_bytes(octets)
        openssl("ts", "-verify", "-token_in", "-in", token, "-data", data, "-CAfile", root, *at)


@needs_pdfsig
def test_pdfsig_calls_the_rsa_seal_valid(rsa_office: Office, plain: bytes, sealed_rsa: bytes, tmp_path: Path) -> None:
    alone, archived = tmp_path / "b-t.pdf", tmp_path / "b-lta.pdf"
    alone.write_bytes(rsa_office.sealed(plain, Level.B_T))
    archived.write_bytes(sealed_rsa)
    words = pdfsig("-nocert", alone)
    assert "Signature Validation: Signature is Valid." in words
    assert "- Total document signed" in words
    # Of an archived document, the document timestamp is what covers everything.
    first, second = pdfsig("-nocert", archived).split("Signature #2")
    assert "Signature Validation: Signature is Valid." in first
    assert "- Total document signed" in second


@needs_pdfsig
@needs_certutil
def test_pdfsig_trusts_the_chain(rsa_office: Office, plain: bytes, tmp_path: Path) -> None:
    store = tmp_path / "nss"
    store.mkdir()
    subprocess.run(["certutil", "-N", "-d", f"sql:{store}", "--empty-password"], check=True)
    for label, party in (("root", rsa_office.root), ("issuing", rsa_office.issuing)):
        file = tmp_path / f"{label}.pem"
        file.write_bytes(pem.armor("CERTIFICATE", party.certificate))
        trust = ("-t", "C,C,C") if party is rsa_office.root else ("-t", ",,")
        subprocess.run(["certutil", "-A", "-d", f"sql:{store}", "-n", label, *trust, "-a", "-i", file], check=True)
    sealed = tmp_path / "sealed.pdf"
    sealed.write_bytes(rsa_office.sealed(plain, Level.B_T))
    assert "Signature is Valid." in pdfsig("-nssdir", f"sql:{store}", sealed)


@needs_pdfsig
def test_pdfsig_notices_a_changed_seal(sealed_rsa: bytes, tmp_path: Path) -> None:
    changed = tmp_path / "changed.pdf"
    changed.write_bytes(sealed_rsa.replace(b"595.276", b"595.275", 1))
    assert "Signature is Valid." not in pdfsig("-nocert", changed)


def pdfsig(*arguments: str | Path) -> str:
    done = subprocess.run(["pdfsig", *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["sm2", "rsa"])
def test_pyhankos_own_validation_with_our_validator(request: pytest.FixtureRequest, kind: str) -> None:
    office: Office = request.getfixturevalue(f"{kind}_office")
    reader = PdfFileReader(BytesIO(request.getfixturevalue(f"sealed_{kind}")))
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(office.root.certificate)],
        other_certs=[x509.Certificate.load(office.issuing.certificate)],
        crls=office.crls(),
        moment=office.clock.now(),
        allow_fetching=False,
        revocation_mode="require",
        signature_validator=RegistryValidator(),
        algorithm_usage_policy=AllowedAlgorithms(),
    )
    seal, timestamp = reader.embedded_signatures
    usage = KeyUsageConstraints(key_usage={"non_repudiation"})
    status = asyncio.run(async_validate_pdf_signature(seal, context, key_usage_settings=usage))
    assert status.bottom_line
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.trusted
    assert asyncio.run(async_validate_pdf_timestamp(timestamp, context)).trusted


def test_bouncy_castle_verifies_every_signature(sealed_sm2: bytes, sealed_rsa: bytes, tmp_path: Path) -> None:
    files: list[str | Path] = []
    for number, (signed_data, octets) in enumerate([*signatures_in(sealed_sm2), *signatures_in(sealed_rsa)]):
        message, content = tmp_path / f"{number}.der", tmp_path / f"{number}.data"
        message.write_bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed_data}).dump())
        detached = signed_data["encap_content_info"]["content_type"].native == "data"
        content.write_bytes(octets if detached else b"")
        files += [message, content]
    done = bouncycastle.run("SealVerify", *files)
    assert done.stdout.split() == ["valid"] * 6, done.stderr
