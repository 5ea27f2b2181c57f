"""What a signature dictionary holds as its value: CMS of PAdES here, SES_Signature in `gm`."""

from typing import Protocol

from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import Signer as PyhankoSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes

from core.algorithms import Digest
from seals.pades.binding import BoundAttributes
from seals.pades.signer import CmsSigner
from seals.pades.timestamper import CheckedTimeStamper
from seals.sealing import Seal

ByteRange = tuple[int, int, int, int]


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

    async def reserve(self) -> int:
        """Hexadecimal digits that a dry run needs, with room for a longer time-stamp token; an even number."""
        ...

    def complete(self, dictionary: generic.DictionaryObject) -> None:
        """Add to the signature dictionary what belongs to this kind of value."""
        ...

    async def over(self, digest: bytes, byte_range: ByteRange) -> bytes:
        """The value in DER."""
        ...


class PadesValue:
    """CMS (ETSI.CAdES.detached), time-stamped if there is a timestamper, and bound to the electronic seal."""

    sub_filter = SigSeedSubFilter.PADES

    def __init__(self, seal: Seal, stamper: CheckedTimeStamper | None) -> None:
        self.signer = CmsSigner(seal.signer, seal.certificate, seal.chain)
        self.digest = seal.signer.algorithm.digest
        if seal.structure:
            self.signer.signed_attr_prov_spec = BoundAttributes(seal.certificate, seal.structure, self.digest)
        self.bound = seal.structure
        self._stamper = stamper

    async def reserve(self) -> int:
        """As of the protocol."""
        return even(3 * len(await self._cms(bytes(self.digest.size), dry_run=True)))

    def complete(self, dictionary: generic.DictionaryObject) -> None:
        """As of the protocol."""
        return

    async def over(self, digest: bytes, byte_range: ByteRange) -> bytes:
        """As of the protocol."""
        return await self._cms(digest)

    async def _cms(self, digest: bytes, *, dry_run: bool = False) -> bytes:
        message = await self.signer.async_sign(
            digest,
            self.digest.name,
            use_pades=True,
            dry_run=dry_run,
            timestamper=self._stamper,
            signed_attr_settings=PdfCMSSignedAttributes(),
        )
        return message.dump()


def even(number: int) -> int:
    """The number, or the next that is even."""
    return number + number % 2
