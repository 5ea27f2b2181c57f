"""core's `Signer` in the shape that pyHanko signs with: SM2, RSA and ECDSA alike."""

from collections.abc import Sequence

from asn1crypto import algos, x509
from pyhanko.sign.signers import Signer as PyhankoSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from core.asn1 import registrations  # noqa: F401 - pyHanko must know SM2 before it sees a certificate
from core.keys.signer import Signer


class CmsSigner(PyhankoSigner):
    """Signs the CMS of a seal."""

    def __init__(self, signer: Signer, certificate: bytes, chain: Sequence[bytes]) -> None:
        others = SimpleCertificateStore()
        others.register_multiple([x509.Certificate.load(issuer) for issuer in chain])
        super().__init__(
            signing_cert=x509.Certificate.load(certificate),
            cert_registry=others,
            signature_mechanism=algos.SignedDigestAlgorithm.load(signer.algorithm.cms_identifier),
            embed_roots=False,
        )
        self._signer = signer
        self._key = x509.Certificate.load(certificate).public_key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The signature over the signed attributes; in a dry run as many octets as it can have."""
        if digest_algorithm != self._signer.algorithm.digest.name:
            raise ValueError(f"{self._signer.algorithm.name} does not sign over {digest_algorithm}")
        return bytes(self._longest()) if dry_run else self._signer.sign(data)

    def _longest(self) -> int:
        key = self._key
        octets = (key.bit_size + 7) // 8
        # ECDSA and SM2: a SEQUENCE of two INTEGERs, each perhaps with a zero in front.
        return octets if key.algorithm in ("rsa", "rsassa_pss") else 2 * (octets + 3) + 3
