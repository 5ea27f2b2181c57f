"""Tokens in the hands of software that we did not write: OpenSSL, gmssl, BouncyCastle, pyHanko."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from asn1crypto import tsp
from pyhanko.sign.timestamps import TimeStamper

from core.algorithms import SHA256, SM3
from core.clock import FixedClock
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support import bouncycastle
from tests.support.tsa import Stamps, read_info, read_signature, signed_data, write_pem
from tsa.authority import TimeStampAuthority
from tsa.request import MessageImprint, TimeStampRequest
from tsa.verification import read_token

OPENSSL = shutil.which("openssl")

needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed (Debian: openssl)")


def openssl(*arguments: str | Path) -> str:
    done = subprocess.run([OPENSSL or "", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document.txt"
    path.write_text("关于印发电子印章管理办法的通知", encoding="utf-8")
    return path


@needs_openssl
@pytest.mark.parametrize("unit", ["rsa", "p256"])
@pytest.mark.parametrize("digest", ["sha256", "sha512", "sm3"])
def test_openssl_asks_and_verifies(
    authority: TimeStampAuthority, stamps: Stamps, clock: FixedClock, document: Path, unit: str, digest: str
) -> None:
    folder, hierarchy = document.parent, stamps.hierarchies[unit]
    query, reply = folder / "a.tsq", folder / "a.tsr"
    openssl("ts", "-query", "-data", document, f"-{digest}", "-cert", "-tspolicy", stamps.policy(unit), "-out", query)
    reply.write_bytes(authority.respond(query.read_bytes()))
    trust = write_pem(folder / "root.pem", hierarchy.root.certificate)
    at = ["-attime", str(int(clock.now().timestamp()))]
    assert "Verification: OK" in openssl("ts", "-verify", "-queryfile", query, "-in", reply, "-CAfile", trust, *at)
    assert "Verification: OK" in openssl("ts", "-verify", "-data", document, "-in", reply, "-CAfile", trust, *at)
    text = openssl("ts", "-reply", "-in", reply, "-text")
    assert "Status: Granted." in text
    assert "Nov  1 02:00:00 2026 GMT" in text
    assert stamps.policy(unit) in text


@needs_openssl
def test_openssl_verifies_a_token_without_certificates(
    authority: TimeStampAuthority, stamps: Stamps, clock: FixedClock, document: Path
) -> None:
    folder, hierarchy = document.parent, stamps.hierarchies["rsa"]
    query, reply = folder / "a.tsq", folder / "a.tsr"
    openssl("ts", "-query", "-data", document, "-sha384", "-no_nonce", "-out", query)
    reply.write_bytes(authority.respond(query.read_bytes(), unit="rsa"))
    trust = write_pem(folder / "root.pem", hierarchy.root.certificate)
    others = write_pem(folder / "others.pem", hierarchy.tsa.certificate, hierarchy.issuing.certificate)
    at = ["-attime", str(int(clock.now().timestamp()))]
    openssl("ts", "-verify", "-queryfile", query, "-in", reply, "-CAfile", trust, "-untrusted", others, *at)


@needs_openssl
def test_openssl_reads_a_refusal(authority: TimeStampAuthority, document: Path) -> None:
    query, reply = document.parent / "a.tsq", document.parent / "a.tsr"
    openssl("ts", "-query", "-data", document, "-sha1", "-out", query)
    reply.write_bytes(authority.respond(query.read_bytes()))
    text = openssl("ts", "-reply", "-in", reply, "-text")
    assert "Status: Rejected." in text
    assert "unrecognized or unsupported algorithm identifier" in text


def test_gmssl_verifies_an_sm2_token(authority: TimeStampAuthority, stamps: Stamps) -> None:
    token = authority.stamp(SM3, SM3.of(b"document"), unit="sm2")
    signed, signature = read_signature(token)
    point = curve.point_of(stamps.hierarchies["sm2"].tsa.key.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, signature, signed)
    assert not GmsslEngine().verify(point, signature, signed + b"\0")
    (signer,) = signed_data(token)["signer_infos"]
    attributes = {item["type"].native: item["values"] for item in signer["signed_attrs"]}
    assert attributes["message_digest"][0].native == SM3.of(read_info(token))
    bound = attributes["signing_certificate_v2"][0]["certs"][0]
    assert bound["hash_algorithm"]["algorithm"].dotted == SM3.oid
    assert bound["cert_hash"].native == SM3.of(stamps.hierarchies["sm2"].tsa.certificate)


@needs_openssl
def test_openssl_verifies_the_signature_of_an_sm2_token(
    authority: TimeStampAuthority, stamps: Stamps, tmp_path: Path
) -> None:
    signed, signature = read_signature(authority.stamp(SM3, SM3.of(b"document"), unit="sm2"))
    key, data, value = tmp_path / "key.der", tmp_path / "signed", tmp_path / "signature"
    key.write_bytes(stamps.hierarchies["sm2"].tsa.key.public_key_info)
    data.write_bytes(signed)
    value.write_bytes(signature)
    arguments = ("-verify", "-rawin", "-digest", "sm3", "-pubin", "-inkey", key, "-keyform", "DER", "-in", data)
    distid = ("-pkeyopt", "distid:1234567812345678")
    assert "Verified Successfully" in openssl("pkeyutl", *arguments, "-sigfile", value, *distid)


@pytest.mark.parametrize("unit", ["sm2", "rsa", "p256"])
def test_pyhanko_asks_and_takes(authority: TimeStampAuthority, unit: str) -> None:
    class InProcess(TimeStamper):
        async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
            return tsp.TimeStampResp.load(authority.respond(req.dump(), unit=unit))

    stamper = InProcess()  # type: ignore[no-untyped-call]
    token = asyncio.run(stamper.async_timestamp(SHA256.of(b"document"), "sha256"))
    assert read_token(token.dump()).imprint == SHA256.of(b"document")


@pytest.mark.parametrize("unit", ["sm2", "rsa", "p256"])
def test_bouncy_castle_validates(authority: TimeStampAuthority, tmp_path: Path, unit: str) -> None:
    digest = SM3 if unit == "sm2" else SHA256
    imprint = MessageImprint.of(digest, digest.of(b"document"))
    request = TimeStampRequest(imprint, nonce=99, wants_certificates=True).encode()
    (tmp_path / "a.tsq").write_bytes(request)
    (tmp_path / "a.tsr").write_bytes(authority.respond(request, unit=unit))
    done = bouncycastle.run("ReplyVerify", tmp_path / "a.tsq", tmp_path / "a.tsr")
    assert done.stdout == "valid 2026-11-01T02:00:00Z\n", done.stderr
