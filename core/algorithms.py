"""The registry of algorithms: adding one is one entry here and one signer in `core.keys`.

Sources: GB/T 33560-2017 annex A (SM2, SM3), RFC 8017 and RFC 4055 (RSA), RFC 5758 (ECDSA), RFC 5754 (CMS).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cryptography.hazmat.primitives import hashes

from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _


class Family(StrEnum):
    """What mathematics a key belongs to."""

    SM2 = "sm2"
    RSA = "rsa"
    RSA_PSS = "rsa-pss"
    ECDSA = "ecdsa"


class Hash(Protocol):
    """A hash in progress."""

    def update(self, data: bytes, /) -> None:
        """Take in the next octets."""
        ...

    def digest(self) -> bytes:
        """The hash of all octets."""
        ...

    def copy(self) -> "Hash":
        """Another that has taken in the same, and goes its own way."""
        ...


class _Sm3:
    """SM3 in the shape of hashlib, from `cryptography`: hashlib has it only where OpenSSL was built so."""

    def __init__(self, context: hashes.HashContext | None = None) -> None:
        self._context = context or hashes.Hash(hashes.SM3())

    def update(self, data: bytes) -> None:
        self._context.update(data)

    def digest(self) -> bytes:
        return self._context.finalize()

    def copy(self) -> "_Sm3":
        return _Sm3(self._context.copy())


@dataclass(frozen=True)
class Digest:
    """A hash function."""

    name: str
    oid: str
    size: int
    """Octets."""
    new: Callable[[], Hash]

    @property
    def identifier(self) -> bytes:
        """AlgorithmIdentifier, parameters absent (RFC 5754 2; GB/T 33560)."""
        return der.sequence(der.oid(self.oid))

    def of(self, data: bytes) -> bytes:
        """The digest of these octets."""
        context = self.new()
        context.update(data)
        return context.digest()


SHA1 = Digest("sha1", "1.3.14.3.2.26", 20, lambda: hashlib.sha1(usedforsecurity=False))
SHA256 = Digest("sha256", "2.16.840.1.101.3.4.2.1", 32, hashlib.sha256)
SHA384 = Digest("sha384", "2.16.840.1.101.3.4.2.2", 48, hashlib.sha384)
SHA512 = Digest("sha512", "2.16.840.1.101.3.4.2.3", 64, hashlib.sha512)
SM3 = Digest("sm3", "1.2.156.10197.1.401", 32, _Sm3)

DIGESTS = {digest.name: digest for digest in (SHA1, SHA256, SHA384, SHA512, SM3)}
_DIGESTS_BY_OID = {digest.oid: digest for digest in DIGESTS.values()} | {"1.2.156.10197.1.401.1": SM3}


@dataclass(frozen=True)
class Algorithm:
    """A signature algorithm, and how certificates and CMS name it."""

    name: str
    family: Family
    digest: Digest
    identifier: bytes
    """AlgorithmIdentifier in certificates, CRLs, OCSP responses and requests."""
    cms_identifier: bytes
    """AlgorithmIdentifier of SignerInfo.signatureAlgorithm (RFC 5652)."""


def _rsa(digest: Digest, oid: str) -> Algorithm:
    return Algorithm(
        f"rsa-{digest.name}",
        Family.RSA,
        digest,
        der.sequence(der.oid(oid), der.NULL),
        # RFC 3370 3.2: every reader understands rsaEncryption here.
        der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL),
    )


def _rsa_pss(digest: Digest) -> Algorithm:
    """RFC 4055 3.1: the mask is MGF1 with the same hash, the salt is as long as the digest."""
    hash_identifier = der.sequence(der.oid(digest.oid), der.NULL)
    mask = der.sequence(der.oid("1.2.840.113549.1.1.8"), hash_identifier)
    parameters = der.sequence(
        der.explicit(0, hash_identifier), der.explicit(1, mask), der.explicit(2, der.integer(digest.size))
    )
    identifier = der.sequence(der.oid("1.2.840.113549.1.1.10"), parameters)
    return Algorithm(f"rsa-pss-{digest.name}", Family.RSA_PSS, digest, identifier, identifier)


def _plain(name: str, family: Family, digest: Digest, oid: str) -> Algorithm:
    identifier = der.sequence(der.oid(oid))
    return Algorithm(name, family, digest, identifier, identifier)


# GM/T 0092: no parameters. In CMS the signature OID .501 is what general software reads (RFC 5652 shape).
SM2_SM3 = _plain("sm2-sm3", Family.SM2, SM3, "1.2.156.10197.1.501")
RSA_SHA256 = _rsa(SHA256, "1.2.840.113549.1.1.11")
RSA_SHA384 = _rsa(SHA384, "1.2.840.113549.1.1.12")
RSA_SHA512 = _rsa(SHA512, "1.2.840.113549.1.1.13")
RSA_PSS_SHA256 = _rsa_pss(SHA256)
RSA_PSS_SHA384 = _rsa_pss(SHA384)
ECDSA_P256_SHA256 = _plain("ecdsa-p256-sha256", Family.ECDSA, SHA256, "1.2.840.10045.4.3.2")
ECDSA_P384_SHA384 = _plain("ecdsa-p384-sha384", Family.ECDSA, SHA384, "1.2.840.10045.4.3.3")

ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        SM2_SM3,
        RSA_SHA256,
        RSA_SHA384,
        RSA_SHA512,
        RSA_PSS_SHA256,
        RSA_PSS_SHA384,
        ECDSA_P256_SHA256,
        ECDSA_P384_SHA384,
    )
}
_BY_IDENTIFIER = {algorithm.identifier: algorithm for algorithm in ALGORITHMS.values()}
# Met in the field: NULL parameters after the SM2 identifier, and the GM/T 0010 name of the same signature.
for _oid in ("1.2.156.10197.1.501", "1.2.156.10197.1.301.1"):
    _BY_IDENTIFIER[der.sequence(der.oid(_oid), der.NULL)] = SM2_SM3
    _BY_IDENTIFIER[der.sequence(der.oid(_oid))] = SM2_SM3
# RFC 4055 5: absent parameters mean what NULL means.
for _algorithm in (RSA_SHA256, RSA_SHA384, RSA_SHA512):
    _BY_IDENTIFIER[der.sequence(_algorithm.identifier[2 : -len(der.NULL)])] = _algorithm


class KeyKind(StrEnum):
    """A kind of key that can be made here."""

    SM2 = "sm2"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P256 = "p256"
    P384 = "p384"

    @property
    def family(self) -> str:
        """What a hierarchy of such keys is called by: `sm2`, `rsa`, `p256`, `p384`."""
        return self.value.partition("-")[0]

    @property
    def default_algorithm(self) -> Algorithm:
        """The algorithm that such a key signs with unless told otherwise."""
        return _DEFAULTS[self]


_DEFAULTS = {
    KeyKind.SM2: SM2_SM3,
    KeyKind.RSA_2048: RSA_SHA256,
    KeyKind.RSA_3072: RSA_SHA256,
    KeyKind.RSA_4096: RSA_SHA256,
    KeyKind.P256: ECDSA_P256_SHA256,
    KeyKind.P384: ECDSA_P384_SHA384,
}


def algorithm_by_identifier(identifier: bytes) -> Algorithm:
    """The algorithm that an encoded AlgorithmIdentifier names; `YinxinError` (unsupported) if it is none of ours."""
    try:
        return _BY_IDENTIFIER[identifier]
    except KeyError:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("unknown signature algorithm {identifier}").format(identifier=identifier.hex()),
        ) from None


def digest_by_oid(oid: str) -> Digest:
    """The digest of this OID; `YinxinError` (unsupported) if it is none of ours."""
    try:
        return _DIGESTS_BY_OID[oid]
    except KeyError:
        raise YinxinError(Kind.UNSUPPORTED, _("unknown digest algorithm {oid}").format(oid=oid)) from None
