import io
import re
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from math import hypot

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageStat

from core.errors import Kind, YinxinError
from seals.pades import vector
from seals.pictures.designs import Inscription, design_of
from seals.pictures.drawing import Drawing
from seals.pictures.lettering import Face, glyph
from seals.pictures.picture import (
    LONGEST_NAME,
    LONGEST_OVAL_NAME,
    LONGEST_SQUARE_NAME,
    Design,
    OvalSeal,
    RoundSeal,
    SquareSeal,
)
from seals.register.kinds import SealKind

OFFICE = "宝鸡市人民政府办公室"
LONG = "中国共产党陕西省宝鸡市渭滨区人民代表大会常务委员会办公室机关事务管理服务中心综合保障"[:LONGEST_NAME]
DENSE = "鸡赣藏疆麟" * 8
"""Characters that fill their squares."""
SERIAL = "6103000012345"
TAX_NUMBER = "91610300MA6X1234XY"
DPI, FINE_DPI = 150, 400


def alpha(drawing: Drawing, shapes: slice = slice(None)) -> Image.Image:
    part = Drawing(drawing.width_mm, drawing.height_mm, drawing.colour, drawing.shapes[shapes])
    with Image.open(io.BytesIO(part.png(DPI))) as image:
        return image.convert("RGBA").getchannel("A")


def overlapping_pixels(drawing: Drawing) -> int:
    """Pixels that both the odd and the even shapes cover by more than half."""
    both = ImageChops.darker(alpha(drawing, slice(0, None, 2)), alpha(drawing, slice(1, None, 2)))
    return sum(both.histogram()[128:])


