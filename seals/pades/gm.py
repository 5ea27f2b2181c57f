"""The GM form: SES_Signature as the value of a signature dictionary (`/GM.sm2seal`).

The text of GM/T 0112 is not at hand. Filter, SubFilter and what is hashed follow what other software reads and writes;
propertyInfo holds the byte range, since it has to name at least what is protected (GB/T 38540).
"""

from datetime import datetime

from asn1crypto import algos
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.sign.fields import SigSeedSubFilter

from core.algorithms import SM3, Family
from core.asn1.ses import parse_seal
from core.asn1.ses_signing import assemble_signature, to_be_signed
from core.asn1.ses_structures import Version
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades.signer import CmsSigner
from seals.pades.timestamper import CheckedTimeStamper
from seals.pades.values import ByteRange, even
from seals.sealing import Seal

GM_FILTER, GM_SUB_FILTER = "/Gomain.GMPkiLite", "/GM.sm2seal"


class GmValue:
    """SES_Signature over the byte range, time-stamped if there is a timestamper. Making one checks the seal."""

    sub_filter = SigSeedSubFilter.ADOBE_PKCS7_DETACHED
    """What pyHanko prepares for; replaced by ours in `complete`."""
    bound = None
    """The value holds the seal itself."""

    def __init__(self, seal: Seal, at: datetime, stamper: CheckedTimeStamper | None) -> None:
        self.signer = CmsSigner(seal.signer, seal.certificate, seal.chain)
        self.digest = SM3
        if seal.signer.algorithm.family is not Family.SM2:
            raise YinxinError(
                Kind.UNSUPPORTED,
                _("the GM form is for SM2 seals, and this one signs with {algorithm}").format(
                    algorithm=seal.signer.algorithm.name
                ),
                subject=seal.name,
                remedy=_("use the form pades"),
            )
        structure = parse_seal(seal.structure) if seal.structure else None
        if structure is None or structure.version is Version.GMT_0031_2014:
            raise YinxinError(
                Kind.UNSUPPORTED,
                _("the GM form needs an electronic seal of GB/T 38540-2020 or GM/T 0031-2025"),
                subject=seal.name,
                remedy=_("have the seal made again"),
            )
        self._structure = structure
        self._seal = seal
        self._at = at
        self._stamper = stamper

    def reserve(self) -> int:
        """As of `values.SignatureValue`."""
        longest = bytes(72)
        token = bytes(self._stamper.octets(SM3)) if self._stamper else None
        to_sign = to_be_signed(self._structure, self._at, bytes(SM3.size), "0" * 60)
        # Only the token may differ from the dry run's in length.
        return even(2 * len(self._assembled(to_sign, longest, token)) + len(token or b""))

    def complete(self, dictionary: generic.DictionaryObject) -> None:
        """As of `values.SignatureValue`."""
        name_form(dictionary)

    def over(self, digest: bytes, byte_range: ByteRange) -> bytes:
        """As of `values.SignatureValue`."""
        to_sign = to_be_signed(self._structure, self._at, digest, property_info(byte_range))
        signature = self._seal.signer.sign(to_sign)
        token = self._stamper.stamp(SM3, SM3.of(signature)) if self._stamper else None
        return self._assembled(to_sign, signature, token)

    def _assembled(self, to_sign: bytes, signature: bytes, token: bytes | None) -> bytes:
        identifier = algos.SignedDigestAlgorithm.load(self._seal.signer.algorithm.identifier)
        return assemble_signature(to_sign, self._seal.certificate, identifier["algorithm"].dotted, signature, token)


def name_form(dictionary: generic.DictionaryObject) -> None:
    """Say in the signature dictionary what its value is."""
    dictionary[pdf_name("/Filter")] = pdf_name(GM_FILTER)
    dictionary[pdf_name("/SubFilter")] = pdf_name(GM_SUB_FILTER)


def property_info(byte_range: ByteRange) -> str:
    """The byte range as PDF writes it."""
    return f"[{' '.join(map(str, byte_range))}]"
