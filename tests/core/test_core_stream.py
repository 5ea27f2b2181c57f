"""STREAM: what was written comes out, and nothing else opens."""

import io

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from core.errors import YinxinError
from core.keys.stream import PIECE, TAG, CipherName, DecryptingReader, EncryptingWriter, new_key

CIPHERS: tuple[CipherName, ...] = ("aes-256-gcm", "sm4-gcm")
SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7)


def encrypted(cipher: CipherName, key: bytes, clear: bytes, step: int = 100_000) -> bytes:
    file = io.BytesIO()
    writer = EncryptingWriter(file, cipher, key)
    for begin in range(0, len(clear), step):
        assert writer.write(clear[begin : begin + step]) == len(clear[begin : begin + step])
    writer.finish()
    return file.getvalue()


def opened(cipher: CipherName, key: bytes, octets: bytes) -> bytes:
    return io.BufferedReader(DecryptingReader(io.BytesIO(octets), cipher, key)).read()


def refused(cipher: CipherName, key: bytes, octets: bytes) -> bool:
    with pytest.raises(YinxinError, match="altered or cut off"):
        opened(cipher, key, octets)
    return True


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("size", SIZES)
def test_what_was_written_comes_out(cipher: CipherName, size: int) -> None:
    clear, key = bytes(range(256)) * (size // 256) + bytes(size % 256), new_key(cipher)
    octets = encrypted(cipher, key, clear)
    assert len(octets) == size + TAG * max(1, -(-size // PIECE))
    assert opened(cipher, key, octets) == clear


@given(step=st.integers(1, 3 * PIECE), sizes=st.integers(0, 3 * PIECE))
def test_it_does_not_matter_in_which_pieces_it_was_handed_in(step: int, sizes: int) -> None:
    key = bytes(32)
    clear = b"\x5a" * sizes
    whole = encrypted("aes-256-gcm", key, clear, max(step, 1000))
    assert whole == encrypted("aes-256-gcm", key, clear, max(1, sizes))


def test_each_piece_is_what_the_library_makes_with_the_nonces_of_age() -> None:
    key, clear = new_key("aes-256-gcm"), b"a" * (PIECE + 5)
    first = AESGCM(key).encrypt(bytes(12), clear[:PIECE], None)
    second = AESGCM(key).encrypt(bytes(10) + b"\x01\x01", clear[PIECE:], None)
    assert encrypted("aes-256-gcm", key, clear) == first + second


@pytest.mark.parametrize("cipher", CIPHERS)
def test_nothing_altered_opens(cipher: CipherName) -> None:
    key, clear = new_key(cipher), b"book" * PIECE  # four whole pieces
    octets = encrypted(cipher, key, clear)
    step = PIECE + TAG
    pieces = [octets[begin : begin + step] for begin in range(0, len(octets), step)]
    assert len(pieces) == 4
    swapped, doubled = [pieces[1], pieces[0], *pieces[2:]], [pieces[0], *pieces]
    for altered in (pieces[:-1], pieces[1:], swapped, doubled, [*pieces, pieces[-1]], [*pieces, b"\0"]):
        assert refused(cipher, key, b"".join(altered))
    for place in (0, PIECE, PIECE + TAG - 1, step, len(octets) - 1):
        changed = bytearray(octets)
        changed[place] ^= 1
        assert refused(cipher, key, bytes(changed))
    for length in (0, 1, TAG, step - 1, step, step + 1, len(octets) - 1):
        assert refused(cipher, key, octets[:length])
    assert refused(cipher, new_key(cipher), octets)


def test_the_end_is_written_at_the_end_only() -> None:
    file, key = io.BytesIO(), new_key("sm4-gcm")
    EncryptingWriter(file, "sm4-gcm", key).write(bytes(3 * PIECE))
    assert refused("sm4-gcm", key, file.getvalue())


def test_what_comes_before_an_altered_piece_is_given_out_and_nothing_after() -> None:
    key = new_key("sm4-gcm")
    octets = bytearray(encrypted("sm4-gcm", key, b"a" * PIECE + b"b" * PIECE))
    octets[-1] ^= 1
    reader = DecryptingReader(io.BytesIO(octets), "sm4-gcm", key)
    assert reader.read(PIECE) == b"a" * PIECE
    with pytest.raises(YinxinError):
        reader.read(1)
