"""What seals look like.

Round ones as 国发〔1999〕25号 describes them: a red ring, a five-point star or the national emblem in the middle, the
name of the organ in simplified Song characters arced from left to right around it. The oval one for invoices as in
国家税务总局公告2011年第7号. Square ones of persons by custom.

All lengths are millimetres; the origin is the centre of the seal and y points down, as in SVG.
"""

import io
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from math import pi, radians
from typing import NamedTuple, Protocol

from PIL import Image

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pictures import layout
from seals.pictures.drawing import Drawing, Emblem, Shape, polygon
from seals.pictures.layout import Cell
from seals.pictures.lettering import Face, require_drawable

RED = "#e60012"
SMALLEST_MM, LARGEST_MM = 35.0, 60.0
"""From the smallest steel seal to the seal of the State Council (国发〔1999〕25号)."""
SMALLEST_SQUARE_MM, LARGEST_SQUARE_MM = 10.0, 30.0
LONGEST_NAME, LONGEST_OVAL_NAME, LONGEST_SQUARE_NAME = 40, 30, 16
LONGEST_CENTRE_TEXT, LONGEST_BOTTOM_TEXT, LONGEST_SERIAL, LONGEST_TAX_NUMBER = 10, 8, 18, 20

# Proportions of the round seal, as parts of the diameter: at 42 mm the ring is 1.2 mm wide and the star 14 mm.
_RING = 1.2 / 42
_GAP = 0.75 / 42
_STAR_RADIUS = 7 / 42
_EMBLEM_SIDE = 15.5 / 42
_CENTRE_LINE_MIDDLE, _CENTRE_LINE_HEIGHT, _CENTRE_LINE_WIDTH = 10.6 / 42, 4.6 / 42, 16.5 / 42
_RAISED_CENTRE_LINE_MIDDLE, _RAISED_CENTRE_LINE_HEIGHT = 9.3 / 42, 4.0 / 42
"""Where another line follows below."""
_BOTTOM_LINE_MIDDLE, _BOTTOM_LINE_HEIGHT, _BOTTOM_LINE_WIDTH = 13.6 / 42, 2.8 / 42, 11 / 42
_SERIAL_HEIGHT, _SERIAL_STEP = 2.2 / 42, 1.5 / 42
_FEET = 0.97
"""How much of the room between the feet of two characters, where it is least, a character may take."""
_APART = pi / 60
"""Angle that stays free between the name and the serial number."""


class _NameStyle(NamedTuple):
    """How names up to a length are set: size of a character as parts of the diameter, and the angle they may fill."""

    longest: int
    height: float
    width: float
    step: float
    """Angle between characters, in degrees."""


_NAME_STYLES = (
    _NameStyle(6, 6.6 / 42, 5.6 / 42, 31.0),
    _NameStyle(8, 6.4 / 42, 5.2 / 42, 28.0),
    _NameStyle(10, 6.2 / 42, 4.9 / 42, 25.0),
    _NameStyle(12, 5.9 / 42, 4.4 / 42, 21.5),
    _NameStyle(15, 5.7 / 42, 3.9 / 42, 18.0),
    _NameStyle(18, 5.5 / 42, 3.4 / 42, 15.4),
    _NameStyle(22, 5.2 / 42, 3.0 / 42, 12.7),
    _NameStyle(26, 4.9 / 42, 2.6 / 42, 10.8),
    _NameStyle(30, 4.5 / 42, 2.35 / 42, 9.3),
    _NameStyle(35, 4.2 / 42, 2.05 / 42, 8.0),
    _NameStyle(LONGEST_NAME, 3.9 / 42, 1.85 / 42, 7.0),
)


class Design(Protocol):
    """The design of a seal."""

    def drawing(self) -> Drawing:
        """What it looks like."""
        ...


