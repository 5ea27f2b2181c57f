"""The four ways of asking for a place, from what people type: one of them at most."""

from collections.abc import Callable
from typing import TypeVar

from core.errors import Kind, YinxinError
from core.i18n import _
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

Value = TypeVar("Value")


def asked_place(
    *,
    at: str | None = None,
    keyword: str | None = None,
    field: str | None = None,
    straddle: str | None = None,
    pages: str | None = None,
    origin: str = Origin.LOWER_LEFT.value,
    occurrence: str = Which.LAST.value,
    offset: str = "0,0",
    position: float | None = None,
    group: int = MOST_PAGES_STRADDLED,
) -> Place:
    """The place; where nothing is asked, the only empty signature field of the document.

    `at` and `offset` are two numbers, in millimetres; `pages` as `Pages` has them.
    `YinxinError` (invalid) says what is missing, too much, or not understood.
    """
    ways = [way for way in (at, keyword, field, straddle) if way is not None]
    if not ways:
        if pages is not None:
            raise YinxinError(
                Kind.INVALID,
                _("the page is given, but not where on it"),
                subject=pages,
                remedy=_("say it: --at X,Y, --keyword TEXT, --field NAME or --straddle EDGE"),
            )
        return InField()
    if len(ways) > 1:
        raise YinxinError(
            Kind.INVALID,
            _("a seal is placed in one way: by coordinates, keyword, signature field, or straddling the pages"),
            remedy=_("give one of --at, --keyword, --field and --straddle"),
        )
    chosen = Pages(pages) if pages is not None else None
    if at is not None:
        x_mm, y_mm = _pair(at, "--at 142.5,119")
        return Placement(chosen or 1, x_mm, y_mm, _word(Origin, origin))
    if keyword is not None:
        which = int(occurrence) if occurrence.isdecimal() else _word(Which, occurrence)
        return AtKeyword(keyword, which, *_pair(offset, "--offset 10,-5"), chosen or ALL_PAGES)
    if field is not None:
        return InField(field)
    return Straddling(_word(Edge, straddle or ""), position, group, chosen or ALL_PAGES)


def _pair(text: str, example: str) -> tuple[float, float]:
    try:
        one, other = (float(number) for number in text.split(","))
    except ValueError:
        raise YinxinError(
            Kind.INVALID,
            _("not a place on a page"),
            subject=text,
            remedy=_("write two numbers in millimetres: {example}").format(example=example),
        ) from None
    return one, other


def _word(kind: Callable[[str], Value], text: str) -> Value:
    try:
        return kind(text)
    except ValueError:
        raise YinxinError(
            Kind.INVALID,
            _("not understood"),
            subject=text,
            remedy=", ".join(kind),  # type: ignore[arg-type]  # an enumeration of words
        ) from None
