"""Setting text on seals: along a curve, on a line, in a square; and the ring and the star. Millimetres, y down."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import atan2, cos, hypot, pi, sin
from typing import NamedTuple

from seals.pictures.drawing import Shape, ellipse, polygon
from seals.pictures.lettering import CELL_MIDDLE, EM, Face, glyph

_BOLD = {Face.SONG: 34, Face.HEI: 12}
"""Width in font units of the line around each outline: seal cutters' Song is bolder than the book face."""
_STAR_WAIST = sin(pi / 10) / sin(3 * pi / 10)
"""Inner to outer radius of the five-point star whose opposite edges are in line."""
_WIDEST = 0.85
"""Characters on a line are never wider than this part of their height, as on the arc."""
_ARC_STEPS = 2000
DOT, _DOT_HEIGHT = "·", 0.35
"""Between the parts of a person's name, and how much of a character's height it takes in a column."""


class Cell(NamedTuple):
    """The box that a character of full width is drawn into."""

    width: float
    height: float


def ring(rx: float, ry: float, width: float) -> Shape:
    """An elliptical ring within the half axes rx and ry."""
    return Shape(ellipse(rx - width / 2, ry - width / 2), line_width=width, filled=False)


def star(radius: float) -> Shape:
    """The five-point star, one point up."""
    return Shape(
        polygon(
            [
                (length * sin(corner * pi / 5), -length * cos(corner * pi / 5))
                for corner in range(10)
                for length in (radius if corner % 2 == 0 else radius * _STAR_WAIST,)
            ]
        )
    )


def along(text: str, rx: float, ry: float, step: float, cell: Cell, face: Face) -> Iterator[Shape]:
    """Characters upright on the upper part of an ellipse through their middles, `step` mm of arc apart."""
    for character, position in zip(text, _around_zero(len(text), step), strict=True):
        x, y, turn = _on_ellipse(rx, ry, position)
        yield placed(character, cell, face, x, y, turn)


def below(text: str, radius: float, step: float, cell: Cell, face: Face) -> Iterator[Shape]:
    """Characters along the lower part of a circle, their feet outwards, read from left to right."""
    for character, position in zip(text, _around_zero(len(text), step), strict=True):
        angle = position / radius
        yield placed(character, cell, face, radius * sin(angle), radius * cos(angle), -angle)


def line(text: str, y: float, height: float, longest: float, face: Face, widest: float = _WIDEST) -> Iterator[Shape]:
    """A line around x = 0, its middle at y, narrowed to fit into `longest`; `widest` is a part of the height."""
    advances = [glyph(character, face).advance / EM for character in text]
    width = min(widest * height, longest / (sum(advances) or 1))
    for character, advance, end in zip(text, advances, accumulate(advances), strict=True):
        yield placed(character, Cell(width, height), face, width * (end - advance / 2 - sum(advances) / 2), y)


def columns(texts: Sequence[str], side: float, gap: float, face: Face) -> Iterator[Shape]:
    """A square filled with columns, the first on the right, as seals are read; a dot takes less room."""
    width = (side - gap * (len(texts) - 1)) / len(texts)
    for number, text in enumerate(texts):
        x = side / 2 - width / 2 - number * (width + gap)
        weights = [_DOT_HEIGHT if character == DOT else 1.0 for character in text]
        unit = (side - gap * (len(text) - 1)) / sum(weights)
        top = -side / 2
        for character, weight in zip(text, weights, strict=True):
            yield filling(character, Cell(width, unit * weight), face, x, top + unit * weight / 2)
            top += unit * weight + gap


def placed(character: str, cell: Cell, face: Face, x: float, y: float, turn: float = 0) -> Shape:
    """The character with the middle of its cell at x, y, turned clockwise by so many radians."""
    its = glyph(character, face)
    return _shape(character, face, cell.width / EM, cell.height / EM, (its.advance / 2, CELL_MIDDLE), (x, y), turn)


def filling(character: str, cell: Cell, face: Face, x: float, y: float) -> Shape:
    """The character stretched until its ink fills the cell around x, y, but never beyond the form of the character."""
    left, bottom, right, top = ink(character, face)
    bold = _BOLD[face]
    if character == DOT:
        scale = cell.height / EM / _DOT_HEIGHT
        return _shape(character, face, scale, scale, ((left + right) / 2, (bottom + top) / 2), (x, y), 0)
    # 一 and 丨 are not blown up to a block: no more than a third larger than the cell would make them.
    scale_x = min(cell.width / (right - left + bold), 1.3 * cell.width / EM)
    scale_y = min(cell.height / (top - bottom + bold), 1.3 * cell.height / EM)
    return _shape(character, face, scale_x, scale_y, ((left + right) / 2, (bottom + top) / 2), (x, y), 0)


def ink(character: str, face: Face) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of the outline in font units (of its control points, which enclose it)."""
    numbers = [segment.numbers for segment in glyph(character, face).outline]
    xs = [x for points in numbers for x in points[::2]]
    ys = [y for points in numbers for y in points[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def upper_length(rx: float, ry: float, lowest: float) -> float:
    """Length of the ellipse's arc above y = lowest."""
    return 2 * sum(hypot(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in pairwise(_quarter_points(rx, ry)) if y2 <= lowest)


def _shape(
    character: str,
    face: Face,
    scale_x: float,
    scale_y: float,
    middle: tuple[float, float],
    place: tuple[float, float],
    turn: float,
) -> Shape:
    a, b, c, d = scale_x * cos(turn), scale_x * sin(turn), scale_y * sin(turn), -scale_y * cos(turn)
    x = place[0] - a * middle[0] - c * middle[1]
    y = place[1] - b * middle[0] - d * middle[1]
    return Shape(glyph(character, face).outline, (a, b, c, d, x, y), _BOLD[face])


def _around_zero(count: int, step: float) -> list[float]:
    return [step * (position - (count - 1) / 2) for position in range(count)]


def _quarter_points(rx: float, ry: float) -> list[tuple[float, float]]:
    """From the top down the right side to the bottom."""
    angles = (pi * step / _ARC_STEPS for step in range(_ARC_STEPS + 1))
    return [(rx * sin(angle), -ry * cos(angle)) for angle in angles]


def _on_ellipse(rx: float, ry: float, length: float) -> tuple[float, float, float]:
    """The point so many mm of arc clockwise from the top, and how far its outward normal is turned."""
    if rx == ry:
        return rx * sin(length / rx), -rx * cos(length / rx), length / rx
    left = abs(length)
    side = 1 if length >= 0 else -1
    for (x1, y1), (x2, y2) in pairwise(_quarter_points(rx, ry)):
        piece = hypot(x2 - x1, y2 - y1)
        if left <= piece:
            x, y = x1 + (x2 - x1) * left / piece, y1 + (y2 - y1) * left / piece
            return side * x, y, atan2(side * x / rx**2, -y / ry**2)
        left -= piece
    raise ValueError("longer than half the ellipse")
