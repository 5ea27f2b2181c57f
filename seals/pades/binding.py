"""The electronic seal beside a PAdES signature: its digest a signed attribute, itself with its picture.

It is data of ours (PieceInfo, ISO 32000-2 14.5) in the appearance of the signature field, under the byte range; there,
programs that look for what was changed by a later signature expect new objects.
"""

import zlib
from datetime import datetime
from functools import lru_cache

from asn1crypto import cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.general import find_cms_attribute_iter

from core.algorithms import digest_by_oid
from core.asn1 import seal_binding
from core.asn1.ses import Seal, parse_seal
from core.errors import Kind, YinxinError
from core.i18n import _

_PIECE_INFO, _OURS, _PRIVATE, _LAST_MODIFIED = map(pdf_name, ("/PieceInfo", "/Yinxin", "/Private", "/LastModified"))
_LARGEST = 8 << 20


def piece_info(writer: BasePdfFileWriter, seal: bytes, at: datetime) -> dict[generic.NameObject, generic.PdfObject]:
    """Entries of a form XObject that keep the seal (SESeal in DER) with its picture."""
    entries: dict[generic.NameObject, generic.PdfObject] = {pdf_name("/Filter"): pdf_name("/FlateDecode")}
    stream = writer.add_object(generic.StreamObject(entries, encoded_data=_compressed(seal)))
    moment = generic.pdf_date(at)
    ours = generic.DictionaryObject({_LAST_MODIFIED: moment, _PRIVATE: stream})
    return {_LAST_MODIFIED: moment, _PIECE_INFO: generic.DictionaryObject({_OURS: ours})}


# A seal is used again and again, and compressing its picture takes longer than signing.
@lru_cache(maxsize=32)
def _compressed(seal: bytes) -> bytes:
    return zlib.compress(seal)


# And found in document after document.
_parsed = lru_cache(maxsize=64)(parse_seal)


def bound_seal(field: generic.DictionaryObject, signer_info: cms.SignerInfo) -> Seal | None:
    """The electronic seal that the signature in a field is bound to; None if it names none.

    `YinxinError` (invalid) if it is not there, or another one than was signed.
    """
    values = list(find_cms_attribute_iter(signer_info["signed_attrs"], seal_binding.NAME))
    if not values:
        return None
    data = kept_seal(field)
    digest = digest_by_oid(values[0]["digest_algorithm"]["algorithm"].dotted)
    if len(values) > 1 or len(data) > _LARGEST or digest.of(data) != values[0]["digest"].native:
        raise YinxinError(Kind.INVALID, _("the electronic seal beside the signature is not the one that was signed"))
    return _parsed(data)


def kept_seal(field: generic.DictionaryObject) -> bytes:
    """What is kept with the picture of a signature field: an SESeal in DER; empty if there is none."""
    try:
        widget = field["/Kids"][0] if "/Kids" in field else field
        return bytes(widget["/AP"]["/N"][_PIECE_INFO][_OURS][_PRIVATE].data)
    except (KeyError, TypeError, AttributeError):
        return b""
