"""Where seals go: coordinates, keywords, fields, straddling; seen on the page, and refused in words."""

from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from core.errors import Kind, YinxinError
from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.pictures.ink import FULL_INK, Blending, Ink
from seals.pictures.picture import RoundSeal
from seals.placement.marks import marks
from seals.placement.pages import Pages
from seals.placement.placement import (
    AtKeyword,
    Box,
    Edge,
    InField,
    Origin,
    PageGeometry,
    Place,
    Placement,
    Straddling,
    Which,
)
from seals.placement.placing import asked_place
from seals.sealing import Seal
from seals.terms import SealingTerms
from tests.support import pdf
from tests.support.pages import SCALE, pdf_of, red_box, rendered
from tests.support.sealing import NAME, Office, blank_pdf, picture

A4 = PageGeometry((0, 0, 595.276, 841.89), 0)
SIZE = 42.0


class Paper:
    """Blank A4 pages."""

    def __init__(self, page_count: int) -> None:
        self.page_count = page_count

    def geometry(self, page: int) -> PageGeometry:
        assert 1 <= page <= self.page_count
        return A4

    def find_text(self, text: str, page: int) -> list[Box]:
        return []

    def empty_field(self, name: str) -> tuple[int, Box]:
        raise AssertionError


def seal_at(
    office: Office,
    document: bytes,
    place: Place,
    seal: Seal | None = None,
    ink: Ink = FULL_INK,
    field: str | None = None,
) -> bytes:
    return seal_pdf(
        document,
        seal or office.seal,
        place,
        level=Level.B_B,
        support=SealingSupport(),
        clock=office.clock,
        ink=ink,
    ).read()


# Pages


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("all", 3, [1, 2, 3]),
        ("odd", 5, [1, 3, 5]),
        ("even", 5, [2, 4]),
        ("1,3-5", 9, [1, 3, 4, 5]),
        ("5-3,4,1", 9, [1, 3, 4, 5]),
        ("last", 7, [7]),
        ("2-last", 4, [2, 3, 4]),
    ],
)
def test_pages_are_written_as_in_a_print_dialogue(text: str, count: int, expected: list[int]) -> None:
    assert Pages(text).of(count) == expected


@pytest.mark.parametrize("text", ["", "one", "1-", "-3", "1,,2", "1;2", "0x1", "1-2-3", "every", " 1"])
def test_other_words_are_no_pages(text: str) -> None:
    with pytest.raises(YinxinError, match="no page numbers"):
        Pages(text)


@pytest.mark.parametrize("text", ["0", "4", "2-4", "1,9"])
def test_pages_that_are_not_there(text: str) -> None:
    with pytest.raises(YinxinError, match="there is no page"):
        Pages(text).of(3)
    with pytest.raises(YinxinError, match="no such pages"):
        Pages("even").of(1)


# Straddling


@given(pages=st.integers(2, 400), group=st.integers(3, 25), edge=st.sampled_from(Edge))
def test_groups_share_a_seal_and_leave_no_page_alone(pages: int, group: int, edge: Edge) -> None:
    placed = marks(Straddling(edge, group=group), Paper(pages), SIZE, SIZE)
    assert [mark.page for mark in placed] == list(range(1, pages + 1))
    shown = [(mark.part.right - mark.part.left) * (mark.part.top - mark.part.bottom) for mark in placed]
    lengths = []
    while shown:
        lengths.append(round(1 / shown[0]))
        strips = [shown.pop(0) for _number in range(lengths[-1])]
        assert strips == pytest.approx([1 / lengths[-1]] * lengths[-1])
    assert sum(lengths) == pages
    assert all(2 <= length <= group for length in lengths)
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize(("pages", "group"), [(1, 20), (3, 2), (7, 2), (4, 1), (4, 0)])
def test_what_cannot_be_straddled(pages: int, group: int) -> None:
    with pytest.raises(YinxinError, match=r"at least two pages|cannot be divided"):
        marks(Straddling(group=group), Paper(pages), SIZE, SIZE)


def test_two_by_two_if_even() -> None:
    assert len(marks(Straddling(group=2), Paper(6), SIZE, SIZE)) == 6


