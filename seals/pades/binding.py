"""The electronic seal beside a PAdES signature: its digest a signed attribute, itself with its picture.

It is data of ours (PieceInfo, ISO 32000-2 14.5) in the appearance of the signature field, under the byte range; there,
programs that look for what was changed by a later signature expect new objects.
"""

import zlib
from collections.abc import Iterable
from datetime import datetime

from asn1crypto import cms, x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.attributes import CMSAttributeProvider
from pyhanko.sign.general import find_cms_attribute_iter
from pyhanko.sign.signers.pdf_cms import CAdESSignedAttributeProviderSpec, PdfCMSSignedAttributes

from core.algorithms import Digest, digest_by_oid
from core.asn1 import seal_binding
from core.asn1.ses import Seal, parse_seal
from core.errors import Kind, YinxinError
from core.i18n import _

_PIECE_INFO, _OURS, _PRIVATE, _LAST_MODIFIED = map(pdf_name, ("/PieceInfo", "/Yinxin", "/Private", "/LastModified"))
_LARGEST = 8 << 20


class BoundAttributes(CAdESSignedAttributeProviderSpec):
    """The signed attributes of PAdES, and the digest of the seal."""

    def __init__(self, certificate: bytes, seal: bytes, digest: Digest) -> None:
        super().__init__(PdfCMSSignedAttributes(), x509.Certificate.load(certificate), True, None)
        self._value = seal_binding.electronic_seal(seal, digest)

    def signed_attr_providers(self, data_digest: bytes, digest_algorithm: str) -> Iterable[CMSAttributeProvider]:
        """As pyHanko asks."""
        yield from super().signed_attr_providers(data_digest, digest_algorithm)
        yield _SealProvider(self._value)


class _SealProvider(CMSAttributeProvider):
    attribute_type = seal_binding.NAME

    def __init__(self, value: seal_binding.ElectronicSeal) -> None:
        self._value = value

    async def build_attr_value(self, dry_run: bool = False) -> seal_binding.ElectronicSeal:
        return self._value


def piece_info(writer: BasePdfFileWriter, seal: bytes, at: datetime) -> dict[generic.NameObject, generic.PdfObject]:
    """Entries of a form XObject that keep the seal (SESeal in DER) with its picture."""
    entries: dict[generic.NameObject, generic.PdfObject] = {pdf_name("/Filter"): pdf_name("/FlateDecode")}
    stream = writer.add_object(generic.StreamObject(entries, encoded_data=zlib.compress(seal)))
    moment = generic.pdf_date(at)
    ours = generic.DictionaryObject({_LAST_MODIFIED: moment, _PRIVATE: stream})
    return {_LAST_MODIFIED: moment, _PIECE_INFO: generic.DictionaryObject({_OURS: ours})}


def bound_seal(field: generic.DictionaryObject, signer_info: cms.SignerInfo) -> Seal | None:
    """The electronic seal that the signature in a field is bound to; None if it names none.

    `YinxinError` (invalid) if it is not there, or another one than was signed.
    """
    values = list(find_cms_attribute_iter(signer_info["signed_attrs"], seal_binding.NAME))
    if not values:
        return None
    try:
        widget = field["/Kids"][0] if "/Kids" in field else field
        data = bytes(widget["/AP"]["/N"][_PIECE_INFO][_OURS][_PRIVATE].data)
    except (KeyError, TypeError, AttributeError):
        data = b""
    digest = digest_by_oid(values[0]["digest_algorithm"]["algorithm"].dotted)
    if len(values) > 1 or len(data) > _LARGEST or digest.of(data) != values[0]["digest"].native:
        raise YinxinError(Kind.INVALID, _("the electronic seal beside the signature is not the one that was signed"))
    return parse_seal(data)
