"""The only signature check in the product, for every algorithm."""

from functools import lru_cache
from typing import TypeGuard

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from core import sm2
from core.algorithms import Algorithm, Family, Hash
from core.keys.private_key import pss_padding, pyca_hash
from core.sm2 import curve

__all__ = ["InvalidSignature", "message_digest", "verify", "verify_digest"]


def verify(public_key_info: bytes, algorithm: Algorithm, signature: bytes, data: bytes) -> None:
    """Return if the signature over the data is that of the key (SPKI, DER); else raise `InvalidSignature`.

    A key that cannot be read, or that is of another family than the algorithm, has signed nothing.
    """
    if algorithm.family is Family.SM2:
        point = curve.point_of(public_key_info)
        if point is None or not sm2.engine().verify(point, signature, data):
            raise InvalidSignature
        return
    _verify(public_key_info, algorithm, signature, data, pyca_hash(algorithm.digest))


def message_digest(public_key_info: bytes, algorithm: Algorithm) -> Hash:
    """What hashes data piece by piece for `DigestSigner.sign_digest` and `verify_digest`.

    For SM2 it has taken in Z, which depends on the key (GB/T 32918.2 5.5). `InvalidSignature` if that is no SM2 key.
    """
    digest = algorithm.digest.new()
    if algorithm.family is Family.SM2:
        point = curve.point_of(public_key_info)
        if point is None:
            raise InvalidSignature
        digest.update(curve.identity_digest(point))
    return digest


def verify_digest(public_key_info: bytes, algorithm: Algorithm, signature: bytes, digest: bytes) -> None:
    """Like `verify`, for data that `message_digest` has taken in."""
    if algorithm.family is Family.SM2:
        point = curve.point_of(public_key_info)
        if point is None or not sm2.engine().verify_digest(point, signature, digest):
            raise InvalidSignature
        return
    _verify(public_key_info, algorithm, signature, digest, Prehashed(pyca_hash(algorithm.digest)))


def _verify(
    public_key_info: bytes,
    algorithm: Algorithm,
    signature: bytes,
    data: bytes,
    digest: hashes.HashAlgorithm | Prehashed,
) -> None:
    key = _load(public_key_info)
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
