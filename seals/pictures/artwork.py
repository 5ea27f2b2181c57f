"""Pictures from elsewhere, cleaned: a scanned or drawn seal (PNG, SVG) becomes ink of one red with alpha, trimmed."""

import io
import re
import zlib
from xml.etree.ElementTree import Element, ParseError

import resvg_py
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image, ImageChops

from core.errors import Kind, YinxinError
from core.i18n import _

MOST_OCTETS, MOST_PIXELS, MOST_ELEMENTS = 20 << 20, 40_000_000, 20_000
"""An A4 page scanned at 600 dots per inch has 35 million pixels."""
DEEPEST, MOST_RENDERED_PIXELS = 12, 8_000_000
"""Of an SVG: every group that is see-through takes a canvas of its own."""
LOWEST_DPI, KEPT_DPI = 300, 600
SMALLEST_MM, LARGEST_MM = 8.0, 60.0
_PAPER, _SOLID = 0.18, 0.8
"""Shares of the ink's full redness: below the first lies paper, above the second the ink covers it."""
_FAINTEST = 40
"""The least redness (0 to 255) of what can be called red ink."""

_SVG = "{http://www.w3.org/2000/svg}"
# fmt: off
_DRAWN = frozenset((
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "defs", "linearGradient",
    "radialGradient", "stop",
))
_SILENT = frozenset(("title", "desc", "metadata"))
_ATTRIBUTES = frozenset((
    "id", "x", "y", "width", "height", "viewBox", "version", "preserveAspectRatio", "d", "points", "transform",
    "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy", "opacity", "style", "clip-rule", "fill",
    "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap", "stroke-linejoin",
    "stroke-miterlimit", "offset", "stop-color", "stop-opacity", "gradientUnits", "gradientTransform",
    "spreadMethod",
))
# fmt: on
_OUTSIDE = re.compile(r"url\s*\((?!#)|@|\\|/\*|dash|image", re.IGNORECASE)
"""What style and other attributes may not hold: links, what hides them, and dashes without number."""


def cleaned(data: bytes, width_mm: float) -> bytes:
    """The picture as a PNG with alpha, 300 to 600 dots per inch at this width: the red kept, the rest transparent.

    `YinxinError` (invalid): it is no PNG or SVG, holds what a picture of a seal has no need of, has no red, or is too
    small, too large or too long for a seal.
    """
    if not SMALLEST_MM <= width_mm <= LARGEST_MM:
        raise YinxinError(
            Kind.INVALID,
            _("the picture of a seal is {smallest:g} to {largest:g} mm wide, not {asked:g} mm").format(
                smallest=SMALLEST_MM, largest=LARGEST_MM, asked=width_mm
            ),
        )
    if len(data) > MOST_OCTETS:
        raise YinxinError(Kind.INVALID, _("the picture is larger than {limit} MiB").format(limit=MOST_OCTETS >> 20))
    if data.startswith(b"\x89PNG"):
        image = _read_png(data)
    elif data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        # Margins are cut off later: what is within them keeps some 600 dots per inch if they are narrow.
        image = _read_png(_rendered(data, round(1.2 * width_mm / 25.4 * KEPT_DPI)))
    else:
        raise _unreadable()
    return _png(_resized(_red_ink(image), width_mm))


def _read_png(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            # Before anything is decompressed.
            if image.width * image.height > MOST_PIXELS:
                raise YinxinError(Kind.INVALID, _("the picture has more than {limit} pixels").format(limit=MOST_PIXELS))
            return image.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, zlib.error) as error:
        raise _unreadable() from error


