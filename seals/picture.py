"""Draws round official seals (公章) as 国发〔1999〕25号 describes them: a red ring, a five-point star in the middle,
and the name of the organ in simplified Song characters, arced from left to right around the star.

All lengths are millimetres, all angles degrees; the origin is the centre of the seal and y points down, as in SVG.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import cos, degrees, pi, sin
from typing import NamedTuple

import resvg_py

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.lettering import CELL_MIDDLE, EM, glyph

RED = "#e60012"
SMALLEST_MM, LARGEST_MM = 35.0, 60.0
"""From the smallest steel seal to the seal of the State Council (国发〔1999〕25号)."""
LONGEST_NAME, LONGEST_CENTRE_TEXT, LONGEST_SERIAL = 30, 10, 18
LOWEST_DPI, HIGHEST_DPI = 72, 2400

# Proportions of the drawing, as parts of the diameter: on a seal of 42 mm the ring is 1.2 mm wide and the star 14 mm.
_RING = 1.2 / 42
_GAP = 0.75 / 42
_STAR_RADIUS = 7 / 42
_STAR_WAIST = sin(pi / 10) / sin(3 * pi / 10)
"""Inner to outer radius of the five-point star whose opposite edges are in line."""
_CENTRE_LINE_MIDDLE, _CENTRE_LINE_HEIGHT, _CENTRE_LINE_WIDTH = 10.6 / 42, 4.6 / 42, 16.5 / 42
_SERIAL_HEIGHT, _SERIAL_STEP = 2.2 / 42, 1.5 / 42

_BOLD = 34
"""Width in font units of the line around each outline: seal cutters' Song is bolder than the book face."""


class _NameStyle(NamedTuple):
    """How names up to a length are set: size of a character as parts of the diameter, and the angle they may fill."""

    longest: int
    height: float
    width: float
    step: float
    """Angle between characters."""


_NAME_STYLES = (
    _NameStyle(6, 6.6 / 42, 5.6 / 42, 31.0),
    _NameStyle(8, 6.4 / 42, 5.2 / 42, 28.0),
    _NameStyle(10, 6.2 / 42, 4.9 / 42, 25.0),
    _NameStyle(12, 5.9 / 42, 4.4 / 42, 21.5),
    _NameStyle(15, 5.7 / 42, 3.9 / 42, 18.0),
    _NameStyle(18, 5.5 / 42, 3.4 / 42, 15.4),
    _NameStyle(22, 5.2 / 42, 3.0 / 42, 12.7),
    _NameStyle(26, 4.9 / 42, 2.6 / 42, 10.8),
    _NameStyle(LONGEST_NAME, 4.5 / 42, 2.35 / 42, 9.3),
)


