"""Whether a public key is good enough to be certified: its kind, its encoding, and the weaknesses that can be seen."""

from dataclasses import dataclass
from functools import cache
from math import gcd, isqrt, prod

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ca.profiles import KeyType
from core.errors import Kind, YinxinError
from core.i18n import _
from core.sm2 import curve

SMALL_PRIME_BOUND = 2**13
FERMAT_ROUNDS = 100
"""NIST SP 800-56B and practice: primes so close that this many steps find them were not drawn at random."""
MAXIMUM_RSA_BITS = 16384

_MODULUS = 5040
_SQUARES = frozenset(number * number % _MODULUS for number in range(_MODULUS))
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


@dataclass(frozen=True)
class PublicKeyFacts:
    """What kind of key it is."""

    type: KeyType
    bits: int


def examine_key(public_key_info: bytes) -> PublicKeyFacts:
    """The kind of this key (SPKI DER). `YinxinError` if it cannot be read, is off its curve, or is weak."""
    if curve.KEY_ALGORITHM in public_key_info[:32]:
        point = curve.point_of(public_key_info)
        if point is None or not curve.on_curve(point):
            raise _weak(_("the SM2 public key is not a point of the curve, or is compressed"))
        return PublicKeyFacts(KeyType.SM2, 256)
    try:
        key = serialization.load_der_public_key(public_key_info)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _weak(_("the public key cannot be read, or is of a kind that is not used here")) from None
    canonical = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if canonical != public_key_info:
        # Another encoding of the same key would pass by the check for keys in use.
        raise _weak(_("the public key is not in its standard encoding"))
    match key:
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            return PublicKeyFacts(KeyType.P256, 256)
        case ec.EllipticCurvePublicKey(curve=ec.SECP384R1()):
            return PublicKeyFacts(KeyType.P384, 384)
        case rsa.RSAPublicKey():
            numbers = key.public_numbers()
            check_rsa(numbers.n, numbers.e)
            return PublicKeyFacts(KeyType.RSA, key.key_size)
        case _:
            raise _weak(_("the public key is of a kind that is not used here"))


def check_rsa(modulus: int, exponent: int) -> None:
    """Return if nothing weak is seen in this RSA key; else `YinxinError`."""
    if not 2048 <= modulus.bit_length() <= MAXIMUM_RSA_BITS:
        raise _weak(_("an RSA key has 2048 bits at least (FIPS 186-5 5.1)"))
    if exponent % 2 == 0 or not 2**16 < exponent < 2**256:
        raise _weak(_("the public exponent is even, too small or too large (FIPS 186-5 5.1 asks for 65537 or more)"))
    if gcd(modulus, _small_primes_product()) != 1:
        raise _weak(_("the modulus has a small prime factor"))
    if _primes_are_close(modulus):
        raise _weak(_("the two primes are so close that the key can be factored (Fermat)"))
    if _has_roca_fingerprint(modulus):
        raise _weak(_("the key was made by a faulty chip (ROCA, CVE-2017-15361)"))


@cache
def _small_primes_product() -> int:
    sieve = bytearray([1]) * SMALL_PRIME_BOUND
    for number in range(2, isqrt(SMALL_PRIME_BOUND) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, SMALL_PRIME_BOUND, number)))
    return prod(number for number in range(2, SMALL_PRIME_BOUND) if sieve[number])


def _primes_are_close(modulus: int) -> bool:
    root = isqrt(modulus)
    root += root * root < modulus
    difference = root * root - modulus
    for candidate in range(root, root + FERMAT_ROUNDS):
        # 24 of 25 numbers are no squares by their remainder alone, which saves as many roots.
        if difference % _MODULUS in _SQUARES and isqrt(difference) ** 2 == difference:
            return True
        difference += 2 * candidate + 1
    return False


@cache
def _powers_of_65537(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1))


def _has_roca_fingerprint(modulus: int) -> bool:
    """Faulty moduli are powers of 65537 modulo every small prime; a sound one is so by chance once in 2·10^8."""
    return all(modulus % prime in _powers_of_65537(prime) for prime in _ROCA_PRIMES)


def _weak(what: str) -> YinxinError:
    return YinxinError(Kind.INVALID, what, remedy=_("make a new key pair"))