def _rendered(svg: bytes, width: int) -> bytes:
    try:
        root = fromstring(svg, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise _unreadable() from error
    if root.tag != f"{_SVG}svg":
        raise _unreadable()
    _require_plain(root)
    _require_depth(root)
    ratio = _proportions(root)
    try:
        width = min(width, int((MOST_RENDERED_PIXELS * ratio) ** 0.5))
        return bytes(resvg_py.svg_to_bytes(svg_string=svg.decode(), width=width, dpi=96, skip_system_fonts=True))
    except (ValueError, UnicodeDecodeError) as error:
        raise _unreadable() from error


def _require_plain(root: Element) -> None:
    """Return if there are only shapes: no scripts, no text that needs a font, nothing from elsewhere."""
    for number, element in enumerate(root.iter()):
        if number >= MOST_ELEMENTS:
            raise YinxinError(
                Kind.INVALID, _("the SVG picture has more than {limit} elements").format(limit=MOST_ELEMENTS)
            )
        name = element.tag.removeprefix(_SVG)
        if name in _SILENT or name.startswith("{"):
            # Titles and editors' notes of other namespaces are not drawn.
            continue
        if name not in _DRAWN:
            raise _refused(f"<{name}>")
        for attribute, value in element.attrib.items():
            if not attribute.startswith("{") and attribute not in _ATTRIBUTES:
                raise _refused(f"<{name} {attribute}=…>")
            if attribute.endswith("}href") and not value.startswith("#"):
                raise _refused(f"<{name} href=…>")
            if _OUTSIDE.search(value):
                raise _refused(f"<{name} {attribute}=…>")


def _require_depth(root: Element) -> None:
    level = [root]
    for _depth in range(DEEPEST):
        level = [child for element in level for child in element]
    if level:
        raise _refused(_("groups within groups, deeper than {deepest}").format(deepest=DEEPEST))


def _proportions(root: Element) -> float:
    """Width by height."""
    box = (root.get("viewBox") or f"0 0 {root.get('width', '')} {root.get('height', '')}").replace(",", " ").split()
    try:
        width, height = (float(re.sub(r"(mm|cm|in|pt|pc|px)$", "", number)) for number in box[2:])
    except ValueError as error:
        raise _unreadable() from error
    _refuse_long(width, height)
    return width / height


def _refuse_long(width: float, height: float) -> None:
    if not (width > 0 and height > 0 and 1 / 3 <= width / height <= 3):
        raise YinxinError(
            Kind.INVALID, _("the picture of a seal is at most three times as long as it is wide"), remedy=_scan_remedy()
        )


def _red_ink(image: Image.Image) -> Image.Image:
    """One colour, the ink's; its alpha is how much of the paper the ink covers. Trimmed.

    Paper, grey shadows and black print have no more red than green and blue; ink has, by as much as it covers.
    """
    on_white = Image.new("RGBA", image.size, "white")
    on_white.alpha_composite(image)
    red, green, blue, _alpha = on_white.split()
    redness = ImageChops.subtract(red, ImageChops.lighter(green, blue))
    histogram = redness.histogram()
    paper = max(range(_FAINTEST), key=histogram.__getitem__)
    full = _percentile(histogram, max(paper + _FAINTEST // 2, _FAINTEST), 0.7)
    if full is None or full - paper < _FAINTEST:
        raise YinxinError(Kind.INVALID, _("there is no red on the picture of the seal"), remedy=_scan_remedy())
    low, high = paper + _PAPER * (full - paper), paper + _SOLID * (full - paper)
    alpha = redness.point([round(255 * min(max((level - low) / (high - low), 0), 1)) for level in range(256)])
    # Single specks of dust are no part of the seal: they do not fill half of two by two pixels.
    coarse = alpha.reduce(2).point(lambda level: 255 * (level > 127)).getbbox()
    if coarse is None:
        raise YinxinError(Kind.INVALID, _("there is no red on the picture of the seal"), remedy=_scan_remedy())
    solid = alpha.point(lambda level: 255 * (level == 255))
    colour = tuple(_median(channel.histogram(solid)) for channel in (red, green, blue))
    ink = Image.new("RGBA", image.size, (*colour, 255))
    ink.putalpha(alpha)
    left, top, right, bottom = (2 * edge for edge in coarse)
    return ink.crop((left, top, min(right, ink.width), min(bottom, ink.height)))


def _percentile(histogram: list[int], first: int, share: float) -> int | None:
    """The level below which this share of the pixels from `first` on lies."""
    return _nth(histogram, first, share) if sum(histogram[first:]) else None


def _median(histogram: list[int]) -> int:
    return _nth(histogram, 0, 0.5)


def _nth(histogram: list[int], first: int, share: float) -> int:
    left = share * sum(histogram[first:])
    for level in range(first, 256):
        left -= histogram[level]
        if left <= 0:
            return level
    return 255


def _resized(image: Image.Image, width_mm: float) -> Image.Image:
    _refuse_long(image.width, image.height)
    dpi = image.width / width_mm * 25.4
    if dpi < LOWEST_DPI * 0.98:
        raise YinxinError(
            Kind.INVALID,
            _(
                "the seal on the picture is {pixels} pixels wide: {dpi:.0f} dots per inch at {width:g} mm, fewer than"
                " {lowest}"
            ).format(pixels=image.width, dpi=dpi, width=width_mm, lowest=LOWEST_DPI),
            remedy=_("give a picture on which the seal is at least {pixels} pixels wide").format(
                pixels=-int(-width_mm / 25.4 * LOWEST_DPI // 1)
            ),
        )
    if dpi <= KEPT_DPI:
        return image
    width = round(width_mm / 25.4 * KEPT_DPI)
    return image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)


def _png(image: Image.Image) -> bytes:
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()


def _refused(what: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("the SVG picture holds what the picture of a seal has no need of: {what}").format(what=what),
        remedy=_("export it with plain shapes: text as outlines, no scripts, links, styles or pictures; or give a PNG"),
    )


def _unreadable() -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("the picture of the seal is neither a PNG nor an SVG file"),
        remedy=_("give a PNG or SVG picture that other programs can open"),
    )


def _scan_remedy() -> str:
    return _("give a picture of the seal alone, in red on white or transparent ground")
