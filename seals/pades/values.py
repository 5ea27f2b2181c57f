"""What a signature dictionary holds as its value: CMS of PAdES here, SES_Signature in `gm`."""

from functools import cached_property, lru_cache
from typing import Protocol

from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import Signer as PyhankoSigner

from core import cms
from core.algorithms import Digest
from core.asn1 import seal_binding
from core.certificates import public_key_info
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from seals.pades.signer import CmsSigner
from seals.pades.timestamper import CheckedTimeStamper
from seals.sealing import Seal, self_issued

ByteRange = tuple[int, int, int, int]
SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_FRAME = 1536
"""Octets of a CMS signature beside certificates, token and what is told: names, digests, an RSA-4096 signature."""


class SignatureValue(Protocol):
    """Makes the value of a signature once the document's digest is known."""

    @property
    def digest(self) -> Digest:
        """Of the document."""
        ...

    @property
    def signer(self) -> PyhankoSigner:
        """Who signs, in the shape that pyHanko asks for."""
        ...

    @property
    def sub_filter(self) -> SigSeedSubFilter:
        """What kind of value it is."""
        ...

    @property
    def bound(self) -> bytes | None:
        """The electronic seal (SESeal in DER) that is to be kept in the document beside the value."""
        ...

    def reserve(self) -> int:
        """Hexadecimal digits that a dry run needs, with room for a longer time-stamp token; an even number."""
        ...

    def complete(self, dictionary: generic.DictionaryObject) -> None:
        """Add to the signature dictionary what belongs to this kind of value."""
        ...

    def over(self, digest: bytes, byte_range: ByteRange) -> bytes:
        """The value in DER."""
        ...


class PadesValue:
    """CMS (ETSI.CAdES.detached), time-stamped if there is a timestamper, and bound to the electronic seal."""

    sub_filter = SigSeedSubFilter.PADES

    def __init__(self, seal: Seal, stamper: CheckedTimeStamper | None) -> None:
        algorithm = seal.signer.algorithm
        self._seal = seal
        self.digest = algorithm.digest
        self.bound = seal.structure
        attributes = [cms.algorithm_protection(algorithm)]
        if seal.structure:
            attributes.append(_binding(seal.structure, algorithm.digest))
        certificates = [seal.certificate, *(issuer for issuer in seal.chain if not self_issued(issuer))]
        self._builder = cms.SignedDataBuilder(
            seal.signer,
            seal.certificate,
            certificates=certificates,
            attributes=attributes,
        )
        # All that is not the token: the attributes and the signature take no more than this.
        self._octets = _FRAME + sum(map(len, [*certificates, *attributes]))
        self._stamper = stamper
        self._signature = b""

    @cached_property
    def signer(self) -> PyhankoSigner:
        """As of the protocol."""
        return CmsSigner(self._seal.signer, self._seal.certificate, self._seal.chain)

    def reserve(self) -> int:
        """As of the protocol."""
        token = self._stamper.octets(self.digest) if self._stamper else 0
        return even(2 * self._octets + 3 * token)

    def complete(self, dictionary: generic.DictionaryObject) -> None:
        """As of the protocol."""
        return

    def over(self, digest: bytes, byte_range: ByteRange) -> bytes:
        """As of the protocol."""
        return self._builder.build_detached(digest, self._unsigned)

    def require_good(self, digest: bytes) -> None:
        """Return if the last signature is that of the certificate's key, about this digest; else `YinxinError`."""
        signed = self._builder.signed_attributes(digest)
        try:
            verify(public_key_info(self._seal.certificate), self._seal.signer.algorithm, self._signature, signed)
        except InvalidSignature:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the key of the seal made a signature that is not good"),
                subject=self._seal.name,
                remedy=_("check the device that holds the key; nothing was sealed"),
            ) from None

    def _unsigned(self, signature: bytes) -> list[bytes]:
        self._signature = signature
        if self._stamper is None:
            return []
        return [cms.attribute(SIGNATURE_TIME_STAMP, self._stamper.stamp(self.digest, self.digest.of(signature)))]


@lru_cache(maxsize=64)
def _binding(seal: bytes, digest: Digest) -> bytes:
    """The signed attribute that names the electronic seal by its digest, DER."""
    return cms.attribute(seal_binding.ELECTRONIC_SEAL, seal_binding.electronic_seal(seal, digest).dump())


def even(number: int) -> int:
    """The number, or the next that is even."""
    return number + number % 2
