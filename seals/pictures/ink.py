"""How a seal is laid over what is on the page already."""

from dataclasses import dataclass
from enum import StrEnum

from core.errors import Kind, YinxinError
from core.i18n import _


class Blending(StrEnum):
    """What becomes of the text below (ISO 32000-2 11.3.5)."""

    MULTIPLY = "multiply"
    """It shows through, as through ink on paper."""
    COVER = "cover"
    """It is covered where the seal is."""


@dataclass(frozen=True)
class Ink:
    """Checked when made."""

    opacity: float = 1.0
    """From nearly invisible (0.1) to full (1)."""
    blending: Blending = Blending.MULTIPLY

    def __post_init__(self) -> None:
        if not 0.1 <= self.opacity <= 1:
            raise YinxinError(Kind.INVALID, _("the opacity of a seal is 0.1 to 1"), subject=f"{self.opacity:g}")


FULL_INK = Ink()
