"""SM2 signatures and encryption (GB/T 32918): one engine at first use, libcrypto where it is, `gmssl` where it is not.

Another engine comes in as one more file with the two protocols below.
"""

import logging
from functools import cache
from typing import Protocol

from core.sm2 import curve
from core.sm2.curve import KeyPair

__all__ = ["Engine", "KeyPair", "PreparedKey", "curve", "engine"]

log = logging.getLogger(__name__)


class PreparedKey(Protocol):
    """A private key, ready for many signatures, by several threads."""

    def sign(self, message: bytes) -> bytes:
        """DER SM2Signature over the message, with Z of the default identity."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """DER SM2Signature over e = SM3(Z ‖ M), computed elsewhere (GB/T 32918.2 6.1)."""
        ...

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The message in a DER SM2Cipher; ValueError if it is malformed, altered or encrypted to another key."""
        ...


class Engine(Protocol):
    """What does the arithmetic."""

    name: str

    def generate(self) -> KeyPair:
        """A new key."""
        ...

    def signer(self, pair: KeyPair) -> PreparedKey:
        """The key, prepared; ValueError if the number and the point do not belong together."""
        ...

    def verify(self, point: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the DER signature over the message is that of the 65-octet public point; False if it is no point."""
        ...

    def verify_digest(self, point: bytes, signature: bytes, digest: bytes) -> bool:
        """Like `verify`, over e = SM3(Z ‖ M)."""
        ...

    def encrypt(self, point: bytes, message: bytes) -> bytes:
        """DER SM2Cipher of a message (one octet at least) to a 65-octet public point; ValueError if it is no point."""
        ...


@cache
def engine() -> Engine:
    """The engine of this process."""
    try:
        from core.sm2.libcrypto import LibcryptoEngine
    except OSError as error:
        from core.sm2.fallback import GmsslEngine

        log.warning(
            "%s: SM2 runs in pure Python, about 130 signatures a second instead of 2,500. "
            "Install OpenSSL 3 (Debian: libssl3).",
            error,
        )
        return GmsslEngine()
    return LibcryptoEngine()