@dataclass(frozen=True)
class RoundSeal:
    """What is cut into a round seal. Making one checks it: an error (invalid) says which text or size cannot be had."""

    name: str
    """Full legal name of the organ, up to 40 characters."""
    diameter_mm: float = 42.0
    centre_text: str = ""
    """A line below the star, for seals of one purpose: 财务专用章."""
    serial: str = ""
    """Registration number along the lower edge: ASCII digits and letters."""
    bottom_text: str = ""
    """A smaller line below the centre line, as in 合同专用章（2）."""
    emblem: bytes | None = None
    """Artwork in the place of the star, as `artwork.cleaned` leaves it: PNG with alpha."""
    face: Face = Face.SONG

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
        _refuse_longer(self.bottom_text, LONGEST_BOTTOM_TEXT, _("the bottom line"))
        _refuse_longer(self.serial, LONGEST_SERIAL, _("the serial number of a seal"))
        if self.serial and not (self.serial.isascii() and self.serial.isalnum()):
            raise YinxinError(
                Kind.INVALID, _("the serial number of a seal is ASCII digits and letters"), subject=self.serial
            )
        require_drawable((self.name, self.centre_text, self.bottom_text, self.serial), self.face)

    def drawing(self) -> Drawing:
        """The seal as a drawing, all text as outlines, on a transparent ground."""
        radius = self.diameter_mm / 2
        shapes = (
            layout.ring(radius, radius, self.diameter_mm * _RING),
            *(() if self.emblem else (layout.star(self.diameter_mm * _STAR_RADIUS),)),
            *self._name(),
            *self._lines(),
            *self._serial_number(),
        )
        emblem = _fitted(self.emblem, self.diameter_mm * _EMBLEM_SIDE) if self.emblem else None
        return Drawing(self.diameter_mm, self.diameter_mm, RED, shapes, emblem)

    def svg(self) -> str:
        """The drawing as an SVG document."""
        return self.drawing().svg()

    def png(self, dpi: int = 600) -> bytes:
        """The drawing as a PNG picture with alpha, at so many dots per inch."""
        return self.drawing().png(dpi)

    @property
    def _inside(self) -> float:
        """Radius that text may reach."""
        return self.diameter_mm * (0.5 - _RING - _GAP)

    def _name(self) -> Iterator[Shape]:
        style = _NAME_STYLES[bisect_left(_NAME_STYLES, len(self.name), key=lambda style: style.longest)]
        height = self.diameter_mm * style.height
        # A long serial number and a long name share the ring.
        angle = min(radians(style.step), (2 * pi - self._serial_angle - 2 * _APART) / len(self.name))
        width = min(self.diameter_mm * style.width, _FEET * angle * (self._inside - height))
        radius = self._inside - height / 2
        return layout.along(self.name, radius, radius, angle * radius, Cell(width, height), self.face)

    @property
    def _serial_angle(self) -> float:
        return len(self.serial) * _SERIAL_STEP / (0.5 - _RING - _GAP - _SERIAL_HEIGHT)

    def _lines(self) -> Iterator[Shape]:
        middle, height = _CENTRE_LINE_MIDDLE, _CENTRE_LINE_HEIGHT
        if self.bottom_text and self.centre_text:
            middle, height = _RAISED_CENTRE_LINE_MIDDLE, _RAISED_CENTRE_LINE_HEIGHT
        scale = self.diameter_mm
        yield from layout.line(self.centre_text, scale * middle, scale * height, scale * _CENTRE_LINE_WIDTH, self.face)
        yield from layout.line(
            self.bottom_text,
            scale * _BOTTOM_LINE_MIDDLE,
            scale * _BOTTOM_LINE_HEIGHT,
            scale * _BOTTOM_LINE_WIDTH,
            self.face,
        )

    def _serial_number(self) -> Iterator[Shape]:
        height = self.diameter_mm * _SERIAL_HEIGHT
        step = self.diameter_mm * _SERIAL_STEP
        return layout.below(self.serial, self._inside - height / 2, step, Cell(height, height), self.face)


# 国家税务总局公告2011年第7号: 40 by 30 mm, ring 1 mm, heights and widths of the characters.
_OVAL_WIDTH, _OVAL_HEIGHT, _OVAL_RING, _OVAL_GAP = 40.0, 30.0, 1.0, 0.8
_OVAL_NAME, _OVAL_TAX_NUMBER, _OVAL_PURPOSE, _OVAL_ORDINAL = Cell(3, 4.2), Cell(1.3, 3.7), Cell(3, 4.6), Cell(1.7, 2.2)
_OVAL_LOWEST_NAME = 4.2
"""How far down the name may reach along the ring."""


