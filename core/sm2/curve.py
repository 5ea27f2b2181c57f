"""The SM2 curve as data (GB/T 32918.5), and its keys in their standard encodings. The engines do the arithmetic."""

from dataclasses import dataclass

from core.algorithms import SM3
from core.asn1 import der

CURVE_OID = "1.2.156.10197.1.301"
DEFAULT_ID = b"1234567812345678"
"""GM/T 0009: the identity that every certificate, seal and signature in use hashes into Z."""

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GENERATOR = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

MISMATCH = "not a number in [1, n-2] and its own point on the SM2 curve"

KEY_ALGORITHM = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid(CURVE_OID))
_PUBLIC_KEY_PREFIX = der.sequence(KEY_ALGORITHM, der.bit_string(bytes(65)))[:-65]


def public_key_info(point: bytes) -> bytes:
    """SubjectPublicKeyInfo of a 65-octet uncompressed point."""
    if len(point) != 65 or point[0] != 4:
        raise ValueError("an SM2 public key is 65 octets that begin with 04")
    return _PUBLIC_KEY_PREFIX + point


def point_of(info: bytes) -> bytes | None:
    """The 65-octet point of an SM2 SubjectPublicKeyInfo; None if it is another kind of key."""
    is_sm2 = info.startswith(_PUBLIC_KEY_PREFIX + b"\x04") and len(info) == len(_PUBLIC_KEY_PREFIX) + 65
    return info[-65:] if is_sm2 else None


def on_curve(point: bytes) -> bool:
    """Whether the point satisfies the curve's equation; an invalid point would betray who computes with it."""
    if len(point) != 65 or point[0] != 4:
        return False
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    return x < P and y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def identity_digest(point: bytes, identity: bytes = DEFAULT_ID) -> bytes:
    """Z: SM3 over the identity, the curve and the public key (GB/T 32918.2 5.5)."""
    parameters = (A, B, *GENERATOR)
    return SM3.of(
        (len(identity) * 8).to_bytes(2, "big")
        + identity
        + b"".join(number.to_bytes(32, "big") for number in parameters)
        + point[1:]
    )


@dataclass(frozen=True, repr=False)
class KeyPair:
    """A private number and its public point. Never printed."""

    scalar: bytes
    """32 octets, big-endian."""
    point: bytes
    """65 octets: 04, X, Y."""

    def pkcs8(self) -> bytes:
        """PrivateKeyInfo (RFC 5208) around ECPrivateKey (RFC 5915)."""
        key = der.sequence(der.integer(1), der.octet_string(self.scalar), der.explicit(1, der.bit_string(self.point)))
        return der.sequence(der.integer(0), KEY_ALGORITHM, der.octet_string(key))
