"""Outlines of characters, from Noto Serif SC (a Song face, SIL Open Font Licence): the drawing needs no font."""

import unicodedata
from dataclasses import dataclass
from functools import cache

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont
from pylopdf_fonts_zh_cn import serif_path

from core.errors import Kind, YinxinError
from core.i18n import _

EM = 1000
"""Font units in the side of the square that a Chinese character fills."""

CELL_MIDDLE = 380
"""Height of the middle of that square above the baseline, in font units (its top is at 880, its bottom at -120)."""


@dataclass(frozen=True)
class Glyph:
    """One character's outline: an SVG path in font units, y upwards, and its advance width."""

    path: str
    advance: int


@cache
def _font() -> TTFont:
    return TTFont(serif_path(), lazy=True)


@cache
def glyph(character: str) -> Glyph:
    """The outline of one character; an error (invalid) that names it when the font cannot draw it."""
    font = _font()
    name = font.getBestCmap().get(ord(character))
    outlines = font.getGlyphSet()
    pen = SVGPathPen(outlines, ntos=lambda number: f"{number:g}")
    if name is not None:
        outlines[name].draw(pen)
    path = pen.getCommands()
    if not path:
        raise YinxinError(
            Kind.INVALID,
            _("the character {character} ({codepoint}) cannot be drawn on a seal").format(
                character=character,
                codepoint=f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip(),
            ),
            remedy=_("use simplified Chinese characters, digits or Latin letters without spaces"),
        )
    return Glyph(path, outlines[name].width)
