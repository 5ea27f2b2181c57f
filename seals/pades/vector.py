"""A drawing as a form XObject of PDF (ISO 32000-1, 8.10), sharp at every zoom, and as a document of its own."""

import io
import zlib

from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter, PageObject, PdfFileWriter

from seals.drawing import POINTS_PER_MM, Drawing, Emblem


def add_form(writer: BasePdfFileWriter, drawing: Drawing) -> generic.IndirectObject:
    """The drawing as a form of its natural size, in points.

    It is a transparency group: where its shapes overlap, blending does not darken them twice (ISO 32000-1, 11.6.6).
    """
    group = generic.DictionaryObject(
        {
            pdf_name("/S"): pdf_name("/Transparency"),
            pdf_name("/CS"): pdf_name("/DeviceRGB"),
            pdf_name("/I"): generic.BooleanObject(True),
        }
    )
    entries: dict[generic.NameObject, generic.PdfObject] = {
        pdf_name("/Type"): pdf_name("/XObject"),
        pdf_name("/Subtype"): pdf_name("/Form"),
        pdf_name("/BBox"): generic.ArrayObject(map(generic.FloatObject, (0, 0, *_size(drawing)))),
        pdf_name("/Resources"): _resources(writer, drawing.emblem),
        pdf_name("/Group"): group,
        pdf_name("/Filter"): pdf_name("/FlateDecode"),
    }
    return writer.add_object(generic.StreamObject(entries, encoded_data=zlib.compress(drawing.pdf_content())))


def pdf(drawing: Drawing) -> bytes:
    """A document of one page that is as large as the drawing."""
    writer = PdfFileWriter()
    form = add_form(writer, drawing)
    content = writer.add_object(generic.StreamObject(stream_data=b"/Seal Do"))
    page = PageObject(contents=content, media_box=(0, 0, *_size(drawing)))
    forms = generic.DictionaryObject({pdf_name("/Seal"): form})
    page[pdf_name("/Resources")] = generic.DictionaryObject({pdf_name("/XObject"): forms})
    writer.insert_page(page)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def add_image(writer: BasePdfFileWriter, image: Image.Image) -> generic.IndirectObject:
    """The picture as an image XObject, its alpha as soft mask."""
    colour, alpha = image.convert("RGB").tobytes(), image.getchannel("A").tobytes()
    return add_samples(writer, (image.width, image.height), zlib.compress(colour), zlib.compress(alpha))


def add_samples(
    writer: BasePdfFileWriter, size: tuple[int, int], colour: bytes, alpha: bytes
) -> generic.IndirectObject:
    """The same of samples that are compressed (FlateDecode) already."""
    image = _samples(size, "/DeviceRGB", colour)
    image[pdf_name("/SMask")] = writer.add_object(_samples(size, "/DeviceGray", alpha))
    return writer.add_object(image)


def _size(drawing: Drawing) -> tuple[float, float]:
    return round(drawing.width_mm * POINTS_PER_MM, 4), round(drawing.height_mm * POINTS_PER_MM, 4)


def _resources(writer: BasePdfFileWriter, emblem: Emblem | None) -> generic.DictionaryObject:
    if emblem is None:
        return generic.DictionaryObject()
    with Image.open(io.BytesIO(emblem.png), formats=["PNG"]) as image:
        artwork = add_image(writer, image.convert("RGBA"))
    images = generic.DictionaryObject({pdf_name("/Emblem"): artwork})
    return generic.DictionaryObject({pdf_name("/XObject"): images})


def _samples(size: tuple[int, int], colour_space: str, samples: bytes) -> generic.StreamObject:
    entries: dict[generic.NameObject, generic.PdfObject] = {
        pdf_name("/Type"): pdf_name("/XObject"),
        pdf_name("/Subtype"): pdf_name("/Image"),
        pdf_name("/Width"): generic.NumberObject(size[0]),
        pdf_name("/Height"): generic.NumberObject(size[1]),
        pdf_name("/BitsPerComponent"): generic.NumberObject(8),
        pdf_name("/ColorSpace"): pdf_name(colour_space),
        pdf_name("/Filter"): pdf_name("/FlateDecode"),
    }
    return generic.StreamObject(entries, encoded_data=samples)
