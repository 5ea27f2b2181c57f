"""SM2 ciphertexts (GB/T 32918.4) as data: one writing, SM2Cipher of GM/T 0009, and the raw ones that are met."""

from dataclasses import dataclass
from typing import Literal

from asn1crypto import core as asn1

from core.asn1 import der
from core.sm2 import curve

DIGEST_SIZE = 32
NOT_OURS = "altered, or encrypted to another key"
RawOrder = Literal["C1C3C2", "C1C2C3"]


class _Sm2Cipher(asn1.Sequence):  # type: ignore[misc]
    """SM2Cipher."""

    _fields = [  # noqa: RUF012
        ("x", asn1.Integer),
        ("y", asn1.Integer),
        ("digest", asn1.OctetString),
        ("content", asn1.OctetString),
    ]


@dataclass(frozen=True)
class Ciphertext:
    """C1, C3 and C2 of GB/T 32918.4."""

    point: bytes
    """C1: 65 octets, a point of the curve."""
    digest: bytes
    """C3: SM3 over x2, message and y2."""
    content: bytes
    """C2: as long as the message, which is never empty."""

    def __post_init__(self) -> None:
        # A point off the curve would betray the private number of whoever multiplies it.
        if not curve.on_curve(self.point) or len(self.digest) != DIGEST_SIZE or not self.content:
            raise ValueError("not an SM2 ciphertext")

    def encoded(self) -> bytes:
        """SM2Cipher, DER."""
        x, y = (int.from_bytes(half, "big") for half in (self.point[1:33], self.point[33:]))
        return der.sequence(
            der.integer(x), der.integer(y), der.octet_string(self.digest), der.octet_string(self.content)
        )


def parse(data: bytes) -> Ciphertext:
    """Read an SM2Cipher (DER); ValueError if it is none."""
    try:
        read = _Sm2Cipher.load(data, strict=True)
        x, y = read["x"].native, read["y"].native
        point = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")
        return Ciphertext(point, read["digest"].native, read["content"].native)
    except (TypeError, KeyError, OverflowError) as error:
        raise ValueError("not an SM2 ciphertext") from error


def parse_raw(data: bytes, order: RawOrder) -> Ciphertext:
    """Read the concatenated octets, with or without the 04 of the point before them; ValueError if too short.

    Nothing in the octets says in which order they are; that is found out by decrypting. CFCA's SADK before 3.2 writes
    C1C2C3 without 04.
    """
    for size in (65, 64):
        point = data[:size] if size == 65 else b"\x04" + data[:size]
        rest = data[size:]
        if not curve.on_curve(point) or len(rest) <= DIGEST_SIZE:
            continue
        if order == "C1C3C2":
            return Ciphertext(point, rest[:DIGEST_SIZE], rest[DIGEST_SIZE:])
        return Ciphertext(point, rest[-DIGEST_SIZE:], rest[:-DIGEST_SIZE])
    raise ValueError("not an SM2 ciphertext")
