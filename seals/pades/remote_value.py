"""The value of a signature that is made elsewhere."""

from collections.abc import Callable

from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import SigSeedSubFilter

from seals.forms import Form
from seals.pades.gm import GmValue, name_form
from seals.pades.signer import CmsSigner
from seals.pades.values import ByteRange, even
from seals.sealing import Seal

_SIGNATURE_OCTETS = 2048
_TIMESTAMP_OCTETS = 12 * 1024


class RemoteValue:
    """Has the digest signed by a service, which timestamps as well if that was asked of it."""

    def __init__(self, seal: Seal, sign: Callable[[bytes, ByteRange], bytes], *, is_timestamped: bool) -> None:
        self._is_gm = seal.form is Form.GM
        self.sub_filter = GmValue.sub_filter if self._is_gm else SigSeedSubFilter.PADES
        self.digest = seal.signer.algorithm.digest
        self.signer = CmsSigner(seal.signer, seal.certificate, seal.chain)
        self.bound = None if self._is_gm else seal.structure
        self._sign = sign
        certificates = sum(map(len, (seal.certificate, *seal.chain)))
        certificates += len(seal.structure or b"") if self._is_gm else 0
        # The space is part of what is signed, so that it is measured before the service is asked.
        self._octets = _SIGNATURE_OCTETS + certificates + (_TIMESTAMP_OCTETS if is_timestamped else 0)

    def reserve(self) -> int:
        """As of `values.SignatureValue`."""
        return even(2 * self._octets)

    def complete(self, dictionary: generic.DictionaryObject) -> None:
        """As of `values.SignatureValue`."""
        if self._is_gm:
            name_form(dictionary)

    def over(self, digest: bytes, byte_range: ByteRange) -> bytes:
        """As of `values.SignatureValue`."""
        return self._sign(digest, byte_range)
