"""PDF/A (ISO 19005): which part a document says it follows, so that a seal does not take it out of it."""

import re
from dataclasses import dataclass

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.rw_common import PdfHandler

_PART = re.compile(rb"pdfaid:part(?:=[\"']|>)\s*(\d)")
# sRGB as CIE-based colour (ISO 32000-2 8.6.5.3): white D65, its primaries, and the gamma that comes nearest.
_WHITE = (0.9505, 1.0, 1.089)
_GAMMA = (2.2, 2.2, 2.2)
_PRIMARIES = (0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505)


@dataclass(frozen=True)
class Archival:
    """What a document asks of what is added to it."""

    part: int = 0
    """Of ISO 19005; 0 if the document is not PDF/A."""

    @property
    def forbids_transparency(self) -> bool:
        """ISO 19005-1 6.4: no soft masks, blend modes, opacities and transparency groups."""
        return self.part == 1

    def colour_resources(self) -> dict[generic.NameObject, generic.PdfObject]:
        """What makes the red of a seal the same on every device, as PDF/A asks (ISO 19005-2 6.2.4.3)."""
        if not self.part:
            return {}
        calibrated = generic.DictionaryObject(
            {
                pdf_name("/WhitePoint"): generic.ArrayObject(map(generic.FloatObject, _WHITE)),
                pdf_name("/Gamma"): generic.ArrayObject(map(generic.FloatObject, _GAMMA)),
                pdf_name("/Matrix"): generic.ArrayObject(map(generic.FloatObject, _PRIMARIES)),
            }
        )
        default = generic.ArrayObject([pdf_name("/CalRGB"), calibrated])
        return {pdf_name("/ColorSpace"): generic.DictionaryObject({pdf_name("/DefaultRGB"): default})}


NOT_ARCHIVAL = Archival()


def archival(handler: PdfHandler) -> Archival:
    """By the document's own word, in its XMP metadata."""
    try:
        metadata = handler.root["/Metadata"].data
    except (KeyError, AttributeError, TypeError):
        return NOT_ARCHIVAL
    found = _PART.search(metadata)
    return Archival(int(found[1])) if found else NOT_ARCHIVAL
