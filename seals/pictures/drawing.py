"""A drawing of one colour, in millimetres: one description, written as SVG, as PNG and as the content of a PDF form.

The origin is the middle and y points down, as in SVG.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import resvg_py

from core.errors import Kind, YinxinError
from core.i18n import _
from core.statements import Hexadecimal

LOWEST_DPI, HIGHEST_DPI = 72, 2400
POINTS_PER_MM = 72 / 25.4
_CIRCLE = 0.5522847498
"""Control points of the cubic curve that is a quarter of a circle, as parts of the radius."""

Matrix = tuple[float, float, float, float, float, float]
IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)


class Segment(NamedTuple):
    """A piece of an outline: move, line, cubic curve or close, with the coordinates x, y of each of its points."""

    verb: Literal["M", "L", "C", "Z"]
    numbers: tuple[float, ...]


Outline = tuple[Segment, ...]


@dataclass(frozen=True)
class Shape:
    """An outline, filled or not, with a line around it."""

    outline: Outline
    matrix: Matrix = IDENTITY
    """From the units of the outline to millimetres."""
    line_width: float = 0
    """In the units of the outline; 0 for none."""
    filled: bool = True


@dataclass(frozen=True)
class Emblem:
    """Artwork in the drawing: a PNG with alpha, its middle in the middle of the drawing."""

    png: Hexadecimal
    width_mm: float
    height_mm: float


@dataclass(frozen=True)
class Drawing:
    """Shapes of one colour on a transparent ground."""

    width_mm: float
    height_mm: float
    colour: str
    """#rrggbb."""
    shapes: tuple[Shape, ...]
    emblem: Emblem | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in millimetres."""
        return self.width_mm, self.height_mm

    def svg(self) -> str:
        """An SVG document of its natural size."""
        width, height = f"{self.width_mm:g}", f"{self.height_mm:g}"
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm"'
                f' viewBox="{-self.width_mm / 2:g} {-self.height_mm / 2:g} {width} {height}">',
                *([_svg_image(self.emblem)] if self.emblem else []),
                f'<g fill="{self.colour}" stroke="{self.colour}" stroke-linejoin="round">',
                *map(_svg_path, self.shapes),
                "</g>",
                "</svg>",
            )
        )

    def png(self, dpi: int = 600) -> bytes:
        """A PNG picture with alpha, at so many dots per inch (72 to 2400), which the file also says (pHYs)."""
        if not LOWEST_DPI <= dpi <= HIGHEST_DPI:
            raise YinxinError(
                Kind.INVALID,
                _("a seal is drawn at {lowest} to {highest} dots per inch, not {asked}").format(
                    lowest=LOWEST_DPI, highest=HIGHEST_DPI, asked=dpi
                ),
            )
        return bytes(resvg_py.svg_to_bytes(svg_string=self.svg(), dpi=float(dpi), skip_system_fonts=True))

    def pdf_content(self) -> bytes:
        """Operators of a PDF content stream that draw it into its natural size, the lower left corner at 0, 0.

        The emblem is drawn as the image XObject /Emblem.
        """
        to_points = (POINTS_PER_MM, 0, 0, -POINTS_PER_MM)
        middle = (self.width_mm / 2 * POINTS_PER_MM, self.height_mm / 2 * POINTS_PER_MM)
        colour = [int(self.colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        return "\n".join(
            (
                f"{_numbers((*to_points, *middle))} cm 1 j",
                f"{_numbers(colour)} rg {_numbers(colour)} RG",
                *map(_pdf_path, self.shapes),
                *([_pdf_image(self.emblem)] if self.emblem else []),
            )
        ).encode()


def ellipse(rx: float, ry: float) -> Outline:
    """An ellipse around the origin."""
    kx, ky = rx * _CIRCLE, ry * _CIRCLE
    return (
        Segment("M", (rx, 0)),
        Segment("C", (rx, ky, kx, ry, 0, ry)),
        Segment("C", (-kx, ry, -rx, ky, -rx, 0)),
        Segment("C", (-rx, -ky, -kx, -ry, 0, -ry)),
        Segment("C", (kx, -ry, rx, -ky, rx, 0)),
        Segment("Z", ()),
    )


def polygon(points: list[tuple[float, float]]) -> Outline:
    """A closed polygon."""
    first, *others = points
    return (Segment("M", first), *(Segment("L", point) for point in others), Segment("Z", ()))


def _number(number: float) -> str:
    text = f"{number:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _numbers(numbers: "Matrix | list[float] | tuple[float, ...]") -> str:
    return " ".join(map(_number, numbers))


def _svg_path(shape: Shape) -> str:
    path = "".join(f"{segment.verb}{_numbers(segment.numbers)}" for segment in shape.outline)
    matrix = "" if shape.matrix == IDENTITY else f' transform="matrix({_numbers(shape.matrix)})"'
    fill = "" if shape.filled else ' fill="none"'
    return f'<path{matrix}{fill} stroke-width="{_number(shape.line_width)}" d="{path}"/>'


def _svg_image(emblem: Emblem) -> str:
    width, height = emblem.width_mm, emblem.height_mm
    return (
        f'<image x="{_number(-width / 2)}" y="{_number(-height / 2)}" width="{_number(width)}"'
        f' height="{_number(height)}" href="data:image/png;base64,{base64.b64encode(emblem.png).decode()}"/>'
    )


def _pdf_path(shape: Shape) -> str:
    paint = {(True, True): "B", (True, False): "f", (False, True): "S"}[shape.filled, shape.line_width > 0]
    return " ".join(
        (
            f"q {_numbers(shape.matrix)} cm",
            *([f"{_number(shape.line_width)} w"] if shape.line_width else []),
            *_pdf_segments(shape.outline),
            f"{paint} Q",
        )
    )


def _pdf_segments(outline: Outline) -> Iterator[str]:
    for verb, numbers in outline:
        yield f"{_numbers(numbers)} {verb.lower()}" if verb != "Z" else "h"


def _pdf_image(emblem: Emblem) -> str:
    # An image fills the unit square, its first row on top; y points down here.
    width, height = emblem.width_mm, emblem.height_mm
    return f"q {_numbers((width, 0, 0, -height, -width / 2, height / 2))} cm /Emblem Do Q"
