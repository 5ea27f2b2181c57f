"""Where a seal goes on a page: millimetres on the page as people see it, turned into the user space of the PDF.

ISO 32000-2 7.7.3.3: what is seen of a page is its CropBox, turned clockwise by Rotate, in units of UserUnit / 72 inch.
"""

from dataclasses import dataclass

from core.errors import Kind, YinxinError
from core.i18n import _

POINTS_PER_MM = 72 / 25.4
_TOLERANCE = 0.01
"""Millimetres: what rounding may make of a seal that just touches the edge."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in user space."""


@dataclass(frozen=True)
class Placement:
    """The middle of a seal: the page (the first is 1) and millimetres from its left and lower edges, as it is seen."""

    page: int
    x_mm: float
    y_mm: float


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
