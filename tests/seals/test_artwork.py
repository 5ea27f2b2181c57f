"""Scans and drawings of seals, made dirty on purpose."""

import io
import random
import struct
import zlib
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from core.errors import Kind, YinxinError
from seals.pictures.artwork import cleaned
from seals.pictures.cli import clean, draw
from seals.pictures.picture import RoundSeal

OFFICE = "宝鸡市人民政府办公室"
DPI = 300
PLAIN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 42 42">{}</svg>'
DISC = '<circle cx="21" cy="21" r="20" fill="#e60012"/>'


@cache
def seal() -> Image.Image:
    with Image.open(io.BytesIO(RoundSeal(OFFICE, 42).png(DPI))) as image:
        return image.convert("RGBA")


def png(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.copy()


@pytest.fixture(scope="module")
def scan() -> bytes:
    """The seal on grey noisy paper, under black print, with dust, blurred, with margins."""
    noise = random.Random(1)
    paper = Image.new("RGB", (seal().width + 120, seal().height + 80), (222, 220, 214))
    paper.paste(seal(), (70, 30), seal())
    pen = ImageDraw.Draw(paper)
    pen.rectangle((0, 300, paper.width, 309), fill=(30, 30, 30))
    for _speck in range(40):
        pen.point((noise.randrange(paper.width), noise.randrange(25)), fill=(200, 40, 40))
    grain = Image.frombytes("L", paper.size, noise.randbytes(paper.width * paper.height))
    shaded = Image.merge("RGB", [grain.point(lambda level: level // 12)] * 3)
    return png(ImageChops.subtract(paper.filter(ImageFilter.GaussianBlur(0.6)), shaded))


def test_of_a_scan_only_the_seal_is_left(scan: bytes) -> None:
    result = opened(cleaned(scan, 42))
    assert result.mode == "RGBA"
    assert abs(result.width - seal().width) <= 6
    assert abs(result.height - seal().height) <= 6
    # Specks of dust and blur may move an edge by a pixel or two; the seal itself is where it was.
    ours = result.getchannel("A").resize(seal().size)
    theirs = seal().getchannel("A")
    both = sum(ImageChops.darker(ours, theirs).histogram()[128:])
    either = sum(ImageChops.lighter(ours, theirs).histogram()[128:])
    assert both > 0.85 * either
    # Paper is gone, not only paler.
    assert ours.histogram()[0] > 0.5 * ours.width * ours.height
    red, green, blue, _alpha = result.getpixel((result.width // 2, result.height // 2))  # type: ignore[misc]
    assert red > 180
    assert max(green, blue) < 60


def test_black_print_beside_the_seal_is_gone(scan: bytes) -> None:
    result = opened(cleaned(scan, 42))
    # Where the line crosses the white of the seal, between the name and the star.
    assert result.getchannel("A").crop((110, 266, 150, 284)).getextrema()[1] < 128  # type: ignore[operator]


def test_a_drawn_seal_stays_what_it_is() -> None:
    result = opened(cleaned(png(seal()), 42))
    assert abs(result.width - seal().width) <= 2
    difference = ImageChops.difference(result.getchannel("A").resize(seal().size), seal().getchannel("A"))
    assert sum(difference.histogram()[128:]) < 0.01 * seal().width * seal().height


def test_finer_pictures_are_kept_at_600_dots_per_inch() -> None:
    assert opened(cleaned(RoundSeal(OFFICE, 35).png(800), 35)).width == round(35 / 25.4 * 600)


def test_an_svg_is_drawn_and_trimmed() -> None:
    svg = PLAIN.format("<title>公章</title><g transform='scale(.9)'>" + DISC + "</g>").encode()
    result = opened(cleaned(svg, 42))
    assert abs(result.width - result.height) <= 2
    assert result.getchannel("A").getpixel((2, 2)) == 0
    assert result.getpixel((result.width // 2, result.height // 2)) == (230, 0, 18, 255)


def test_a_drawn_svg_comes_back_as_a_picture() -> None:
    assert opened(cleaned(RoundSeal(OFFICE, 35).svg().encode(), 35)).width == round(35 / 25.4 * 600)


@pytest.mark.parametrize(
    ("inside", "named"),
    [
        ("<script>alert(1)</script>", "script"),
        ("<foreignObject/>", "foreignObject"),
        ('<image href="file:///etc/passwd"/>', "image"),
        ('<image href="data:image/png;base64,AAAA"/>', "image"),
        ('<use href="#a"/>', "use"),
        ("<text>公章</text>", "text"),
        ("<style>@import url(http://example.org/x.css)</style>", "style"),
        ('<g onload="alert(1)"/>', "onload"),
        ('<g style="fill:url(http://example.org/x)"/>', "style"),
        ('<path style="stroke-dasharray:0.0001"/>', "style"),
        ('<path stroke-dasharray="0.0001"/>', "stroke-dasharray"),
        ('<g filter="url(#f)"/>', "filter"),
        ('<linearGradient xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="http://example.org/x"/>', "href"),
        ("<g>" * 20 + "</g>" * 20, "groups within groups"),
        ("<g/>" * 20_001, "20000"),
    ],
)
def test_an_svg_with_more_than_shapes_is_refused_by_name(inside: str, named: str) -> None:
    with pytest.raises(YinxinError, match=named) as caught:
        cleaned(PLAIN.format(DISC + inside).encode(), 42)
    assert caught.value.kind is Kind.INVALID


def bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


ENTITIES = b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + PLAIN.format("&b;").encode()


@pytest.mark.parametrize(
    ("data", "width_mm", "word"),
    [
        (b"", 42, "neither"),
        (b"GIF89a", 42, "neither"),
        (b"<html/>", 42, "neither"),
        (b"<svg", 42, "neither"),
        (ENTITIES, 42, "neither"),
        (bomb(), 42, "(pixels|neither)"),
        (bytes(21 << 20), 42, "20 MiB"),
        (PLAIN.format("").encode(), 42, "no red"),
        (PLAIN.format('<circle cx="21" cy="21" r="20" fill="#222"/>').encode(), 42, "no red"),
        (PLAIN.format('<circle cx="21" cy="21" r="20" fill="#0000e0"/>').encode(), 42, "no red"),
        (PLAIN.format(DISC).replace("0 0 42 42", "0 0 420 42").encode(), 42, "three times"),
        (PLAIN.format('<rect x="1" y="20" width="40" height="1" fill="#e60012"/>').encode(), 42, "three times"),
        (PLAIN.format(DISC).replace("0 0 42 42", "0 0 a b").encode(), 42, "neither"),
        (PLAIN.format(DISC).encode(), 420, "420 mm"),
        (PLAIN.format(DISC).encode(), float("nan"), "nan mm"),
    ],
)
def test_what_is_no_picture_of_a_seal_is_refused(data: bytes, width_mm: float, word: str) -> None:
    with pytest.raises(YinxinError, match=word) as caught:
        cleaned(data, width_mm)
    assert caught.value.kind is Kind.INVALID


def test_a_coarse_picture_is_refused_with_the_size_that_would_do() -> None:
    with pytest.raises(YinxinError, match="fewer than 300") as caught:
        cleaned(RoundSeal(OFFICE, 42).png(150), 42)
    assert "497" in (caught.value.remedy or "")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_broken_png_is_refused_or_read_never_worse(data: st.DataObject) -> None:
    whole = small()
    place = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:place] + data.draw(st.binary(max_size=4)) + whole[place + data.draw(st.integers(0, 4)) :]
    try:
        assert cleaned(broken, 8).startswith(b"\x89PNG")
    except YinxinError as error:
        assert error.kind is Kind.INVALID


@cache
def small() -> bytes:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((1, 1, 98, 98), fill=(230, 0, 18, 255))
    return png(image)


def test_the_commands_write_what_they_say(tmp_path: Path) -> None:
    def run(command: object, *arguments: object) -> tuple[int, str]:
        result = CliRunner().invoke(command, [*map(str, arguments)], obj=None)  # type: ignore[arg-type]
        return result.exit_code, str(result.exception or "") + result.output

    svg, plain = tmp_path / "a.svg", tmp_path / "a.png"
    assert run(draw, "--kind", "finance", "--name", OFFICE, "--out", svg) == (0, f"{svg}: 38 mm wide, 38 mm high\n")
    assert run(clean, svg, "--width-mm", 38, "--out", plain) == (0, f"{plain}: 38 mm wide, 38 mm high\n")
    assert run(draw, "--name", OFFICE, "--emblem", svg, "--out", tmp_path / "b.pdf")[0] == 0
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    assert "exists" in run(draw, "--name", OFFICE, "--out", svg)[1]
    assert ".png, .svg or .pdf" in run(draw, "--name", OFFICE, "--out", tmp_path / "a.gif")[1]
