"""Octets of any length, encrypted and authenticated piece by piece: the STREAM construction (Hoang, Reyhanitabar,
Rogaway and Vizár, 2015) with nonces as C2SP's age has them, over AES-256-GCM or SM4-GCM.

A nonce is the number of the piece in 11 octets and one octet that is 1 for the last piece only: pieces that are
missing, doubled, in another order or cut off at the end do not open. A key encrypts one stream and never another.
"""

import io
import secrets
from collections.abc import Callable, Mapping
from typing import IO, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes

from core.errors import Kind, YinxinError
from core.i18n import _

CipherName = Literal["aes-256-gcm", "sm4-gcm"]
_CIPHERS: Mapping[CipherName, tuple[Callable[[bytes], BlockCipherAlgorithm], int]] = {
    "aes-256-gcm": (algorithms.AES256, 32),
    "sm4-gcm": (algorithms.SM4, 16),
}
PIECE = 64 * 1024
"""Octets of a piece in clear."""
TAG = 16


def new_key(cipher: CipherName) -> bytes:
    """A key for one stream."""
    return secrets.token_bytes(_CIPHERS[cipher][1])


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class EncryptingWriter(io.RawIOBase):
    """Writes to a file what is written to it, encrypted. Without `close` the stream has no end, and never opens."""

    def __init__(self, file: IO[bytes], cipher: CipherName, key: bytes) -> None:
        self._file, self._algorithm = file, _CIPHERS[cipher][0](key)
        self._waiting = bytearray()
        self._number = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Take all of it."""
        self._waiting += data
        # A piece goes when more follows: which is the last is known at the end only.
        while len(self._waiting) > PIECE:
            self._put(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(data)

    def finish(self) -> None:
        """Write the last piece; the file stays open."""
        self._put(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _put(self, piece: bytes, *, last: bool) -> None:
        encryptor = Cipher(self._algorithm, modes.GCM(_nonce(self._number, last=last))).encryptor()
        self._file.write(encryptor.update(piece) + encryptor.finalize() + encryptor.tag)
        self._number += 1


class DecryptingReader(io.RawIOBase):
    """Reads in clear what a file has encrypted; nothing is given out before its piece was authenticated.

    `YinxinError` (invalid) if the stream was altered or cut off, or is of another key.
    """

    def __init__(self, file: IO[bytes], cipher: CipherName, key: bytes) -> None:
        self._file, self._algorithm = file, _CIPHERS[cipher][0](key)
        self._next = file.read(PIECE + TAG)
        self._clear = memoryview(b"")
        self._number = 0
        self._ended = False

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill the buffer, or as much of it as a piece has; 0 at the end."""
        while not self._clear and not self._ended:
            self._take()
        count = min(len(buffer), len(self._clear))
        buffer[:count] = self._clear[:count]
        self._clear = self._clear[count:]
        return count

    def _take(self) -> None:
        piece, self._next = self._next, self._file.read(PIECE + TAG)
        last = not self._next
        mode = modes.GCM(_nonce(self._number, last=last), piece[-TAG:]) if len(piece) >= TAG else None
        if mode is None:
            raise _altered()
        decryptor = Cipher(self._algorithm, mode).decryptor()
        try:
            self._clear = memoryview(decryptor.update(piece[:-TAG]) + decryptor.finalize())
        except InvalidTag:
            raise _altered() from None
        self._number += 1
        self._ended = last


def _altered() -> YinxinError:
    return YinxinError(Kind.INVALID, _("what is encrypted here was altered or cut off, or is of another key"))
