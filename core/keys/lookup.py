"""A key for digests by which values are found again that must not be guessed from what is stored: HMAC-SM3.

The key is derived (HKDF-Extract with SM3, RFC 5869 2.2) from the number of an SM2 key that is used for nothing else, so
that it lies on disk as private keys do: encrypted, under the passphrase of a key store.
"""

from cryptography.hazmat.primitives import hashes, hmac

from core.keys.private_key import Sm2Key


class LookupKey:
    """Makes the digests of one purpose."""

    def __init__(self, key: Sm2Key, purpose: bytes) -> None:
        self._key = _hmac(purpose, key.private_number())

    def digest(self, value: bytes) -> bytes:
        """HMAC-SM3 of the value: the same for the same value, of no use without the key."""
        return _hmac(self._key, value)


def _hmac(key: bytes, data: bytes) -> bytes:
    code = hmac.HMAC(key, hashes.SM3())
    code.update(data)
    return code.finalize()