@pytest.mark.parametrize("edge", Edge)
def test_the_strips_put_together_are_the_seal(sm2_office: Office, edge: Edge) -> None:
    """Fanned out over the edge, page 1 on top, and compared with the seal on one page."""
    document = blank_pdf(3)
    whole = rendered(seal_at(sm2_office, document, Placement(1, 100, 100)), 0)
    wide, high = round(SIZE * 72 / 25.4 * SCALE), round(SIZE * 72 / 25.4 * SCALE)
    middle = round(100 * 72 / 25.4 * SCALE)
    corner = middle - wide // 2, whole.height - middle - high // 2
    expected = whole.crop((*corner, corner[0] + wide, corner[1] + high))
    sealed = seal_at(sm2_office, document, Straddling(edge, position_mm=100))
    together = Image.new("RGB", (wide, high), "white")
    for number in range(3):
        page = rendered(sealed, number)
        if edge in (Edge.LEFT, Edge.RIGHT):
            strip = round(wide / 3)
            left = 0 if edge is Edge.LEFT else page.width - strip
            top = page.height - middle - high // 2
            place = number * strip if edge is Edge.RIGHT else (2 - number) * strip, 0
            together.paste(page.crop((left, top, left + strip, top + high)), place)
        else:
            strip = round(high / 3)
            top = 0 if edge is Edge.TOP else page.height - strip
            left = middle - wide // 2
            place = 0, number * strip if edge is Edge.BOTTOM else (2 - number) * strip
            together.paste(page.crop((left, top, left + wide, top + strip)), place)
    difference = ImageChops.difference(expected, together).convert("L")
    # Edges of strokes fall between pixels; a strip in the wrong place would differ in thousands.
    assert sum(difference.histogram()[200:]) < 60
    assert (
        sum(ImageChops.difference(expected, Image.new("RGB", expected.size, "white")).convert("L").histogram()[60:])
        > 3000
    )


# Coordinates


@pytest.mark.parametrize(
    ("origin", "x", "y"), [(Origin.LOWER_LEFT, 60, 50), (Origin.LOWER_RIGHT, 150, 50), (Origin.UPPER_LEFT, 60, 247),
                           (Origin.UPPER_RIGHT, 150, 247)]
)  # fmt: skip
@pytest.mark.parametrize("rotate", [0, 90])
def test_every_corner_can_be_the_origin(plain: bytes, origin: Origin, x: float, y: float, rotate: int) -> None:
    if rotate:
        turned = PageGeometry((0, 0, 841.89, 595.276), 1)
        assert turned.from_lower_left(x, y, origin) == pytest.approx((60, 50), abs=0.01)
    assert A4.from_lower_left(x, y, origin) == pytest.approx((60, 50), abs=0.01)


def test_one_picture_however_many_pages(sm2_office: Office) -> None:
    sealed = seal_at(sm2_office, blank_pdf(9), Placement(Pages("odd"), 60, 50))
    for page in range(9):
        box = red_box(sealed, page)
        assert (box == pytest.approx((39, 29, 81, 71), abs=0.5)) if page % 2 == 0 else box is None
    assert sealed.count(b"/Subtype /Image") == 2  # colour and alpha
    assert sealed.count(b"/Subtype /Stamp") == 4
    assert sealed.count(b"/ByteRange") == 1


def test_every_page_of_five_hundred(sm2_office: Office) -> None:
    document = blank_pdf(500)
    sealed = seal_at(sm2_office, document, Straddling())
    assert sealed.count(b"/Subtype /Stamp") == 499
    assert len(sealed) - len(document) < 350_000
    assert red_box(sealed, 499) is not None


# Keywords

PIECES = b"BT /F1 12 Tf 100 400 Td (Sig) Tj 17 0 Td (na) Tj 13 0 Td (ture:) Tj ET"


def centre(box: tuple[float, float, float, float] | None) -> tuple[float, float]:
    assert box is not None
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


@pytest.mark.parametrize(("which", "pages"), [(Which.FIRST, [1]), (Which.LAST, [3]), (2, [2]), (Which.ALL, [1, 2, 3])])
def test_which_occurrence(sm2_office: Office, which: Which | int, pages: list[int]) -> None:
    sealed = seal_at(sm2_office, blank_pdf(3), AtKeyword("Page", which, dx_mm=20, dy_mm=-30))
    assert [page for page in (1, 2, 3) if red_box(sealed, page - 1)] == pages
    # Page stands at 72, 700 points, 24 points high: its middle is some 35, 250 mm from the corner.
    assert centre(red_box(sealed, pages[0] - 1)) == pytest.approx((35 + 20, 249 - 30), abs=1.5)