def size_and_colour_type(png: bytes) -> tuple[int, int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, _depth, colour_type = struct.unpack(">IIBB", png[16:26])
    return width, height, colour_type


def test_svg_is_well_formed_in_millimetres_and_needs_no_font() -> None:
    svg = RoundSeal(OFFICE, 45, serial=SERIAL).svg()
    root = ElementTree.fromstring(svg)
    assert (root.get("width"), root.get("height")) == ("45mm", "45mm")
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags == {"svg", "g", "path"}
    assert svg.count("<path") == len(OFFICE) + len(SERIAL) + len(("ring", "star"))


@pytest.mark.parametrize("dpi", [300, 600])
def test_png_has_alpha_and_the_size_of_its_resolution(dpi: int) -> None:
    width, height, colour_type = size_and_colour_type(RoundSeal(OFFICE, 42).png(dpi))
    assert abs(width - 42 / 25.4 * dpi) <= 1
    assert width == height
    assert colour_type == 6  # RGB with alpha


def test_the_same_seal_is_the_same_picture() -> None:
    assert RoundSeal(OFFICE).png(300) == RoundSeal(OFFICE).png(300)


@pytest.mark.parametrize("length", [1, 4, 6, 8, 10, 12, 15, 18, 22, 26, 30, 35, LONGEST_NAME])
@pytest.mark.parametrize("serial", ["", "610300001234567890"])
def test_characters_on_the_arc_stay_within_the_ring_and_off_each_other(length: int, serial: str) -> None:
    drawing = RoundSeal(DENSE[:length], 42, "会计核算财务专用章", serial, "（第12号）").drawing()
    assert overlapping_pixels(drawing) <= 2 * length
    without_ring = alpha(drawing, slice(1, None))
    left, top, right, bottom = without_ring.point(lambda level: 255 * (level > 127)).getbbox() or (0, 0, 0, 0)
    inside = (42 / 2 - 1.2) * DPI / 25.4
    middle = without_ring.width / 2
    assert max(middle - left, middle - top, right - middle, bottom - middle) <= inside
    outside = Image.new("L", without_ring.size, 255)
    edges = (middle - inside, middle + inside)
    ImageDraw.Draw(outside).ellipse((edges[0], edges[0], edges[1], edges[1]), fill=0)  # not only at the four ends
    assert sum(ImageChops.darker(outside, without_ring).histogram()[128:]) == 0


@pytest.mark.parametrize("length", range(1, LONGEST_NAME + 1))
def test_the_name_is_symmetrical_and_narrows_as_it_grows(length: int) -> None:
    drawing = RoundSeal("市" * length).drawing()
    xs = [shape.matrix for shape in drawing.shapes[2:]]
    assert len(xs) == length
    turned = [matrix[1] for matrix in xs]  # the sine of the angle, scaled
    assert turned[0] == pytest.approx(-turned[-1], abs=1e-9)
    widths = {round(hypot(*matrix[:2]), 9) for matrix in xs}
    assert len(widths) == 1
    if length > 1:
        fewer = RoundSeal("市" * (length - 1)).drawing().shapes[2].matrix
        assert widths.pop() <= hypot(*fewer[:2]) + 1e-9


@pytest.mark.parametrize("length", [1, 4, 10, 16, 22, LONGEST_OVAL_NAME])
def test_the_texts_of_the_oval_seal_stay_off_each_other(length: int) -> None:
    drawing = OvalSeal(DENSE[:length], "12345678901234567890"[:20], ordinal="（1）").drawing()
    assert (drawing.width_mm, drawing.height_mm) == (40, 30)
    assert overlapping_pixels(drawing) <= 2 * length


@pytest.mark.parametrize(
    ("name", "drawn"),
    [("张三", 4), ("李小龙", 4), ("欧阳若兰", 4), ("王", 2), ("买买提·吐尔逊", 7), (DENSE[:LONGEST_SQUARE_NAME], 16)],
)
def test_names_fill_the_square(name: str, drawn: int) -> None:
    drawing = SquareSeal(name).drawing()
    assert len(drawing.shapes) == 1 + drawn
    assert overlapping_pixels(drawing) == 0
    text = alpha(drawing, slice(1, None)).point(lambda level: 255 * (level > 127)).getbbox()
    assert text is not None
    side = 20 * DPI / 25.4
    assert min(text[:2]) > 0.05 * side  # off the frame
    assert max(text[2:]) < 0.95 * side
    assert (text[2] - text[0]) > 0.7 * side


def test_columns_are_read_from_the_right() -> None:
    first, second, third, fourth = SquareSeal("张三").drawing().shapes[1:]
    assert first.outline == glyph("张").outline
    assert fourth.outline == glyph("印").outline
    assert first.matrix[4] > third.matrix[4]
    assert first.matrix[5] < second.matrix[5]


@pytest.mark.parametrize(
    "design",
    [
        RoundSeal(LONG, 42, "合同专用章", SERIAL, "（2）"),
        OvalSeal("宝鸡某某商贸有限公司", TAX_NUMBER, ordinal="（1）"),
        SquareSeal("李小龙", face=Face.HEI),
        RoundSeal(OFFICE, emblem=RoundSeal("徽", 35).png(150)),
    ],
)
def test_pdf_shows_what_the_png_shows(design: Design) -> None:
    drawing = design.drawing()
    document = pypdfium2.PdfDocument(vector.pdf(drawing))
    page = document[0]
    assert page.get_size() == pytest.approx((drawing.width_mm * 72 / 25.4, drawing.height_mm * 72 / 25.4), abs=0.01)
    with Image.open(io.BytesIO(drawing.png(FINE_DPI))) as png:
        ours = Image.new("RGBA", png.size, "white")
        ours.alpha_composite(png.convert("RGBA"))
    theirs = page.render(scale=FINE_DPI / 72).to_pil().convert("RGB").resize(ours.size)
    difference = ImageStat.Stat(ImageChops.difference(ours.convert("RGB"), theirs).convert("L")).mean[0]
    empty = ImageStat.Stat(ImageChops.difference(Image.new("RGB", ours.size, "white"), theirs).convert("L")).mean[0]
    assert difference < 0.12 * empty  # the edges of antialiasing
    document.close()


def test_an_emblem_takes_the_place_of_the_star_and_the_red_of_the_seal() -> None:
    artwork = Image.new("RGBA", (80, 40), (120, 0, 0, 255))
    output = io.BytesIO()
    artwork.save(output, "PNG")
    drawing = RoundSeal(OFFICE, emblem=output.getvalue()).drawing()
    assert drawing.emblem is not None
    assert drawing.emblem.width_mm == 2 * drawing.emblem.height_mm
    assert len(drawing.shapes) == 1 + len(OFFICE)
    with Image.open(io.BytesIO(drawing.png(DPI))) as png:
        assert png.getpixel((png.width // 2, png.height // 2)) == (0xE6, 0, 0x12, 255)


@settings(max_examples=30, deadline=None)
@given(
    name=st.text(st.sampled_from("宝鸡市人民政府办公室A7（）·𠮷 \n<&\"'\u202e"), max_size=45),
    serial=st.text(st.sampled_from("0123456789Az<&；"), max_size=20),
    width=st.floats(allow_nan=True, min_value=None),
    kind=st.sampled_from(SealKind),
)
def test_whatever_is_asked_is_drawn_or_refused(name: str, serial: str, width: float, kind: SealKind) -> None:
    try:
        drawing = design_of(kind, Inscription(name, width, serial=serial, tax_number=serial)).drawing()
    except YinxinError as error:
        assert error.kind is Kind.INVALID
    else:
        ElementTree.fromstring(drawing.svg())


@pytest.mark.parametrize(
    ("kind", "size", "texts"),
    [
        (SealKind.OFFICIAL, (42, 42), 0),
        (SealKind.FINANCE, (38, 38), 5),
        (SealKind.CONTRACT, (42, 42), 5),
        (SealKind.PERSONNEL, (42, 42), 5),
    ],
)
def test_a_kind_has_its_usual_size_and_line(kind: SealKind, size: tuple[int, int], texts: int) -> None:
    drawing = design_of(kind, Inscription(OFFICE)).drawing()
    assert (drawing.width_mm, drawing.height_mm) == size
    assert len(drawing.shapes) == 2 + len(OFFICE) + texts


@pytest.mark.parametrize(
    ("seal", "word"),
    [
        (lambda: RoundSeal(""), "name"),
        (lambda: RoundSeal("市" * 41), "40"),
        (lambda: RoundSeal(OFFICE, centre_text="章" * 11), "10"),
        (lambda: RoundSeal(OFFICE, bottom_text="章" * 9), "8"),
        (lambda: RoundSeal(OFFICE, serial="1" * 19), "18"),
        (lambda: RoundSeal(OFFICE, serial="六一"), "ASCII"),
        (lambda: RoundSeal(OFFICE, 20), "20 mm"),
        (lambda: RoundSeal(OFFICE, float("nan")), "nan"),
        (lambda: RoundSeal("宝鸡市😀"), "😀"),
        (lambda: RoundSeal("𠮷安市"), "U+20BB7"),
        (lambda: RoundSeal("宝鸡市 审计局"), "SPACE"),
        (lambda: RoundSeal("宝鸡市\U0010fffd"), "U+10FFFD"),
        (lambda: RoundSeal(OFFICE).png(10), "72"),
        (lambda: RoundSeal(OFFICE).png(100_000), "2400"),
        (lambda: OvalSeal(OFFICE, ""), "tax number"),
        (lambda: OvalSeal("市" * 31, TAX_NUMBER), "30"),
        (lambda: SquareSeal("张三", 5), "5 mm"),
        (lambda: SquareSeal("三" * 17), "16"),
        (lambda: design_of(SealKind.PERSONAL, Inscription("张三", serial="1")), "--serial"),
        (lambda: design_of(SealKind.OFFICIAL, Inscription(OFFICE, tax_number="1")), "--tax-number"),
        (lambda: design_of(SealKind.INVOICE, Inscription(OFFICE, 42, tax_number="1")), "40 mm"),
    ],
)
def test_what_cannot_be_cut_is_refused_by_name(seal: Callable[[], object], word: str) -> None:
    with pytest.raises(YinxinError, match=re.escape(word)) as caught:
        seal()
    assert caught.value.kind is Kind.INVALID