@dataclass(frozen=True)
class RoundSeal:
    """What is cut into a round seal. Making one checks it: an error (invalid) says which text or size cannot be had."""

    name: str
    """Full legal name of the organ, up to 30 characters."""
    diameter_mm: float = 42.0
    centre_text: str = ""
    """A line below the star, for seals of one purpose: 财务专用章."""
    serial: str = ""
    """Registration number along the lower edge: ASCII digits and letters."""

    def __post_init__(self) -> None:
        if not SMALLEST_MM <= self.diameter_mm <= LARGEST_MM:
            raise YinxinError(
                Kind.INVALID,
                _("a round seal is {smallest:g} to {largest:g} mm wide, not {asked:g} mm").format(
                    smallest=SMALLEST_MM, largest=LARGEST_MM, asked=self.diameter_mm
                ),
                subject=self.name,
            )
        if not self.name:
            raise YinxinError(Kind.INVALID, _("a seal needs the name of its organ"))
        _refuse_longer(self.name, LONGEST_NAME, _("the name on a seal"))
        _refuse_longer(self.centre_text, LONGEST_CENTRE_TEXT, _("the line below the star"))
        _refuse_longer(self.serial, LONGEST_SERIAL, _("the serial number of a seal"))
        if self.serial and not (self.serial.isascii() and self.serial.isalnum()):
            raise YinxinError(
                Kind.INVALID, _("the serial number of a seal is ASCII digits and letters"), subject=self.serial
            )
        for character in self.name + self.centre_text + self.serial:
            glyph(character)

    def svg(self) -> str:
        """The seal as an SVG document of its natural size, all text as outlines, on a transparent ground."""
        size = f"{self.diameter_mm:g}"
        half = f"{-self.diameter_mm / 2:g}"
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}mm" height="{size}mm"'
                f' viewBox="{half} {half} {size} {size}">',
                f'<g fill="{RED}" stroke="{RED}" stroke-linejoin="round" stroke-width="0">',
                self._ring(),
                self._star(),
                *self._name(),
                *self._centre_line(),
                *self._serial_number(),
                "</g>",
                "</svg>",
            )
        )

    def png(self, dpi: int = 600) -> bytes:
        """The seal as a PNG picture with alpha, at so many dots per inch (72 to 2400)."""
        if not LOWEST_DPI <= dpi <= HIGHEST_DPI:
            raise YinxinError(
                Kind.INVALID,
                _("a seal is drawn at {lowest} to {highest} dots per inch, not {asked}").format(
                    lowest=LOWEST_DPI, highest=HIGHEST_DPI, asked=dpi
                ),
                subject=self.name,
            )
        return bytes(resvg_py.svg_to_bytes(svg_string=self.svg(), dpi=float(dpi), skip_system_fonts=True))

    @property
    def _inside(self) -> float:
        """Radius that text may reach."""
        return self.diameter_mm * (0.5 - _RING - _GAP)

    def _ring(self) -> str:
        width = self.diameter_mm * _RING
        return f'<circle r="{(self.diameter_mm - width) / 2:.3f}" fill="none" stroke-width="{width:.3f}"/>'

    def _star(self) -> str:
        outer = self.diameter_mm * _STAR_RADIUS
        points = (
            (radius * sin(corner * pi / 5), -radius * cos(corner * pi / 5))
            for corner in range(10)
            for radius in (outer if corner % 2 == 0 else outer * _STAR_WAIST,)
        )
        return f'<polygon points="{" ".join(f"{x:.3f},{y:.3f}" for x, y in points)}"/>'

    def _name(self) -> Iterator[str]:
        style = _NAME_STYLES[bisect_left(_NAME_STYLES, len(self.name), key=lambda style: style.longest)]
        height, width = self.diameter_mm * style.height, self.diameter_mm * style.width
        first = -style.step * (len(self.name) - 1) / 2
        for position, character in enumerate(self.name):
            place = f"rotate({first + style.step * position:.3f}) translate(0 {height / 2 - self._inside:.3f})"
            yield _drawn(character, place, width, height)

    def _centre_line(self) -> Iterator[str]:
        height = self.diameter_mm * _CENTRE_LINE_HEIGHT
        advances = [glyph(character).advance / EM for character in self.centre_text]
        # Characters are never wider than 0.85 of their height, as on the arc.
        width = min(0.85 * height, self.diameter_mm * _CENTRE_LINE_WIDTH / (sum(advances) or 1))
        y = self.diameter_mm * _CENTRE_LINE_MIDDLE
        ends = accumulate(advances)
        for character, advance, end in zip(self.centre_text, advances, ends, strict=True):
            x = width * (end - advance / 2 - sum(advances) / 2)
            yield _drawn(character, f"translate({x:.3f} {y:.3f})", width, height)

    def _serial_number(self) -> Iterator[str]:
        height, radius = self.diameter_mm * _SERIAL_HEIGHT, self._inside - self.diameter_mm * _SERIAL_HEIGHT / 2
        step = degrees(self.diameter_mm * _SERIAL_STEP / radius)
        first = step * (len(self.serial) - 1) / 2
        for position, character in enumerate(self.serial):
            place = f"rotate({first - step * position:.3f}) translate(0 {radius:.3f})"
            yield _drawn(character, place, height, height)


def _drawn(character: str, place: str, width: float, height: float) -> str:
    """The character with its cell, width by height, centred on the place that the transformation leads to."""
    outline = glyph(character)
    return (
        f'<path transform="{place} scale({width / EM:.6f} {-height / EM:.6f})'
        f' translate({-outline.advance / 2:g} {-CELL_MIDDLE})" stroke-width="{_BOLD}" d="{outline.path}"/>'
    )


def _refuse_longer(text: str, longest: int, what: str) -> None:
    if len(text) > longest:
        raise YinxinError(
            Kind.INVALID,
            _("{what} has at most {longest} characters, not {length}").format(
                what=what, longest=longest, length=len(text)
            ),
            subject=text,
        )