# What turns the content back, so that it is seen upright on a page that is cropped and turned.
TURNED = {0: b"1 0 0 1 20 30", 90: b"0 1 -1 0 580 30", 180: b"-1 0 0 -1 580 820", 270: b"0 -1 1 0 20 820"}


@pytest.mark.parametrize("rotate", TURNED)
def test_a_text_in_pieces_on_a_turned_and_cropped_page(sm2_office: Office, rotate: int) -> None:
    crop = generic.ArrayObject([pdf.number(value) for value in (20, 30, 580, 820)])
    change = pdf.set_on_page(0, Rotate=generic.NumberObject(rotate), CropBox=crop)  # type: ignore[no-untyped-call]
    document = pdf.updated(pdf_of(TURNED[rotate] + b" cm " + PIECES), change)
    sealed = seal_at(sm2_office, document, AtKeyword("Signature:", dx_mm=-10, dy_mm=5))
    # The text begins at 100, 400 points, and is some 55 points wide and 9 high.
    assert centre(red_box(sealed, 0)) == pytest.approx((44.8 - 10, 142.5 + 5), abs=1.0)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (AtKeyword("Seal here"), r"Seal here: the text is not found on the pages 1 to 3"),
        (AtKeyword("Page 1", pages=Pages("2")), "not found on page 2"),
        (AtKeyword("Page", 4), "stands only 3 times"),
        (AtKeyword("Page", 0), "stands only 3 times"),
        (AtKeyword(" \n"), "no text to look for"),
        (AtKeyword("Page", dx_mm=500), "not wholly on the page"),
        (AtKeyword("Page", dx_mm=float("nan")), "not wholly on the page"),
    ],
)
def test_a_text_that_is_not_there_is_an_error(sm2_office: Office, place: AtKeyword, words: str) -> None:
    with pytest.raises(YinxinError, match=words):
        seal_at(sm2_office, blank_pdf(3), place)


# Fields


def with_field(box: tuple[int, int, int, int]) -> bytes:
    def add(writer: IncrementalPdfFileWriter) -> None:
        append_signature_field(writer, SigFieldSpec("Approver", on_page=1, box=box))

    return pdf.updated(blank_pdf(2), add)


@pytest.mark.parametrize(
    ("box", "seen"),
    [
        ((200, 300, 400, 500), SIZE),  # larger than the seal: natural size, in the middle
        ((270, 370, 330, 430), 60 * 25.4 / 72),  # smaller: made to fit
        ((100, 370, 500, 430), 60 * 25.4 / 72),
    ],
)
def test_an_empty_field_is_filled(sm2_office: Office, box: tuple[int, int, int, int], seen: float) -> None:
    sealed = seal_at(sm2_office, with_field(box), InField("Approver"))
    left, bottom, right, top = red_box(sealed, 1) or (0, 0, 0, 0)
    assert (right - left, top - bottom) == pytest.approx((seen, seen), abs=0.7)
    assert centre((left, bottom, right, top)) == pytest.approx((300 * 25.4 / 72, 400 * 25.4 / 72), abs=0.5)
    assert [one.field for one in sm2_office.report(sealed, status=True).signatures] == ["Approver"]
    assert len(PdfFileReader(BytesIO(sealed)).root["/AcroForm"]["/Fields"]) == 1


def test_where_nothing_is_asked_the_only_empty_field_is_filled(sm2_office: Office) -> None:
    document = with_field((200, 300, 400, 500))
    sealed = seal_at(sm2_office, document, InField())
    assert [one.field for one in sm2_office.report(sealed, status=True).signatures] == ["Approver"]
    for other in (blank_pdf(), sealed):
        with pytest.raises(YinxinError, match=r"no empty signature field that waits.*--at X,Y.*--straddle"):
            seal_at(sm2_office, other, InField())
    several = pdf.updated(document, pdf.add_empty_signature_field)
    with pytest.raises(YinxinError, match=r"several signature fields wait for one: Approver, Extra") as caught:
        seal_at(sm2_office, several, InField())
    assert caught.value.kind is Kind.INVALID
    assert SealingTerms().place() == InField()
    with pytest.raises(YinxinError, match="not whole"):
        SealingTerms(page=2).place()


