"""The contracts of private keys in use: what signs, and what decrypts."""

from typing import Protocol

from core.algorithms import Algorithm


class Signer(Protocol):
    """A private key in use: in a file, or later in a PKCS#11 device. Nobody else touches private key bytes."""

    @property
    def algorithm(self) -> Algorithm:
        """What `sign` produces."""
        ...

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over the data, hashed here: DER for SM2 and ECDSA. Threads may share a signer."""
        ...


class Decrypter(Protocol):
    """A private key that opens what was encrypted to it."""

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        ...

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The message in a DER SM2Cipher; `YinxinError` if it is none, altered or for another key."""
        ...
