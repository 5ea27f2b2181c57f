"""SM2 by the pure-Python package `gmssl`, for machines without libcrypto 3: some 130 signatures a second.

Its own `sign` draws nonces from a Mersenne Twister and so leaks the private key: here every nonce comes from `secrets`.
Its own `encrypt` does the same and its `decrypt` never looks at C3, so that only its multiplication of points is used.
"""

import secrets

from cryptography.hazmat.primitives import constant_time, hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from gmssl import sm2

from core.algorithms import SM3
from core.sm2 import cipher, curve


class GmsslEngine:
    """The engine of last resort, and an independent opinion in the tests."""

    name = "gmssl"

    def generate(self) -> curve.KeyPair:
        """A new key; the private number lies in [1, n-2] (GB/T 32918.1 6.1)."""
        scalar = secrets.randbelow(curve.N - 2) + 1
        return curve.KeyPair(scalar.to_bytes(32, "big"), _point(scalar))

    def signer(self, pair: curve.KeyPair) -> "GmsslSigner":
        """The key, ready to sign; ValueError if the number and the point do not belong together."""
        scalar = int.from_bytes(pair.scalar, "big")
        if not 0 < scalar < curve.N - 1 or _point(scalar) != pair.point:
            raise ValueError(curve.MISMATCH)
        return GmsslSigner(pair)

    def verify(self, point: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the DER signature over the message is this key's."""
        return curve.on_curve(point) and self.verify_digest(point, signature, _digest(point, message))

    def verify_digest(self, point: bytes, signature: bytes, digest: bytes) -> bool:
        """Whether the DER signature over e = SM3(Z ‖ M) is this key's."""
        try:
            r, s = decode_dss_signature(signature)
        except ValueError:
            return False
        # DER that is not minimal, or numbers out of range, are refused here: gmssl does not look.
        if not (0 < r < curve.N and 0 < s < curve.N and encode_dss_signature(r, s) == signature):
            return False
        if not curve.on_curve(point):
            return False
        checker = sm2.CryptSM2(private_key="", public_key="")
        # Set afterwards: the constructor strips every leading 0 and 4 where X begins with the octet 04.
        checker.public_key = point[1:].hex()
        try:
            return bool(checker.verify(f"{r:064x}{s:064x}", digest))
        except TypeError:  # gmssl has no point at infinity, where a signature can be made to lead
            return False

    def encrypt(self, point: bytes, message: bytes) -> bytes:
        """DER SM2Cipher of the message (one octet at least) to a public point; ValueError if it is none."""
        if not message or not curve.on_curve(point):
            raise ValueError("nothing to encrypt, or not a public key to encrypt to")
        while True:
            nonce = secrets.randbelow(curve.N - 1) + 1
            shared = _multiply(nonce, point)
            mask = _mask(shared, len(message))
            if any(mask):  # GB/T 32918.4 6.1, A5: else the message would go in clear
                return cipher.Ciphertext(_point(nonce), _check_value(shared, message), _xor(message, mask)).encoded()


class GmsslSigner:
    """A private key in memory."""

    def __init__(self, pair: curve.KeyPair) -> None:
        self._pair = pair
        self._signer = sm2.CryptSM2(private_key=pair.scalar.hex(), public_key="")

    def sign(self, message: bytes) -> bytes:
        """DER SM2Signature over the message, with Z of the default identity."""
        return self.sign_digest(_digest(self._pair.point, message))

    def sign_digest(self, digest: bytes) -> bytes:
        """DER SM2Signature over e = SM3(Z ‖ M)."""
        while True:
            nonce = secrets.randbelow(curve.N - 1) + 1
            signature = self._signer.sign(digest, f"{nonce:064x}")
            if signature is not None:  # gmssl gives None where r or s came out as zero
                return encode_dss_signature(int(signature[:64], 16), int(signature[64:], 16))

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The message in a DER SM2Cipher; ValueError if it is malformed, altered or encrypted to another key."""
        given = cipher.parse(ciphertext)
        shared = _multiply(int.from_bytes(self._pair.scalar, "big"), given.point)
        mask = _mask(shared, len(given.content))
        message = _xor(given.content, mask)
        if not any(mask) or not constant_time.bytes_eq(_check_value(shared, message), given.digest):
            raise ValueError(cipher.NOT_OURS)
        return message


def _point(scalar: int) -> bytes:
    return _multiply(scalar, b"\x04" + b"".join(number.to_bytes(32, "big") for number in curve.GENERATOR))


def _multiply(scalar: int, point: bytes) -> bytes:
    calculator = sm2.CryptSM2(private_key="", public_key="")
    return b"\x04" + bytes.fromhex(calculator._kg(scalar, point[1:].hex()))


def _mask(shared: bytes, size: int) -> bytes:
    """The KDF of GB/T 32918.4 5.4.3, which is that of ANSI X9.63 without shared information."""
    return X963KDF(hashes.SM3(), size, None).derive(shared[1:])


def _check_value(shared: bytes, message: bytes) -> bytes:
    """C3."""
    return SM3.of(shared[1:33] + message + shared[33:])


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))


def _digest(point: bytes, message: bytes) -> bytes:
    return SM3.of(curve.identity_digest(point) + message)
