"""The only signature check in the product, for every algorithm."""

from functools import lru_cache
from typing import TypeGuard

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from core import sm2
from core.algorithms import Algorithm, Family
from core.keys.private_key import pss_padding, pyca_hash
from core.sm2 import curve

__all__ = ["InvalidSignature", "verify"]


def verify(public_key_info: bytes, algorithm: Algorithm, signature: bytes, data: bytes) -> None:
    """Return if the signature over the data is that of the key (SPKI, DER); else raise `InvalidSignature`.

    A key that cannot be read, or that is of another family than the algorithm, has signed nothing.
    """
    if algorithm.family is Family.SM2:
        point = curve.point_of(public_key_info)
        if point is None or not sm2.engine().verify(point, signature, data):
            raise InvalidSignature
        return
    key = _load(public_key_info)
    digest = pyca_hash(algorithm.digest)
    if algorithm.family is Family.ECDSA and _is_on_our_curve(key):
        key.verify(signature, data, ec.ECDSA(digest))
    elif algorithm.family is Family.RSA and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), digest)
    elif algorithm.family is Family.RSA_PSS and isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, pss_padding(algorithm.digest), digest)
    else:
        raise InvalidSignature


def _is_on_our_curve(key: object) -> TypeGuard[ec.EllipticCurvePublicKey]:
    """P-256 and P-384; either digest may go with either, as certificates of others do it."""
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)


@lru_cache(maxsize=4096)
def _load(public_key_info: bytes) -> object:
    try:
        return serialization.load_der_public_key(public_key_info)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidSignature from None
