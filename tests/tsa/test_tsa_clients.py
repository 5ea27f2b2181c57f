"""The service over HTTP and clients that we did not write: OpenSSL with curl, rfc3161-client, pyHanko, BouncyCastle."""

import asyncio
import hashlib
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rfc3161_client
from cryptography import x509
from pyhanko.sign.timestamps import HTTPTimeStamper

from core.algorithms import SHA256, SM3
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from tests.support.bouncycastle import cms_refusal
from tests.support.demonstration import Serving
from tests.support.openssl import openssl
from tests.support.tsa import Stamps, furnish, make_stamps, read_signature, write_pem
from tsa.client import Timestamper
from tsa.verification import read_token

DOCUMENT = "关于印发电子印章管理办法的通知".encode()


@pytest.fixture(scope="module")
def now_stamps() -> Stamps:
    """The service has the machine's clock."""
    return make_stamps(datetime.now(UTC).replace(microsecond=0) - timedelta(days=1))


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, now_stamps: Stamps) -> Iterator[Serving]:
    home = furnish(tmp_path_factory.mktemp("clients"), now_stamps)
    storage = Storage(f"sqlite:///{home / 'yinxin.db'}")
    storage.migrate()
    storage.close()
    with Serving(home, "tsa") as running:
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (Debian: curl)")
@pytest.mark.parametrize("unit", ["rsa", "p256"])
def test_openssl_and_curl(serving: Serving, now_stamps: Stamps, tmp_path: Path, unit: str) -> None:
    document, query, reply = (tmp_path / name for name in ("document", "a.tsq", "a.tsr"))
    document.write_bytes(DOCUMENT)
    openssl("ts", "-query", "-data", document, "-sha384", "-cert", "-out", query)
    header = "Content-Type: application/timestamp-query"
    url = f"{serving.url('tsa')}/tsa/{unit}"
    posting = ["curl", "-fsS", "-H", header, "--data-binary", f"@{query}", url, "-o", str(reply)]
    subprocess.run(posting, check=True, timeout=30)
    trust = write_pem(tmp_path / "root.pem", now_stamps.hierarchies[unit].root.certificate)
    for what in (("-queryfile", query), ("-data", document)):
        assert b"Verification: OK" in openssl("ts", "-verify", *what, "-in", reply, "-CAfile", trust)


@pytest.mark.parametrize("unit", ["rsa", "p256"])
def test_rfc3161_client(serving: Serving, now_stamps: Stamps, unit: str) -> None:
    request = rfc3161_client.TimestampRequestBuilder(DOCUMENT).build()
    posted = urllib.request.Request(
        f"{serving.url('tsa')}/tsa/{unit}", request.as_bytes(), {"Content-Type": "application/timestamp-query"}
    )
    with urllib.request.urlopen(posted, timeout=20) as answer:
        response = rfc3161_client.decode_timestamp_response(answer.read())
    hierarchy = now_stamps.hierarchies[unit]
    builder = rfc3161_client.VerifierBuilder.from_request(request).add_root_certificate(
        x509.load_der_x509_certificate(hierarchy.root.certificate)
    )
    verifier = builder.build()
    assert verifier.verify_message(response, DOCUMENT)
    with pytest.raises(rfc3161_client.VerificationError):
        verifier.verify_message(response, DOCUMENT + b"!")


@pytest.mark.parametrize("unit", ["sm2", "rsa", "p256"])
def test_pyhanko(serving: Serving, now_stamps: Stamps, unit: str) -> None:
    stamper = HTTPTimeStamper(f"{serving.url('tsa')}/tsa/{unit}")
    token = asyncio.run(stamper.async_timestamp(hashlib.sha256(DOCUMENT).digest(), "sha256"))
    stamped = read_token(token.dump())
    assert stamped.imprint == SHA256.of(DOCUMENT)
    assert stamped.certificate == now_stamps.hierarchies[unit].tsa.certificate


def test_sm2_by_two_that_are_not_ours(serving: Serving, now_stamps: Stamps) -> None:
    token = Timestamper(f"{serving.url('tsa')}/tsa/sm2", anchors=now_stamps.anchors).stamp(SM3, SM3.of(DOCUMENT))
    signed, signature = read_signature(token)
    point = curve.point_of(now_stamps.hierarchies["sm2"].tsa.key.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, signature, signed)
    assert not GmsslEngine().verify(point, signature, signed + b"\0")
    assert cms_refusal(token) == ""
