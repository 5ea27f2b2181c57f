"""Whether the picture that a signature field shows is the one in its electronic seal.

The same samples are the same picture. Anything else, such as outlines of which the seal holds the samples, or a picture
that another program has stored in its own way, is drawn, and compared by where there is ink.
"""

import io
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pypdfium2
import resvg_py
from PIL import Image, ImageChops, ImageFilter, ImageStat
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from core.asn1.ses import Seal
from seals.documents.pdf_text import PDFIUM
from seals.pades.reading import entry, rectangle

MOST_PIXELS, MOST_OCTETS, MOST_OBJECTS = 16_000_000, 16 << 20, 40
_SIDE, _BLOCKS = 192, 8
"""Pixels of the longer side when pictures are compared, and into how many parts each side is divided."""
_ALIKE, _ALIKE_IN_PART = 0.85, 0.65
"""Share of the ink that two pictures have in common: a character more or less is seen in its part."""
_SHOWS_ONLY = re.compile(rb"(?:\s*(?:[-+.\d]+|/[^\s/]+|q|Q|cm|gs|Do|%[^\r\n]*)(?=\s|$|/))*\s*")
_SHOWN = re.compile(rb"(/[^\s/]+)\s+Do\b")
_DEEPEST = 6


def shows_picture(widget: generic.DictionaryObject, seal: Seal) -> bool | None:
    """Whether an annotation shows the picture in the seal; None if that cannot be told."""
    picture = seal.structure["seal_info"]["picture"]
    try:
        appearance = widget["/AP"]["/N"]
        wanted = _decoded(picture["data"].native, picture["type"].native)
        shown = list(_shown(appearance, _DEEPEST))
        if wanted is None or len(shown) != 1:
            return None
        samples = _samples(shown[0])
        if samples is not None and _are(*samples, wanted.tobytes(), wanted.size):
            return True
        drawn = _drawn(shown[0])
        return None if drawn is None else alike(drawn, wanted)
    except (PdfError, OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return None
    except (Image.DecompressionBombError, pypdfium2.PdfiumError, zlib.error):
        return None


def alike(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures have their ink in the same places, whatever their size and the colour of the paper."""
    first, second = _ink(one), _ink(other)
    if first is None or second is None:
        return False
    width, height = first.size
    if not 0.9 < width / height * second.height / second.width < 1.1:
        return False
    scale = _SIDE / max(width, height)
    size = max(_BLOCKS, round(width * scale)), max(_BLOCKS, round(height * scale))
    inks = [picture.resize(size).filter(ImageFilter.GaussianBlur(1.5)) for picture in (first, second)]
    common, either = ImageChops.darker(*inks), ImageChops.lighter(*inks)
    if _sum(common) < _ALIKE * _sum(either):
        return False
    enough = _sum(either) / _BLOCKS**2 / 4
    return all(
        _sum(common.crop(part)) >= _ALIKE_IN_PART * _sum(either.crop(part))
        for part in _parts(size)
        if _sum(either.crop(part)) > enough
    )


@lru_cache(maxsize=16)
def _decoded(data: bytes, kind: str) -> Image.Image | None:
    """The picture in a seal (GM/T 0031: GIF, BMP, JPG, PNG, SVG); None if it is another kind."""
    if kind.upper() == "SVG":
        data = bytes(resvg_py.svg_to_bytes(svg_string=data.decode(), width=512, skip_system_fonts=True))
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "GIF", "BMP"]) as picture:
            return picture.convert("RGBA") if picture.width * picture.height <= MOST_PIXELS else None
    except OSError:
        return None


def _shown(drawn: Any, deepest: int) -> Iterator[Any]:
    """The one thing that an appearance shows, however many forms it is wrapped in; empty forms do not count."""
    if not isinstance(drawn, generic.StreamObject) or entry(drawn, "/Subtype", "/Form") != "/Form":
        yield drawn
        return
    content = drawn.data
    forms = entry(entry(drawn, "/Resources", {}), "/XObject", {})
    names = [name.decode("latin-1") for name in _SHOWN.findall(content)]
    if not deepest or len(content) > 2048 or not _SHOWS_ONLY.fullmatch(content) or len(names) > 4:
        yield drawn
        return
    for name in names:
        yield from _shown(forms[name], deepest - 1)


def _samples(image: generic.StreamObject) -> tuple[bytes, bytes, tuple[int, int]] | None:
    """Colours and alpha of an image that holds them plainly, compressed."""
    mask = entry(image, "/SMask", None)
    plain = [
        one is not None
        and entry(one, "/Filter", None) == "/FlateDecode"
        and entry(one, "/ColorSpace", None) == space
        and entry(one, "/BitsPerComponent", 0) == 8
        and "/DecodeParms" not in one
        for one, space in ((image, "/DeviceRGB"), (mask, "/DeviceGray"))
    ]
    size = int(entry(image, "/Width", 0)), int(entry(image, "/Height", 0))
    if not all(plain) or mask is None or not 0 < size[0] * size[1] <= MOST_PIXELS:
        return None
    return image.encoded_data, mask.encoded_data, size


# A seal is used again and again, and taking its samples out takes longer than checking a signature.
@lru_cache(maxsize=32)
def _are(colour: bytes, alpha: bytes, size: tuple[int, int], wanted: bytes, wanted_size: tuple[int, int]) -> bool:
    """Whether these are the samples of a picture (RGBA)."""
    if size != wanted_size:
        return False
    pixels = size[0] * size[1]
    rgb, opaque = (_expanded(data, count * pixels) for data, count in ((colour, 3), (alpha, 1)))
    return rgb == Image.frombytes("RGBA", size, wanted).convert("RGB").tobytes() and opaque == wanted[3::4]


def _expanded(data: bytes, octets: int) -> bytes:
    return zlib.decompressobj().decompress(data, octets + 1)


def _drawn(shown: generic.StreamObject) -> Image.Image | None:
    """The image or form, drawn by PDFium on white paper; None if it holds more than a picture of a seal needs."""
    if not _is_simple(shown):
        return None
    if entry(shown, "/Subtype", "/Form") == "/Image":
        box = (0.0, 0.0, float(shown["/Width"]), float(shown["/Height"]))
        if box[2] * box[3] > MOST_PIXELS:
            return None
        content = b"%f 0 0 %f 0 0 cm /Seal Do" % (box[2], box[3])
    else:
        box, content = rectangle(shown["/BBox"]), b"/Seal Do"
    longest = max(box[2] - box[0], box[3] - box[1])
    if not min(box[2] - box[0], box[3] - box[1]) > 0 or longest > 14400:
        return None
    writer = PdfFileWriter()
    stream = writer.add_object(generic.StreamObject(stream_data=content))
    page = PageObject(contents=stream, media_box=box)
    copied = writer.add_object(writer.import_object(shown))
    forms = generic.DictionaryObject({pdf_name("/Seal"): copied})
    page[pdf_name("/Resources")] = generic.DictionaryObject({pdf_name("/XObject"): forms})
    writer.insert_page(page)
    output = io.BytesIO()
    writer.write(output)
    return _rendered(output.getvalue(), 2 * _SIDE / longest)


@lru_cache(maxsize=32)
def _rendered(document: bytes, scale: float) -> Image.Image:
    with PDFIUM:
        opened = pypdfium2.PdfDocument(document)
        try:
            picture: Image.Image = opened[0].render(scale=scale).to_pil().convert("RGB")
            return picture
        finally:
            opened.close()


def _is_simple(shown: generic.StreamObject) -> bool:
    """Whether drawing it is cheap: no form in a form, no pattern, few objects, not much data."""
    todo, seen, octets = [shown], 0, 0
    while todo:
        one = todo.pop()
        seen += 1
        octets += len(one.encoded_data)
        resources = entry(one, "/Resources", {})
        if seen > MOST_OBJECTS or octets > MOST_OCTETS or "/Pattern" in resources or "/Shading" in resources:
            return False
        inside = [entry(entry(resources, "/XObject", {}), key, None) for key in entry(resources, "/XObject", {})]
        if any(entry(part, "/Subtype", None) != "/Image" for part in inside):
            return False
        todo += [part for part in (*inside, entry(one, "/SMask", None)) if isinstance(part, generic.StreamObject)]
    return True


def _ink(picture: Image.Image) -> Image.Image | None:
    """How much ink there is, 0 to 255, without the paper around it; None if there is none."""
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture.convert("RGBA"))
    # Red ink is dark in green and blue, black ink in all.
    red, green, blue = paper.convert("RGB").split()
    ink = ImageChops.invert(ImageChops.darker(ImageChops.darker(red, green), blue))
    darkest = ink.getextrema()[1]
    if not isinstance(darkest, int) or darkest < 16:
        return None
    ink = ink.point(lambda level: min(255, level * 255 // darkest))
    box = ink.point(lambda level: 255 * (level > 64)).getbbox()
    return ink.crop(box) if box else None


def _parts(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    width, height = size
    for row in range(_BLOCKS):
        for column in range(_BLOCKS):
            yield (
                column * width // _BLOCKS,
                row * height // _BLOCKS,
                (column + 1) * width // _BLOCKS,
                (row + 1) * height // _BLOCKS,
            )


def _sum(picture: Image.Image) -> float:
    return ImageStat.Stat(picture).sum[0]
