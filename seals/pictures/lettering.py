"""Outlines of characters from the fonts that are installed with Yinxin (Noto, SIL Open Font Licence).

Whoever looks at a seal needs no font: it holds the outlines of its characters and nothing else of the font.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from fontTools.pens.basePen import BasePen
from fontTools.ttLib import TTFont
from pylopdf_fonts_zh_cn import sans_path, serif_path

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pictures.drawing import Outline, Segment

EM = 1000
"""Font units in the side of the square that a Chinese character fills."""

CELL_MIDDLE = 380
"""Height of the middle of that square above the baseline, in font units (its top is at 880, its bottom at -120)."""


class Face(StrEnum):
    """The style of the characters."""

    SONG = "song"
    """宋体, which 国发〔1999〕25号 asks for: Noto Serif SC."""
    HEI = "hei"
    """黑体: Noto Sans SC."""


@dataclass(frozen=True)
class Glyph:
    """One character's outline in font units, y upwards, and its advance width."""

    outline: Outline
    advance: int


class _OutlinePen(BasePen):  # type: ignore[misc]  # fontTools is not typed
    """Collects segments; the base class turns quadratic curves into cubic ones."""

    def __init__(self, glyphs: object) -> None:
        super().__init__(glyphs)
        self.segments: list[Segment] = []

    def _moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802 - fontTools's names
        self.segments.append(Segment("M", point))

    def _lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802
        self.segments.append(Segment("L", point))

    def _curveToOne(self, *points: tuple[float, float]) -> None:  # noqa: N802
        self.segments.append(Segment("C", tuple(number for point in points for number in point)))

    def _closePath(self) -> None:  # noqa: N802
        self.segments.append(Segment("Z", ()))


@cache
def _font(face: Face) -> TTFont:
    return TTFont(serif_path() if face is Face.SONG else sans_path(), lazy=True)


@cache
def glyph(character: str, face: Face = Face.SONG) -> Glyph:
    """The outline of one character; an error (invalid) that names it when the font cannot draw it."""
    font = _font(face)
    name = font.getBestCmap().get(ord(character))
    glyphs = font.getGlyphSet()
    pen = _OutlinePen(glyphs)
    if name is not None:
        glyphs[name].draw(pen)
    if not pen.segments:
        raise YinxinError(
            Kind.INVALID,
            _("the character {character} ({codepoint}) cannot be drawn on a seal").format(
                character=character,
                codepoint=f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip(),
            ),
            remedy=_(
                "use simplified Chinese characters, digits or Latin letters without spaces;"
                " for a rare character, have the seal drawn elsewhere and give its picture (--picture)"
            ),
        )
    return Glyph(tuple(pen.segments), glyphs[name].width)


def require_drawable(texts: Iterable[str], face: Face) -> None:
    """Return if every character can be drawn; else the error that names the first that cannot."""
    for text in texts:
        for character in text:
            glyph(character, face)
