"""Pages of PDF documents as PDFium draws them, and documents to draw on."""

from io import BytesIO

import pypdfium2
from PIL import Image, ImageChops
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from seals.placement.placement import POINTS_PER_MM

SCALE = 2
"""Pixels to the point."""


def rendered(document: bytes, page: int) -> Image.Image:
    """The page as people see it, seals included; the first is 0."""
    opened = pypdfium2.PdfDocument(document)
    opened.init_forms()
    image: Image.Image = opened[page].render(scale=SCALE, may_draw_forms=True).to_pil().convert("RGB")
    return image


def red_box(document: bytes, page: int) -> tuple[float, float, float, float] | None:
    """Where red is seen on the page: left, bottom, right, top in mm."""
    image = rendered(document, page)
    red, green, _blue = image.split()
    box = ImageChops.subtract(red, green).point(lambda difference: 255 if difference > 80 else 0).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    scale = SCALE * POINTS_PER_MM
    return left / scale, (image.height - bottom) / scale, right / scale, (image.height - top) / scale


def pdf_of(*contents: bytes, size: tuple[float, float] = (595.276, 841.89)) -> bytes:
    """A page for each content stream; /F1 is Helvetica."""
    writer = PdfFileWriter(stream_xrefs=False)  # type: ignore[no-untyped-call]
    font = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
    entries = {pdf_name(f"/{key}"): pdf_name(f"/{value}") for key, value in font.items()}
    fonts = generic.DictionaryObject({pdf_name("/F1"): generic.DictionaryObject(entries)})  # type: ignore[no-untyped-call]
    resources = generic.DictionaryObject({pdf_name("/Font"): fonts})  # type: ignore[no-untyped-call]
    for content in contents:
        stream = writer.add_object(generic.StreamObject(stream_data=content))
        page = PageObject(contents=stream, media_box=(0, 0, *size), resources=resources)  # type: ignore[no-untyped-call]
        writer.insert_page(page)  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()
