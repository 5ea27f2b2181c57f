"""How a document is to be sealed, as calling systems say it: the same model over HTTP, in batches and in the client."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from core.api.models import Model
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.documents import Document
from seals.forms import Permission
from seals.levels import Level
from seals.pictures.ink import Blending, Ink
from seals.placement.pages import ALL_PAGES, Pages
from seals.placement.placement import (
    MOST_PAGES_STRADDLED,
    AtKeyword,
    Edge,
    InField,
    Origin,
    Place,
    Placement,
    Straddling,
    Which,
)
from seals.use import UseOrder

_WORD = "^[^\\x00-\\x1f\\x7f]*$"
Millimetres = Annotated[float, Field(ge=-20_000, le=20_000, allow_inf_nan=False)]
Words = Annotated[str, Field(pattern=_WORD, max_length=256)]
Name = Annotated[str, Field(pattern=_WORD, max_length=128)]


class SealingTerms(Model):
    """One way of placing (coordinates, keyword, field, straddle) at most, and what else is said of a seal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: Annotated[int, Field(ge=1, le=999_999)] | None = None
    pages: Annotated[str, Field(pattern=r"^[a-z0-9,-]+$", max_length=256)] | None = None
    """`all`, `odd`, `even`, `1,3-5`, `2-last`: instead of one page."""
    x_mm: Millimetres | None = None
    y_mm: Millimetres | None = None
    origin: Origin = Origin.LOWER_LEFT
    keyword: Annotated[str, Field(pattern=_WORD, min_length=1, max_length=256)] | None = None
    occurrence: Annotated[str, Field(pattern="^(first|last|all|[1-9][0-9]{0,5})$")] = Which.LAST.value
    dx_mm: Millimetres = 0.0
    dy_mm: Millimetres = 0.0
    field: Annotated[str, Field(pattern=_WORD, min_length=1, max_length=256)] | None = None
    straddle: Edge | None = None
    position_mm: Millimetres | None = None
    group: Annotated[int, Field(ge=2, le=MOST_PAGES_STRADDLED)] = MOST_PAGES_STRADDLED
    opacity: Annotated[float, Field(ge=0.1, le=1, allow_inf_nan=False)] = 1.0
    blending: Blending = Blending.MULTIPLY
    certify: Permission | None = None
    level: Level = Level.B_LTA
    purpose: Words = ""
    """For the books."""
    person: Name = ""
    """The natural person on whose behalf it is sealed."""
    type: Name = ""
    """Of the document, as the bounds of the seal have it."""
    reason: Words | None = None
    """Written into the signature."""
    location: Words | None = None
    """Written into the signature."""

    def place(self) -> Place:
        """Where the seal goes: where nothing is asked, in the only empty signature field of the document.

        `YinxinError` (invalid) if it is asked in several ways.
        """
        ways = (self.x_mm is not None or self.y_mm is not None, self.keyword, self.field, self.straddle)
        if not any(ways) and self.page is None and self.pages is None:
            return InField()
        if sum(map(bool, ways)) > 1:
            raise YinxinError(
                Kind.INVALID,
                _("a seal is placed in one way: by coordinates, keyword, signature field, or straddling the pages"),
                remedy=_("give x_mm and y_mm with page or pages, or keyword, or field, or straddle"),
            )
        pages = Pages(self.pages) if self.pages is not None else None
        if self.page is not None:
            if pages is not None:
                raise YinxinError(Kind.INVALID, _("either page or pages"), subject=self.pages or "")
            pages = Pages(str(self.page))
        if self.keyword is not None:
            which = int(self.occurrence) if self.occurrence.isdecimal() else Which(self.occurrence)
            return AtKeyword(self.keyword, which, self.dx_mm, self.dy_mm, pages or ALL_PAGES)
        if self.field is not None:
            return InField(self.field)
        if self.straddle is not None:
            return Straddling(self.straddle, self.position_mm, self.group, pages or ALL_PAGES)
        if self.x_mm is None or self.y_mm is None or pages is None:
            raise YinxinError(Kind.INVALID, _("the place is not whole"), remedy=_("give page, x_mm, y_mm"))
        return Placement(self.page or pages, self.x_mm, self.y_mm, self.origin)

    def order(self, document: Document, password: str | None = None) -> UseOrder:
        """The document, to be sealed so; the password opens it, if it is encrypted."""
        return UseOrder(document, **self.arguments(), level=self.level, password=password, **self.use())

    def use(self) -> dict[str, Any]:
        """What the books are told."""
        return {"purpose": self.purpose, "person": self.person, "document_type": self.type}

    def arguments(self) -> dict[str, Any]:
        """What sealing itself is told."""
        return {
            "placement": self.place(),
            "reason": self.reason,
            "location": self.location,
            "ink": Ink(self.opacity, self.blending),
            "certify": self.certify,
        }
