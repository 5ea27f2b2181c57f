"""Where a seal goes: how it is asked, and millimetres on pages as people see them turned into their user space.

ISO 32000-2 7.7.3.3: what is seen of a page is its CropBox, turned clockwise by Rotate, in units of UserUnit / 72 inch.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.placement.pages import ALL_PAGES, Pages

POINTS_PER_MM = 72 / 25.4
_TOLERANCE = 0.01
"""Millimetres: what rounding may make of a seal that just touches the edge."""
MOST_PAGES_STRADDLED = 20
"""A seal of 42 mm in strips of 2 mm can still be put together again."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in user space."""


class Origin(StrEnum):
    """The corner of the page, as it is seen, that millimetres are counted from, into the page."""

    LOWER_LEFT = "lower-left"
    LOWER_RIGHT = "lower-right"
    UPPER_LEFT = "upper-left"
    UPPER_RIGHT = "upper-right"


class Edge(StrEnum):
    """An edge of the page as it is seen."""

    RIGHT = "right"
    LEFT = "left"
    TOP = "top"
    BOTTOM = "bottom"


class Which(StrEnum):
    """Which of the places where a keyword stands; the n-th is asked by its number."""

    FIRST = "first"
    LAST = "last"
    ALL = "all"


@dataclass(frozen=True)
class Placement:
    """The middle of a seal in millimetres, on one page (the first is 1) or at the same place on several."""

    page: int | Pages
    x_mm: float
    y_mm: float
    origin: Origin = Origin.LOWER_LEFT


@dataclass(frozen=True)
class AtKeyword:
    """The middle of a seal on the middle of a text, or that far to the right (dx) and up (dy) of it."""

    text: str
    which: Which | int = Which.LAST
    """Of all occurrences on these pages in reading order; numbers begin with 1."""
    dx_mm: float = 0
    dy_mm: float = 0
    pages: Pages = ALL_PAGES


@dataclass(frozen=True)
class InField:
    """In the rectangle of an empty signature field of the document, which is filled: in natural size, or smaller."""

    name: str = ""
    """Empty: the only one that there is."""


@dataclass(frozen=True)
class Straddling:
    """骑缝章: a strip of the seal on the edge of each page, so that the pages fanned out show it whole."""

    edge: Edge = Edge.RIGHT
    position_mm: float | None = None
    """The middle of the seal along the edge, from its lower or left end; else the middle of the edge."""
    group: int = MOST_PAGES_STRADDLED
    """At most so many pages share a seal; the next ones begin another. No page is left over alone."""
    pages: Pages = ALL_PAGES


Place = Placement | AtKeyword | InField | Straddling


class Part(NamedTuple):
    """What is shown of a seal, as shares of its width and height from the lower left corner."""

    left: float = 0
    bottom: float = 0
    right: float = 1
    top: float = 1


WHOLE = Part()


@dataclass(frozen=True)
class Mark:
    """A seal, or a part of it, on a page."""

    page: int
    middle_mm: tuple[float, float]
    """From the lower left corner of the page as seen."""
    box: Box
    """The same in user space, with its size."""
    quarter_turns: int
    """How far the page is turned clockwise when it is seen; the picture is turned back by as much."""
    part: Part = WHOLE


@dataclass(frozen=True)
class PageGeometry:
    """What of a page is seen, and how."""

    visible: Box
    quarter_turns: int
    """Clockwise, 0 to 3."""
    user_unit: float = 1.0

    @property
    def points_per_mm(self) -> float:
        """User space units in a millimetre."""
        return POINTS_PER_MM / self.user_unit

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height as seen."""
        left, bottom, right, top = self.visible
        size = (right - left) / self.points_per_mm, (top - bottom) / self.points_per_mm
        return size if self.quarter_turns % 2 == 0 else (size[1], size[0])

    def from_lower_left(self, x_mm: float, y_mm: float, origin: Origin) -> tuple[float, float]:
        """A point counted from any corner, counted from the lower left one."""
        width, height = self.size_mm
        return (
            width - x_mm if origin in (Origin.LOWER_RIGHT, Origin.UPPER_RIGHT) else x_mm,
            height - y_mm if origin in (Origin.UPPER_LEFT, Origin.UPPER_RIGHT) else y_mm,
        )

    def box(self, x_mm: float, y_mm: float, width_mm: float, height_mm: float) -> Box:
        """The box in user space of a rectangle around a middle, both as seen; `YinxinError` if it leaves the page."""
        page_width, page_height = self.size_mm
        left, bottom = x_mm - width_mm / 2, y_mm - height_mm / 2
        right, top = left + width_mm, bottom + height_mm
        # Written so that NaN is refused as well.
        if not (
            left >= -_TOLERANCE
            and bottom >= -_TOLERANCE
            and right <= page_width + _TOLERANCE
            and top <= page_height + _TOLERANCE
        ):
            raise YinxinError(
                Kind.INVALID,
                _(
                    "a seal of {width:g} × {height:g} mm around {x:g}, {y:g} mm is not wholly on the page, which is"
                    " {page_width:.0f} × {page_height:.0f} mm"
                ).format(
                    width=width_mm, height=height_mm, x=x_mm, y=y_mm, page_width=page_width, page_height=page_height
                ),
                remedy=_("give the middle of the seal in millimetres from the left and lower edges of the page"),
            )
        one, other = self._point(left, bottom), self._point(right, top)
        return min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1])

    def middle_of(self, box: Box) -> tuple[float, float]:
        """The middle of a box in user space: millimetres from the lower left corner as seen."""
        left, bottom, right, top = self.visible
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        seen = ((x - left, y - bottom), (y - bottom, right - x), (right - x, top - y), (top - y, x - left))
        across, up = seen[self.quarter_turns]
        return across / self.points_per_mm, up / self.points_per_mm

    def size_of(self, box: Box) -> tuple[float, float]:
        """Width and height of a box in user space: millimetres as seen."""
        width, height = (box[2] - box[0]) / self.points_per_mm, (box[3] - box[1]) / self.points_per_mm
        return (width, height) if self.quarter_turns % 2 == 0 else (height, width)

    def _point(self, x_mm: float, y_mm: float) -> tuple[float, float]:
        """A point as seen, in user space: the rotation taken back."""
        left, bottom, right, top = self.visible
        x, y = x_mm * self.points_per_mm, y_mm * self.points_per_mm
        match self.quarter_turns:
            case 0:
                return left + x, bottom + y
            case 1:
                return right - y, bottom + x
            case 2:
                return right - x, top - y
            case _:
                return left + y, top - x
