"""Private keys in memory: made, read from and written to PKCS#8. Keys of every algorithm look alike from outside."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from asn1crypto import keys as asn1_keys
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from core import sm2
from core.algorithms import (
    ALGORITHMS,
    ECDSA_P256_SHA256,
    ECDSA_P384_SHA384,
    RSA_SHA256,
    SM2_SM3,
    Algorithm,
    Digest,
    Family,
    KeyKind,
)
from core.errors import Kind, YinxinError
from core.i18n import _
from core.sm2 import curve

_RSA_SIZES = {KeyKind.RSA_2048: 2048, KeyKind.RSA_3072: 3072, KeyKind.RSA_4096: 4096}
_CURVES: dict[KeyKind, ec.EllipticCurve] = {KeyKind.P256: ec.SECP256R1(), KeyKind.P384: ec.SECP384R1()}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


def pyca_hash(digest: Digest) -> hashes.HashAlgorithm:
    """The digest as `cryptography` names it."""
    return _HASHES[digest.name]


def pss_padding(digest: Digest) -> padding.PSS:
    """RSA-PSS as the registry writes it: MGF1 with the same hash, salt as long as the digest."""
    return padding.PSS(padding.MGF1(pyca_hash(digest)), digest.size)


class Sm2Key:
    """An SM2 key; a `Signer`."""

    algorithm: Algorithm = SM2_SM3

    def __init__(self, pair: sm2.KeyPair) -> None:
        self._pair = pair
        self._prepared = sm2.engine().signer(pair)

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return curve.public_key_info(self._pair.point)

    def sign(self, data: bytes) -> bytes:
        """DER SM2Signature with Z of the default identity."""
        return self._prepared.sign(data)

    def sign_digest(self, digest: bytes) -> bytes:
        """DER SM2Signature over e = SM3(Z ‖ M)."""
        return self._prepared.sign_digest(digest)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The message in a DER SM2Cipher (GM/T 0009); `YinxinError` if it is none, altered or for another key."""
        try:
            return self._prepared.decrypt(ciphertext)
        except ValueError:
            raise YinxinError(
                Kind.INVALID,
                _("this is no SM2 ciphertext for this key, or it was changed"),
                remedy=_("check that it was encrypted to this key"),
            ) from None

    def pkcs8(self) -> bytes:
        """PrivateKeyInfo, DER, in clear: for encrypting it at once."""
        return self._pair.pkcs8()

    def private_number(self) -> bytes:
        """The private number in 32 octets, in clear: for encrypting it at once."""
        return self._pair.scalar


@dataclass(frozen=True, repr=False)
class PycaKey:
    """An RSA or ECDSA key of the `cryptography` package; a `Signer`."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    algorithm: Algorithm

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, data: bytes) -> bytes:
        """The signature that the algorithm names."""
        return self.key.sign(data, *self._of_data)

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature that the algorithm names, over the data of this digest."""
        return self.key.sign(digest, *self._of_digest)

    @cached_property
    def _of_data(self) -> tuple[Any, ...]:
        return self._scheme(pyca_hash(self.algorithm.digest))

    @cached_property
    def _of_digest(self) -> tuple[Any, ...]:
        return self._scheme(Prehashed(pyca_hash(self.algorithm.digest)))

    def _scheme(self, digest: hashes.HashAlgorithm | Prehashed) -> tuple[Any, ...]:
        """What `cryptography` is told beside the octets."""
        match self.algorithm.family:
            case Family.ECDSA:
                return (ec.ECDSA(digest),)
            case Family.RSA_PSS:
                return pss_padding(self.algorithm.digest), digest
        return padding.PKCS1v15(), digest

    def pkcs8(self) -> bytes:
        """PrivateKeyInfo, DER, in clear: for encrypting it at once."""
        return self.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


PrivateKey = Sm2Key | PycaKey


def generate(kind: KeyKind) -> PrivateKey:
    """A new key of this kind, signing with the kind's default algorithm."""
    if kind is KeyKind.SM2:
        return Sm2Key(sm2.engine().generate())
    if kind in _RSA_SIZES:
        return PycaKey(rsa.generate_private_key(65537, _RSA_SIZES[kind]), kind.default_algorithm)
    return PycaKey(ec.generate_private_key(_CURVES[kind]), kind.default_algorithm)


def kind_of(public_key_info: bytes) -> KeyKind:
    """Of which kind a key (SPKI, DER) is; `YinxinError` (unsupported) if it is none that we make."""
    if curve.point_of(public_key_info) is not None:
        return KeyKind.SM2
    try:
        key = serialization.load_der_public_key(public_key_info)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    for kind in KeyKind:
        if isinstance(key, rsa.RSAPublicKey) and _RSA_SIZES.get(kind) == key.key_size:
            return kind
        if isinstance(key, ec.EllipticCurvePublicKey) and kind in _CURVES and _CURVES[kind].name == key.curve.name:
            return kind
    raise YinxinError(
        Kind.UNSUPPORTED,
        _("a kind of key that is not made here"),
        remedy=_("use one of these: {kinds}").format(kinds=", ".join(KeyKind)),
    )


def algorithms_of(public_key_info: bytes) -> list[Algorithm]:
    """By what such a key (SPKI, DER) can sign, its kind's default first; `YinxinError` as of `kind_of`."""
    default = kind_of(public_key_info).default_algorithm
    families = {default.family} | ({Family.RSA_PSS} if default.family is Family.RSA else set())
    others = [one for one in ALGORITHMS.values() if one.family in families and one != default]
    return [default, *(others if default.family is Family.RSA else [])]


def from_pkcs8(data: bytes) -> PrivateKey:
    """The key in a clear PrivateKeyInfo; `YinxinError` if it is damaged or of a kind that we do not use."""
    try:
        info = asn1_keys.PrivateKeyInfo.load(data, strict=True)
        if info.algorithm == "ec" and info["private_key_algorithm"]["parameters"].chosen.dotted == curve.CURVE_OID:
            return Sm2Key(_sm2_pair(info))
        key: Any = serialization.load_der_private_key(data, None)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, UnsupportedAlgorithm):
        # Not chained: the message of the cause may speak of the key's own bytes.
        raise YinxinError(Kind.INVALID, _("not a private key that can be used here")) from None
    if isinstance(key, rsa.RSAPrivateKey):
        return PycaKey(key, RSA_SHA256)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if isinstance(key.curve, ec.SECP256R1):
            return PycaKey(key, ECDSA_P256_SHA256)
        if isinstance(key.curve, ec.SECP384R1):
            return PycaKey(key, ECDSA_P384_SHA384)
    raise YinxinError(Kind.UNSUPPORTED, _("a kind of private key that is not used here"))


def _sm2_pair(info: asn1_keys.PrivateKeyInfo) -> sm2.KeyPair:
    """The number and the point; without the point (RFC 5915 allows it) the key cannot be told, and is refused."""
    key = info["private_key"].parsed
    point = key["public_key"].native
    if point is None:
        raise ValueError("ECPrivateKey without its public key")
    return sm2.KeyPair(key["private_key"].native.to_bytes(32, "big"), point)
