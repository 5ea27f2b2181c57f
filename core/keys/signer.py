"""The contracts of private keys in use: what signs, and what decrypts."""

from typing import Protocol, runtime_checkable

from core.algorithms import Algorithm, Family


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


@runtime_checkable
class DigestSigner(Signer, Protocol):
    """A signer that also signs what was hashed elsewhere, piece by piece (`core.keys.verification.message_digest`)."""

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over the data of this digest."""
        ...


def is_quick(signer: Signer) -> bool:
    """Whether signing takes less time than asking another thread to: ECDSA, and not in a token, which may be far."""
    return signer.algorithm.family is Family.ECDSA and not getattr(signer, "in_token", False)


class Decrypter(Protocol):
    """A private key that opens what was encrypted to it."""

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        ...

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The message in a DER SM2Cipher; `YinxinError` if it is none, altered or for another key."""
        ...
