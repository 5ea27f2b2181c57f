"""Checkpoints: the form of C2SP, signatures of every algorithm checked by others, and notes that were tampered with."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.key import armour
from audit.notes import Checkpoint, open_checkpoint, read_checkpoint, sign_checkpoint
from core.algorithms import SHA256, SM3, Digest, KeyKind
from core.errors import YinxinError
from core.keys.private_key import generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support.openssl import openssl

AT = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


def checkpoint_of(size: int = 7, digest: Digest = SM3) -> Checkpoint:
    return Checkpoint("audit.example/0a1b", size, digest.of(b"root"), digest, AT)


def parts(note: bytes) -> tuple[bytes, str, bytes, bytes]:
    """As another implementation of signed notes would read it: text, name, key ID, signature."""
    text, signatures = note.decode().rsplit("\n\n", 1)
    (line,) = signatures.splitlines()
    assert line.startswith("— ")
    _dash, name, value = line.split(" ")
    octets = base64.b64decode(value)
    return (text + "\n").encode(), name, octets[:4], octets[4:]


def test_the_form() -> None:
    note = sign_checkpoint(checkpoint_of(), generate(KeyKind.P256))
    lines = note.decode().split("\n")
    assert lines[:2] == ["audit.example/0a1b", "7"]
    assert base64.b64decode(lines[2]) == SM3.of(b"root")
    assert lines[3:6] == ["digest sm3", "time 2026-11-01T02:00:00.000000+00:00", ""]
    assert lines[6].startswith("— audit.example/0a1b ") and lines[7:] == [""]


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384])
def test_others_find_the_signature_good(kind: KeyKind, tmp_path: Path) -> None:
    signer = generate(kind)
    note = sign_checkpoint(checkpoint_of(), signer)
    text, name, key_id, signature = parts(note)
    identifier = b"\xffyinxin/" + signer.algorithm.name.encode()
    assert key_id == hashlib.sha256(name.encode() + b"\n" + identifier + signer.public_key_info).digest()[:4]
    if kind is KeyKind.SM2:
        point = curve.point_of(signer.public_key_info)
        assert point is not None and GmsslEngine().verify(point, signature, text)
        assert not GmsslEngine().verify(point, signature, text + b"x")
        return
    (tmp_path / "key.pem").write_bytes(armour(signer.public_key_info))
    (tmp_path / "signature").write_bytes(signature)
    (tmp_path / "text").write_bytes(text)
    given = ("-verify", tmp_path / "key.pem", "-signature", tmp_path / "signature", tmp_path / "text")
    said = openssl("dgst", f"-{signer.algorithm.digest.name}", *given)
    assert said == b"Verified OK\n"


def test_it_says_what_was_signed() -> None:
    signer = generate(KeyKind.SM2)
    for checkpoint in (checkpoint_of(), checkpoint_of(0, SHA256), checkpoint_of(10**17)):
        note = sign_checkpoint(checkpoint, signer)
        assert open_checkpoint(note, signer.public_key_info) == read_checkpoint(note) == checkpoint


def test_another_key_signed_nothing() -> None:
    note = sign_checkpoint(checkpoint_of(), generate(KeyKind.SM2))
    with pytest.raises(YinxinError, match="not signed by this audit key"):
        open_checkpoint(note, generate(KeyKind.SM2).public_key_info)


def test_witnesses_may_sign_too() -> None:
    signer = generate(KeyKind.P256)
    note = sign_checkpoint(checkpoint_of(), signer)
    witnessed = note + f"— witness.example/w1 {base64.b64encode(bytes(68)).decode()}\n".encode()
    assert open_checkpoint(witnessed, signer.public_key_info) == checkpoint_of()


SIGNER = generate(KeyKind.P256)
NOTE = sign_checkpoint(checkpoint_of(), SIGNER)


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_any_changed_octet_is_found(place: int, change: int) -> None:
    altered = bytearray(NOTE)
    altered[place] ^= change
    with pytest.raises(YinxinError):
        open_checkpoint(bytes(altered), SIGNER.public_key_info)


@given(st.binary(max_size=300))
def test_anything_else_is_refused_in_words(octets: bytes) -> None:
    with pytest.raises(YinxinError):
        read_checkpoint(octets)


@pytest.mark.parametrize(
    "text",
    [
        "o\n07\n{root}\ndigest sm3\ntime {at}\n",
        "o\n-1\n{root}\ndigest sm3\ntime {at}\n",
        "o\n7\n{root}\ndigest md5\ntime {at}\n",
        "o\n7\nAAAA\ndigest sm3\ntime {at}\n",
        "o\n7\n{root}\ndigest sm3\ntime 2026-11-01T02:00:00\n",
        "o\n7\n{root}\ndigest sm3\ntime 2026-11-01T10:00:00.000000+08:00\n",
        "o\n7\n{root}\ndigest sm3\ntime {at}\nmore\n",
        "o\n7\n{root}\n",
    ],
)
def test_another_writing_of_it_is_none(text: str) -> None:
    root = base64.b64encode(SM3.of(b"root")).decode()
    at = (AT + timedelta()).isoformat(timespec="microseconds")
    note = text.format(root=root, at=at).encode() + b"\n" + NOTE.rpartition(b"\n\n")[2]
    with pytest.raises(YinxinError):
        read_checkpoint(note)
