"""Pictures of seals as samples, read and compressed as PDF keeps them."""

import io
import zlib
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from core.errors import Kind, YinxinError
from core.i18n import _

MOST_PIXELS = 16_000_000


@dataclass(frozen=True)
class Picture:
    """A picture ready for PDF: samples compressed (FlateDecode), colour and alpha apart."""

    width: int
    height: int
    colour: bytes
    alpha: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


# A seal is used again and again, and compressing it takes longer than signing.
@lru_cache(maxsize=32)
def read_picture(png: bytes) -> Picture:
    """A PNG picture; `YinxinError` if it is none or is larger than any seal needs."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise YinxinError(
                    Kind.INVALID, _("the picture of the seal is larger than {limit} pixels").format(limit=MOST_PIXELS)
                )
            pixels = image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise YinxinError(
            Kind.INVALID, _("the picture of the seal is not a PNG file"), remedy=_("give a PNG picture with alpha")
        ) from error
    return Picture(
        pixels.width,
        pixels.height,
        zlib.compress(pixels.convert("RGB").tobytes()),
        zlib.compress(pixels.getchannel("A").tobytes()),
    )
