"""A drawing as a form XObject of PDF (ISO 32000-1, 8.10), sharp at every zoom, and as a document of its own."""

import io
import zlib

from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter, PageObject, PdfFileWriter

from seals.pades.pdfa import NOT_ARCHIVAL, Archival
from seals.pictures.drawing import POINTS_PER_MM, Drawing, Emblem


def add_form(writer: BasePdfFileWriter, drawing: Drawing, archival: Archival = NOT_ARCHIVAL) -> generic.IndirectObject:
    """The drawing as a form of its natural size, in points.

    It is a transparency group, unless the document forbids that: where its shapes overlap, blending does not darken
    them twice (ISO 32000-1, 11.6.6).
    """
    entries: dict[generic.NameObject, generic.PdfObject] = {
        pdf_name("/Type"): pdf_name("/XObject"),
        pdf_name("/Subtype"): pdf_name("/Form"),
        pdf_name("/BBox"): generic.ArrayObject(map(generic.FloatObject, (0, 0, *_size(drawing)))),
        pdf_name("/Resources"): _resources(writer, drawing.emblem, archival),
        pdf_name("/Filter"): pdf_name("/FlateDecode"),
    }
    if not archival.forbids_transparency:
        entries[pdf_name("/Group")] = _group(archival)
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


def add_image(
    writer: BasePdfFileWriter, image: Image.Image, archival: Archival = NOT_ARCHIVAL
) -> generic.IndirectObject:
    """The picture as an image XObject, its alpha as soft mask; where that is forbidden, what is seen is opaque."""
    colour, alpha = image.convert("RGB").tobytes(), image.getchannel("A").tobytes()
    return add_samples(writer, (image.width, image.height), zlib.compress(colour), zlib.compress(alpha), archival)


def add_samples(
    writer: BasePdfFileWriter,
    size: tuple[int, int],
    colour: bytes,
    alpha: bytes,
    archival: Archival = NOT_ARCHIVAL,
) -> generic.IndirectObject:
    """The same of samples that are compressed (FlateDecode) already."""
    image = _samples(size, "/DeviceRGB", colour)
    if archival.forbids_transparency:
        image[pdf_name("/Mask")] = writer.add_object(_stencil(size, alpha))
    else:
        image[pdf_name("/SMask")] = writer.add_object(_samples(size, "/DeviceGray", alpha))
    return writer.add_object(image)


def _group(archival: Archival) -> generic.DictionaryObject:
    group = generic.DictionaryObject(
        {pdf_name("/S"): pdf_name("/Transparency"), pdf_name("/I"): generic.BooleanObject(True)}
    )
    if not archival.part:
        # Else that of the page, which is one that PDF/A allows (ISO 19005-2 6.2.4.3).
        group[pdf_name("/CS")] = pdf_name("/DeviceRGB")
    return group


def _stencil(size: tuple[int, int], alpha: bytes) -> generic.StreamObject:
    """An explicit mask (ISO 32000-1, 8.9.6.3): 1 where nothing is painted."""
    hidden = Image.frombytes("L", size, zlib.decompress(alpha)).point(lambda level: 255 * (level < 128)).convert("1")
    entries: dict[generic.NameObject, generic.PdfObject] = {
        pdf_name("/Type"): pdf_name("/XObject"),
        pdf_name("/Subtype"): pdf_name("/Image"),
        pdf_name("/ImageMask"): generic.BooleanObject(True),
        pdf_name("/Width"): generic.NumberObject(size[0]),
        pdf_name("/Height"): generic.NumberObject(size[1]),
        pdf_name("/BitsPerComponent"): generic.NumberObject(1),
        pdf_name("/Filter"): pdf_name("/FlateDecode"),
    }
    return generic.StreamObject(entries, encoded_data=zlib.compress(hidden.tobytes()))


def _size(drawing: Drawing) -> tuple[float, float]:
    return round(drawing.width_mm * POINTS_PER_MM, 4), round(drawing.height_mm * POINTS_PER_MM, 4)


def _resources(writer: BasePdfFileWriter, emblem: Emblem | None, archival: Archival) -> generic.DictionaryObject:
    resources = generic.DictionaryObject(archival.colour_resources())
    if emblem is not None:
        with Image.open(io.BytesIO(emblem.png), formats=["PNG"]) as image:
            artwork = add_image(writer, image.convert("RGBA"), archival)
        resources[pdf_name("/XObject")] = generic.DictionaryObject({pdf_name("/Emblem"): artwork})
    return resources


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
