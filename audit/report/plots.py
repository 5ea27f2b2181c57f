"""Bar charts as SVG: plain rectangles and text, nothing from elsewhere, the same on paper and on the screen."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 640, 120
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 12, 22
LABELS = 12
"""At most so many under the bars."""
INK, RULE, BAR = "#333", "#ddd", "#a3262a"


def bar_chart(bars: Sequence[tuple[str, int]], title: str, font: str) -> str:
    """The chart of labelled counts."""
    top = _round_up(max((count for _label, count in bars), default=0))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    step = width / max(len(bars), 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}" font-family="{escape(font)}" font-size="10" fill="{INK}">'
    ]
    for share in (0, 1, 2):
        y = TOP + height * (1 - share / 2)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{RULE}"/>')
        if top * share % 2 == 0:
            parts.append(f'<text x="{LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{top * share // 2}</text>')
    every = -(-len(bars) // LABELS) or 1
    for place, (label, count) in enumerate(bars):
        x, tall = LEFT + step * place, height * count / top
        if count:
            parts.append(
                f'<rect x="{x + step * 0.15:.1f}" y="{TOP + height - tall:.1f}" width="{step * 0.7:.1f}"'
                f' height="{tall:.1f}" fill="{BAR}"><title>{escape(label)}: {count}</title></rect>'
            )
        if place % every == 0:
            middle = x + step / 2
            parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 7}" text-anchor="middle">{escape(label)}</text>')
    return "".join([*parts, "</svg>"])


def _round_up(highest: int) -> int:
    """The end of the axis: 1, 2 or 5 and noughts."""
    end = 1
    while True:
        for factor in (1, 2, 5):
            if end * factor >= highest:
                return end * factor
        end *= 10
