"""Signed requests (RFC 9421), their signatures checked by software that is not ours over a base written by hand."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import pem
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import RSA_PSS_SHA256, KeyKind
from core.errors import YinxinError
from core.http_signatures import Message, claimed_key_id, sign_request, verify_request
from core.keys.private_key import PrivateKey, generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
URL = "https://ra.example.gov.cn/api?x=1"
BODY = b"{}"
BODY_DIGEST = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="
"""`printf '{}' | openssl dgst -sha256 -binary | base64`"""


def signed(key: PrivateKey) -> Message:
    message = Message("POST", URL, {"Content-Type": "application/json", "Idempotency-Key": "k"})
    sign_request(message, BODY, key, key_id="li.enter", tag="t", created=NOW, nonce="n")
    return message


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384])
def test_others_verify_what_was_signed(kind: KeyKind, tmp_path: Path) -> None:
    key = generate(kind)
    message = signed(key)
    base = "\n".join(
        (
            '"@method": POST',
            '"@authority": ra.example.gov.cn',
            '"@path": /api',
            '"@query": ?x=1',
            '"content-type": application/json',
            '"idempotency-key": k',
            f'"content-digest": sha-256=:{BODY_DIGEST}:',
            f'"@signature-params": {message.headers["Signature-Input"].removeprefix("operator=")}',
        )
    ).encode()
    signature = base64.b64decode(message.headers["Signature"].removeprefix("operator=:").removesuffix(":"))
    proof = verify_request(message, BODY, key.algorithm, key.public_key_info, tag="t", now=NOW)
    assert (proof.key_id, proof.nonce, proof.created) == ("li.enter", "n", NOW)
    assert claimed_key_id(message, "t") == "li.enter"
    if kind is KeyKind.SM2:
        point = curve.point_of(key.public_key_info)
        assert point is not None
        assert GmsslEngine().verify(point, signature, base)
        assert not GmsslEngine().verify(point, signature, base + b" ")
        return
    if kind in (KeyKind.P256, KeyKind.P384):
        half = len(signature) // 2
        assert half == {KeyKind.P256: 32, KeyKind.P384: 48}[kind]
        signature = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
    (tmp_path / "key.pem").write_bytes(pem.armor("PUBLIC KEY", key.public_key_info))
    (tmp_path / "base").write_bytes(base)
    (tmp_path / "signature").write_bytes(signature)
    digest = "-sha384" if kind is KeyKind.P384 else "-sha256"
    command = ["openssl", "dgst", digest, "-verify", "key.pem", "-signature", "signature", "base"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).stdout == b"Verified OK\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Type", "text/plain"),
        ("Idempotency-Key", "other"),
        ("Content-Digest", f"sha-256=:{'A' * 43}=:"),
        ("If-Match", '"added"'),
        ("Signature", "operator=::"),
        ("Signature", "operator=:AAAA:"),
    ],
)
def test_a_header_that_was_changed_or_added(name: str, value: str) -> None:
    key = generate(KeyKind.P256)
    message = signed(key)
    message.headers[name] = value
    with pytest.raises(YinxinError):
        verify_request(message, BODY, key.algorithm, key.public_key_info, tag="t", now=NOW)


@pytest.mark.parametrize("change", ["method", "host", "path", "query", "body", "key", "tag", "late", "early"])
def test_anything_else_that_was_changed(change: str) -> None:
    key = generate(KeyKind.SM2)
    message, body, tag, now, public = signed(key), BODY, "t", NOW, key.public_key_info
    match change:
        case "method":
            message.method = "PUT"
        case "host":
            message.url = message.url.replace("ra.", "rb.")
        case "path":
            message.url = message.url.replace("/api", "/apo")
        case "query":
            message.url = message.url.replace("x=1", "x=2")
        case "body":
            body = b"{ }"
        case "key":
            public = generate(KeyKind.SM2).public_key_info
        case "tag":
            tag = "u"
        case "late":
            now += timedelta(minutes=7)
        case "early":
            now -= timedelta(minutes=2)
    with pytest.raises(YinxinError):
        verify_request(message, body, key.algorithm, public, tag=tag, now=now)


def test_a_body_cannot_be_left_out_of_the_signature() -> None:
    key = generate(KeyKind.SM2)
    message = Message("POST", URL)
    sign_request(message, b"", key, key_id="li.enter", tag="t", created=NOW, nonce="n")
    with pytest.raises(YinxinError):
        verify_request(message, BODY, key.algorithm, key.public_key_info, tag="t", now=NOW)


def test_a_nonce_is_needed() -> None:
    key = generate(KeyKind.SM2)
    message = Message("GET", URL)
    sign_request(message, b"", key, key_id="li.enter", tag="t", created=NOW, nonce="")
    with pytest.raises(YinxinError):
        verify_request(message, b"", key.algorithm, key.public_key_info, tag="t", now=NOW)


def test_an_algorithm_that_has_no_name_there() -> None:
    key = generate(KeyKind.P256)
    with pytest.raises(YinxinError):
        verify_request(Message("GET", URL), b"", RSA_PSS_SHA256, key.public_key_info, tag="t", now=NOW)


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_headers_of_any_kind_are_refused_and_nothing_else(signature_input: str, signature: str) -> None:
    message = Message("GET", URL, {"Signature-Input": signature_input, "Signature": signature})
    with pytest.raises(YinxinError):
        claimed_key_id(message, "t")
    with pytest.raises(YinxinError):
        verify_request(message, b"", ALGORITHM, SPKI, tag="t", now=NOW)


_KEY = generate(KeyKind.P256)
ALGORITHM, SPKI = _KEY.algorithm, _KEY.public_key_info