def test_fields_that_cannot_be_filled(sm2_office: Office) -> None:
    document = with_field((200, 300, 400, 500))
    with pytest.raises(YinxinError, match=r"no empty signature field of this name.*Approver") as caught:
        seal_at(sm2_office, document, InField("Other"))
    assert caught.value.kind is Kind.NOT_FOUND
    once = seal_at(sm2_office, document, InField("Approver"))
    with pytest.raises(YinxinError, match="no empty signature field"):
        seal_at(sm2_office, once, InField("Approver"))
    with pytest.raises(YinxinError, match="takes no room"):
        seal_at(sm2_office, with_field((0, 0, 0, 0)), InField("Approver"))


# Ink


def darkest(document: bytes) -> int:
    low, _high = rendered(document, 0).convert("L").getextrema()
    assert isinstance(low, int)
    return low


BLACK = b"0 g 200 200 200 200 re f"


def test_multiplied_the_text_shows_through_and_covered_it_does_not(sm2_office: Office) -> None:
    middle = Placement(1, 300 * 25.4 / 72, 300 * 25.4 / 72)
    for seal in (sm2_office.seal, replace(sm2_office.seal, drawing=RoundSeal(NAME).drawing())):
        assert red_box(seal_at(sm2_office, pdf_of(BLACK), middle, seal), 0) is None
        assert red_box(seal_at(sm2_office, pdf_of(BLACK), middle, seal, Ink(1, Blending.COVER)), 0) is not None


def test_opacity_makes_the_seal_paler(sm2_office: Office) -> None:
    full = darkest(seal_at(sm2_office, pdf_of(b""), Placement(1, 60, 60)))
    pale = darkest(seal_at(sm2_office, pdf_of(b""), Placement(1, 60, 60), ink=Ink(0.3)))
    assert full < 80 < 170 < pale
    for opacity in (0, 0.05, 1.1, float("nan")):
        with pytest.raises(YinxinError, match="opacity"):
            Ink(opacity)


def test_a_drawn_seal_is_written_as_outlines(sm2_office: Office, plain: bytes) -> None:
    drawn = replace(sm2_office.seal, drawing=RoundSeal(NAME).drawing(), picture=picture())
    sealed = seal_at(sm2_office, plain, Straddling(), drawn)
    assert b"/Subtype /Image" not in sealed
    assert sealed.count(b"/S /Transparency") == 1
    assert red_box(sealed, 1) is not None


# What people type


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ({"at": "1.5,2"}, Placement(1, 1.5, 2)),
        ({"at": "1,2", "pages": "all", "origin": "upper-left"}, Placement(Pages("all"), 1, 2, Origin.UPPER_LEFT)),
        ({"keyword": "盖章"}, AtKeyword("盖章")),
        ({"keyword": "盖章", "occurrence": "3", "offset": "-1,0.5"}, AtKeyword("盖章", 3, -1, 0.5)),
        ({"field": "F"}, InField("F")),
        ({}, InField()),
        ({"straddle": "left", "group": 5, "position": 9.0}, Straddling(Edge.LEFT, 9.0, 5)),
    ],
)
def test_what_is_typed_is_understood(typed: dict[str, object], place: Place) -> None:
    assert asked_place(**typed) == place  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "typed",
    [{"pages": "2"}, {"at": "1,2", "field": "F"}, {"at": "1"}, {"at": "1,2,3"}, {"at": "a,b"},
     {"at": "1,2", "origin": "north"},
     {"at": "1,2", "pages": "some"},
     {"keyword": "x", "occurrence": "-1"}, {"keyword": "x", "offset": "1"},
     {"straddle": "north"}],
)  # fmt: skip
def test_what_is_not_understood_is_an_error(typed: dict[str, object]) -> None:
    with pytest.raises(YinxinError) as caught:
        asked_place(**typed)  # type: ignore[arg-type]
    assert caught.value.kind is Kind.INVALID
    assert caught.value.remedy
