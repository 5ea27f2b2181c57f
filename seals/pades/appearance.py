"""The picture of a seal as the appearance of its field: an image with alpha, multiplied onto the text below."""

import io
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import AppearanceContent, ResourceType
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.stamp import BaseStampStyle

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades.vector import add_samples

MOST_PIXELS = 16_000_000
_IMAGE, _MULTIPLY = pdf_name("/Seal"), pdf_name("/Multiply")


@dataclass(frozen=True)
class Picture:
    """A picture ready for PDF: samples compressed (FlateDecode), colour and alpha apart."""

    width: int
    height: int
    colour: bytes
    alpha: bytes


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


@dataclass(frozen=True)
class PictureStyle(BaseStampStyle):
    """pyHanko's way of saying what a signature looks like: the picture and nothing else."""

    picture: Picture | None = None
    quarter_turns: int = 0
    """How far the page is turned clockwise when it is seen; the picture is turned back by as much."""

    def create_stamp(self, writer: BasePdfFileWriter, box: BoxConstraints, text_params: dict[str, Any]) -> Any:
        """The appearance for a field of this size."""
        assert self.picture is not None  # noqa: S101 - a default only because dataclass fields before it have one
        return _Stamp(writer, box, self.picture, self.quarter_turns)


class _Stamp(AppearanceContent):
    def __init__(self, writer: BasePdfFileWriter, box: BoxConstraints, picture: Picture, quarter_turns: int) -> None:
        super().__init__(writer, box)
        self._picture = picture
        self._quarter_turns = quarter_turns

    def render(self) -> bytes:
        blend = generic.DictionaryObject({pdf_name("/BM"): _MULTIPLY})
        self.set_resource(ResourceType.EXT_G_STATE, _MULTIPLY, blend)
        picture = self._picture
        size = (picture.width, picture.height)
        image = add_samples(self._ensure_writer, size, picture.colour, picture.alpha)
        self.set_resource(ResourceType.XOBJECT, _IMAGE, image)
        width, height = self.box.width, self.box.height
        matrix = (
            (width, 0, 0, height, 0, 0),
            (0, height, -width, 0, width, 0),
            (-width, 0, 0, -height, width, height),
            (0, -height, width, 0, 0, height),
        )[self._quarter_turns]
        return b"q /Multiply gs %s cm /Seal Do Q" % b" ".join(b"%.4f" % number for number in matrix)