@dataclass(frozen=True)
class OvalSeal:
    """The seal for invoices (发票专用章), 40 by 30 mm: name, tax number, purpose. Making one checks it."""

    name: str
    tax_number: str
    """纳税人识别号, up to 20 ASCII digits and letters."""
    purpose: str = "发票专用章"
    ordinal: str = ""
    """Below the purpose, where there are several: （1）."""
    face: Face = Face.SONG

    def __post_init__(self) -> None:
        if not self.name:
            raise YinxinError(Kind.INVALID, _("a seal needs the name of its organ"))
        _refuse_longer(self.name, LONGEST_OVAL_NAME, _("the name on a seal for invoices"))
        _refuse_longer(self.tax_number, LONGEST_TAX_NUMBER, _("the tax number"))
        _refuse_longer(self.purpose, LONGEST_CENTRE_TEXT, _("the purpose on a seal for invoices"))
        _refuse_longer(self.ordinal, LONGEST_BOTTOM_TEXT, _("the bottom line"))
        if not (self.tax_number.isascii() and self.tax_number.isalnum()):
            raise YinxinError(
                Kind.INVALID,
                _("a seal for invoices needs the tax number: ASCII digits and letters"),
                subject=self.tax_number or self.name,
                remedy=_("give the taxpayer's identification number (--tax-number)"),
            )
        require_drawable((self.name, self.purpose), self.face)
        require_drawable((self.tax_number, self.ordinal), Face.HEI)

    def drawing(self) -> Drawing:
        """The seal as a drawing, all text as outlines, on a transparent ground."""
        inset = _OVAL_RING + _OVAL_GAP + _OVAL_NAME.height / 2
        rx, ry = _OVAL_WIDTH / 2 - inset, _OVAL_HEIGHT / 2 - inset
        length = layout.upper_length(rx, ry, _OVAL_LOWEST_NAME)
        step = min(length / max(len(self.name), 10), 4.4)
        # Where the ellipse is bent most, the feet of the characters come closer together than their middles.
        cell = Cell(min(_OVAL_NAME.width, 0.72 * step), _OVAL_NAME.height)
        return Drawing(
            _OVAL_WIDTH,
            _OVAL_HEIGHT,
            RED,
            (
                layout.ring(_OVAL_WIDTH / 2, _OVAL_HEIGHT / 2, _OVAL_RING),
                *layout.along(self.name, rx, ry, step, cell, self.face),
                *_number_line(self.tax_number, 0.4, _OVAL_TAX_NUMBER, 25.0),
                *layout.line(self.purpose, 6.4, _OVAL_PURPOSE.height, 18.0, self.face, _OVAL_PURPOSE.width / 4.6),
                *layout.line(self.ordinal, 11.0, _OVAL_ORDINAL.height, 10.0, Face.HEI, _OVAL_ORDINAL.width / 2.2),
            ),
        )


@dataclass(frozen=True)
class SquareSeal:
    """The seal of a person (法定代表人章, 私章): a square of columns, read from the right. Making one checks it."""

    name: str
    """The person's name; up to three characters are followed by 印 or 之印, so that they fill the square."""
    side_mm: float = 20.0
    face: Face = Face.SONG

    def __post_init__(self) -> None:
        if not SMALLEST_SQUARE_MM <= self.side_mm <= LARGEST_SQUARE_MM:
            raise YinxinError(
                Kind.INVALID,
                _("a square seal is {smallest:g} to {largest:g} mm wide, not {asked:g} mm").format(
                    smallest=SMALLEST_SQUARE_MM, largest=LARGEST_SQUARE_MM, asked=self.side_mm
                ),
                subject=self.name,
            )
        if not self.name:
            raise YinxinError(Kind.INVALID, _("a seal needs the name of its owner"))
        _refuse_longer(self.name, LONGEST_SQUARE_NAME, _("the name on a square seal"))
        require_drawable((self.name, "之印"), self.face)

    def drawing(self) -> Drawing:
        """The seal as a drawing, all text as outlines, on a transparent ground."""
        width = self.side_mm * 0.055
        half = (self.side_mm - width) / 2
        frame = Shape(
            polygon([(-half, -half), (half, -half), (half, half), (-half, half)]),
            line_width=width,
            filled=False,
        )
        inside = self.side_mm * (1 - 2 * (0.055 + 0.045))
        gap = self.side_mm * 0.035
        return Drawing(
            self.side_mm,
            self.side_mm,
            RED,
            (frame, *layout.columns(_in_columns(self.name), inside, gap, self.face)),
        )


def _in_columns(name: str) -> list[str]:
    """As many rows as columns, or one more; the first columns are the full ones."""
    text = name + {1: "印", 2: "之印", 3: "印"}.get(len(name), "")
    count = max(1, int(len(text) ** 0.5))
    if len(text) == 2:
        return [text]
    rows, longer = divmod(len(text), count)
    result, start = [], 0
    for column in range(count):
        end = start + rows + (column < longer)
        result.append(text[start:end])
        start = end
    return result


def _number_line(text: str, y: float, cell: Cell, longest: float) -> Iterator[Shape]:
    """Digits in the width that is prescribed for one of them, with a fifth of it between them."""
    step = min(cell.width * 1.2, longest / (len(text) or 1))
    # Digits are 733 of 1000 high in this face, and 555 wide.
    drawn = Cell(step / 1.2 / 0.5, cell.height / 0.75)
    for position, character in enumerate(text):
        yield layout.placed(character, drawn, Face.HEI, step * (position - (len(text) - 1) / 2), y)


def _fitted(png: bytes, side: float) -> Emblem:
    """The artwork in the red of the seal, within a square."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        alpha = image.convert("RGBA").getchannel("A")
    red = Image.new("RGB", alpha.size, RED)
    red.putalpha(alpha)
    output = io.BytesIO()
    red.save(output, "PNG")
    scale = side / max(alpha.size)
    return Emblem(output.getvalue(), alpha.width * scale, alpha.height * scale)


def _refuse_longer(text: str, longest: int, what: str) -> None:
    if len(text) > longest:
        raise YinxinError(
            Kind.INVALID,
            _("{what} has at most {longest} characters, not {length}").format(
                what=what, longest=longest, length=len(text)
            ),
            subject=text,
        )
