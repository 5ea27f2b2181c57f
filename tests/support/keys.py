"""Keys of every kind, made once in a test session: RSA keys are slow to make."""

from dataclasses import replace
from functools import cache

from core.algorithms import ALGORITHMS, ECDSA_P256_SHA256, ECDSA_P384_SHA384, SM2_SM3, Algorithm, KeyKind
from core.keys.private_key import PrivateKey, PycaKey, generate

KINDS = (KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384)
"""One of each family and curve, in the smallest size."""


@cache
def key_of(kind: KeyKind) -> PrivateKey:
    """The session's key of this kind."""
    return generate(kind)


@cache
def signer_of(algorithm: Algorithm) -> PrivateKey:
    """The session's key that signs with this algorithm."""
    kinds = {SM2_SM3: KeyKind.SM2, ECDSA_P256_SHA256: KeyKind.P256, ECDSA_P384_SHA384: KeyKind.P384}
    key = key_of(kinds.get(algorithm, KeyKind.RSA_2048))
    return replace(key, algorithm=algorithm) if isinstance(key, PycaKey) else key


EVERY_ALGORITHM = tuple(ALGORITHMS.values())
