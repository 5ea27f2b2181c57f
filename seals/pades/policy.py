"""Which algorithms may vouch for anything: an allow-list, so that what is new or unknown is never taken for good."""

from datetime import datetime
from functools import lru_cache

from asn1crypto import algos, keys, x509
from pyhanko.sign.validation.utils import CMSAlgorithmUsagePolicy
from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint

from core.algorithms import DIGESTS, SHA1, Algorithm, Family
from core.asn1.registrations import SM2_CURVE
from seals.pades.validator import known_algorithm

SMALLEST_RSA_KEY = 2048
"""Bits."""

_DIGESTS = DIGESTS.keys() - {SHA1.name}
_ALLOWED = AlgorithmUsageConstraint(allowed=True)


class AllowedAlgorithms(CMSAlgorithmUsagePolicy):
    """The registry of algorithms, without SHA-1; each with keys of its own family."""

    def digest_algorithm_allowed(
        self, algo: algos.DigestAlgorithm, moment: datetime | None
    ) -> AlgorithmUsageConstraint:
        """Whether the digest may be used."""
        name = algo["algorithm"].native
        return _ALLOWED if name in _DIGESTS else _refused(f"digest {name}")

    def signature_algorithm_allowed(
        self, algo: algos.SignedDigestAlgorithm, moment: datetime | None, public_key: keys.PublicKeyInfo | None
    ) -> AlgorithmUsageConstraint:
        """Whether the signature algorithm may be used, with this key."""
        # rsaEncryption leaves the digest to `digest_combination_allowed`; any of ours will do here.
        algorithm = known_algorithm(algo, None) or known_algorithm(algo, "sha256")
        if algorithm is None or algorithm.digest.name not in _DIGESTS:
            return _refused(f"signature algorithm {algo['algorithm'].dotted}")
        if public_key is not None and not fits(public_key, algorithm.family):
            return _refused(f"{algorithm.name} with this kind or size of key")
        return _ALLOWED

    def digest_combination_allowed(
        self,
        signature_algo: algos.SignedDigestAlgorithm,
        message_digest_algo: algos.DigestAlgorithm,
        moment: datetime | None,
    ) -> AlgorithmUsageConstraint:
        """Whether the message digest is the one that the signature algorithm implies (RFC 8933; SM2 only with SM3)."""
        digest = message_digest_algo["algorithm"].native
        return _ALLOWED if known_algorithm(signature_algo, digest) else _refused(f"{digest} beside this signature")


# Asked about the same few certificates in each document.
@lru_cache(maxsize=256)
def is_strong(certificate: bytes, algorithm: Algorithm) -> bool:
    """Whether a signature with this algorithm and the key of the certificate (DER) may vouch for anything."""
    return algorithm.digest.name in _DIGESTS and fits(x509.Certificate.load(certificate).public_key, algorithm.family)


def fits(key: keys.PublicKeyInfo, family: Family) -> bool:
    """Whether the key is of the family, and long enough."""
    if family in (Family.RSA, Family.RSA_PSS):
        return key.algorithm in ("rsa", "rsassa_pss") and key.bit_size >= SMALLEST_RSA_KEY
    if key.algorithm != "ec" or key["algorithm"]["parameters"].name != "named":
        return False
    return (key.curve[1] == SM2_CURVE) == (family is Family.SM2)


def _refused(what: str) -> AlgorithmUsageConstraint:
    return AlgorithmUsageConstraint(allowed=False, failure_reason=what)
