import re
import struct
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

from core.errors import Kind, YinxinError
from seals.picture import LONGEST_NAME, RoundSeal

OFFICE = "宝鸡市人民政府办公室"


def size_and_colour_type(png: bytes) -> tuple[int, int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height, _depth, colour_type = struct.unpack(">IIBB", png[16:26])
    return width, height, colour_type


def test_svg_is_well_formed_in_millimetres_and_needs_no_font() -> None:
    svg = RoundSeal(OFFICE, 45, serial="6103000012345").svg()
    root = ElementTree.fromstring(svg)
    assert (root.get("width"), root.get("height")) == ("45mm", "45mm")
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("path") == len(OFFICE) + 13
    assert "text" not in tags
    assert tags.count("polygon") == tags.count("circle") == 1


def test_png_has_alpha_and_the_size_of_its_resolution() -> None:
    width, height, colour_type = size_and_colour_type(RoundSeal(OFFICE, 42).png(600))
    assert abs(width - 42 / 25.4 * 600) <= 1
    assert width == height
    assert colour_type == 6  # RGB with alpha


def test_the_same_seal_is_the_same_picture() -> None:
    assert RoundSeal(OFFICE).png(300) == RoundSeal(OFFICE).png(300)


@pytest.mark.parametrize("length", range(1, LONGEST_NAME + 1))
def test_names_of_every_length_leave_the_foot_of_the_seal_free(length: int) -> None:
    svg = RoundSeal("市" * length).svg()
    angles = [float(angle) for angle in re.findall(r"rotate\(([-.\d]+)\)", svg)]
    assert len(angles) == length
    assert angles == sorted(angles)
    assert angles[0] == pytest.approx(-angles[-1])
    assert angles[-1] <= 137


def test_drawing_is_fast() -> None:
    RoundSeal(OFFICE).png()
    begin = time.perf_counter()
    RoundSeal(OFFICE).png()
    assert time.perf_counter() - begin < 2  # some 0.1 s; generous for a loaded machine


@pytest.mark.parametrize(
    ("seal", "word"),
    [
        (lambda: RoundSeal(""), "name"),
        (lambda: RoundSeal("市" * 31), "30"),
        (lambda: RoundSeal(OFFICE, centre_text="章" * 11), "10"),
        (lambda: RoundSeal(OFFICE, serial="1" * 19), "18"),
        (lambda: RoundSeal(OFFICE, serial="六一"), "ASCII"),
        (lambda: RoundSeal(OFFICE, 20), "20 mm"),
        (lambda: RoundSeal(OFFICE, float("nan")), "nan"),
        (lambda: RoundSeal("宝鸡市😀"), "😀"),
        (lambda: RoundSeal("宝鸡市 审计局"), "SPACE"),
        (lambda: RoundSeal("宝鸡市\U0010fffd"), "U+10FFFD"),
        (lambda: RoundSeal(OFFICE).png(10), "72"),
        (lambda: RoundSeal(OFFICE).png(100_000), "2400"),
    ],
)
def test_what_cannot_be_cut_is_refused_by_name(seal: Callable[[], object], word: str) -> None:
    with pytest.raises(YinxinError, match=re.escape(word)) as caught:
        seal()
    assert caught.value.kind is Kind.INVALID
