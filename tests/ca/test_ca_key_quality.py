"""Keys that must not be certified, each made weak in its own way."""

import secrets
from math import isqrt, prod

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.key_quality import FERMAT_ROUNDS, _primes_are_close, check_rsa, examine_key
from ca.profiles import KeyType
from core.algorithms import KeyKind
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.sm2 import curve
from tests.support.ca import pooled_key


def info(key: "rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey") -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def is_prime(number: int) -> bool:
    """Miller and Rabin, with random bases."""
    if number % 2 == 0:
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _round in range(12):
        power = pow(secrets.randbelow(number - 3) + 2, odd, number)
        if power in (1, number - 1):
            continue
        for _square in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def sound_modulus() -> int:
    public = serialization.load_der_public_key(pooled_key("quality", KeyKind.RSA_2048).public_key_info)
    assert isinstance(public, rsa.RSAPublicKey)
    return public.public_numbers().n


@pytest.mark.parametrize(
    ("kind", "expected", "bits"),
    [
        (KeyKind.SM2, KeyType.SM2, 256),
        (KeyKind.RSA_2048, KeyType.RSA, 2048),
        (KeyKind.P256, KeyType.P256, 256),
        (KeyKind.P384, KeyType.P384, 384),
    ],
)
def test_sound_keys_are_told_apart(kind: KeyKind, expected: KeyType, bits: int) -> None:
    facts = examine_key(pooled_key("quality", kind).public_key_info)
    assert (facts.type, facts.bits) == (expected, bits)


def test_short_rsa() -> None:
    short = rsa.generate_private_key(65537, 1024).public_key()
    with pytest.raises(YinxinError, match="2048 bits"):
        examine_key(info(short))


@pytest.mark.parametrize("exponent", [1, 3, 17, 65536, 2**16, 65538, 2**256 + 1])
def test_exponents(exponent: int) -> None:
    with pytest.raises(YinxinError, match="exponent"):
        check_rsa(sound_modulus(), exponent)


@pytest.mark.parametrize("prime", [3, 7, 751, 8191])
def test_small_factors(prime: int) -> None:
    with pytest.raises(YinxinError, match="small prime"):
        check_rsa((1 << 2060 | 1) // prime * prime, 65537)


def test_close_primes() -> None:
    # A number of this form is enough: the check looks at the distance, not at primality.
    low = (1 << 1040) + 0x169
    while any(low % prime == 0 or (low + 2**500) % prime == 0 for prime in range(3, 8192, 2)):
        low += 2
    with pytest.raises(YinxinError, match="Fermat"):
        check_rsa(low * (low + 2**500), 65537)


@settings(deadline=None)
@given(st.integers(2**1030, 2**1040), st.integers(1, 2**540))
def test_the_remainders_hide_no_square(number: int, distance: int) -> None:
    """Against the plain search, without a short cut."""
    modulus = (2 * number + 1) * (2 * (number + distance) + 1)
    begin = isqrt(modulus - 1) + 1
    differences = [candidate**2 - modulus for candidate in range(begin, begin + FERMAT_ROUNDS)]
    assert _primes_are_close(modulus) == any(isqrt(one) ** 2 == one for one in differences)


def test_sound_rsa_passes() -> None:
    check_rsa(sound_modulus(), 65537)


def test_roca() -> None:
    """A modulus made as the faulty chips did: p = k·M + 65537^a mod M, M the product of the first primes."""
    primes = [number for number in range(2, 400) if all(number % divisor for divisor in range(2, number))]
    product = prod(primes[:71])

    def faulty_prime() -> int:
        while True:
            candidate = (secrets.randbits(560) | 1 << 559) * product + pow(65537, secrets.randbits(200), product)
            if candidate % 2 and is_prime(candidate):
                return candidate

    modulus = faulty_prime() * faulty_prime()
    with pytest.raises(YinxinError, match="ROCA"):
        check_rsa(modulus, 65537)


def test_points_off_the_curve() -> None:
    point = bytearray(pooled_key("quality", KeyKind.SM2).public_key_info[-65:])
    point[-1] ^= 1
    with pytest.raises(YinxinError, match="not a point"):
        examine_key(curve.public_key_info(bytes(point)))
    with pytest.raises(YinxinError, match="not a point"):
        examine_key(curve.public_key_info(b"\x04" + bytes(64)))
    p256 = bytearray(info(ec.generate_private_key(ec.SECP256R1()).public_key()))
    p256[-1] ^= 1
    with pytest.raises(YinxinError, match="cannot be read"):
        examine_key(bytes(p256))


def test_compressed_points_are_another_encoding_of_the_same_key() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    compressed = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7"))
    with pytest.raises(YinxinError):
        examine_key(der.sequence(algorithm, der.bit_string(compressed)))
    sm2 = pooled_key("quality", KeyKind.SM2).public_key_info[-65:]
    with pytest.raises(YinxinError):
        examine_key(der.sequence(curve.KEY_ALGORITHM, der.bit_string(bytes((2 + sm2[-1] % 2,)) + sm2[1:33])))


@pytest.mark.parametrize(
    "key",
    [ed25519.Ed25519PrivateKey.generate().public_key(), ec.generate_private_key(ec.SECP256K1()).public_key()],
)
def test_other_kinds(key: "ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey") -> None:
    with pytest.raises(YinxinError) as caught:
        examine_key(info(key))
    assert caught.value.kind is Kind.INVALID


@given(st.binary(max_size=120))
def test_junk(data: bytes) -> None:
    with pytest.raises(YinxinError):
        examine_key(data)
