"""From how a place was asked to the marks on the pages of a document."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.placement.pages import Pages
from seals.placement.placement import (
    AtKeyword,
    Box,
    Edge,
    InField,
    Mark,
    PageGeometry,
    Part,
    Place,
    Placement,
    Straddling,
    Which,
)


class PagedDocument(Protocol):
    """What has to be known of a document to place a seal on it; pages are counted from 1."""

    @property
    def page_count(self) -> int:
        """How many pages it has."""
        ...

    def geometry(self, page: int) -> PageGeometry:
        """What of the page is seen, and how; `YinxinError` (invalid) if there is no such page."""
        ...

    def find_text(self, text: str, page: int) -> Sequence[Box]:
        """Where the text stands on the page, in reading order; in user space."""
        ...

    def empty_field(self, name: str) -> tuple[int, Box]:
        """The page and the rectangle of the empty signature field; `YinxinError` if there is none."""
        ...


def marks(place: Place, document: PagedDocument, width_mm: float, height_mm: float) -> list[Mark]:
    """The marks of a seal of this size, in the order of the pages; never none. `YinxinError` if it cannot be placed."""
    match place:
        case Placement():
            return [
                _whole(
                    document, page, document.geometry(page).from_lower_left(place.x_mm, place.y_mm, place.origin), size
                )
                for size in [(width_mm, height_mm)]
                for page in _pages(place.page, document)
            ]
        case AtKeyword():
            return [_whole(document, page, middle, (width_mm, height_mm)) for page, middle in _found(place, document)]
        case InField():
            return [_fitted(place.name, document, (width_mm, height_mm))]
        case Straddling():
            return list(_straddling(place, document, (width_mm, height_mm)))


Point = tuple[float, float]
Size = tuple[float, float]


def _pages(page: int | Pages, document: PagedDocument) -> list[int]:
    return [page] if isinstance(page, int) else page.of(document.page_count)


def _whole(document: PagedDocument, page: int, middle: Point, size: Size) -> Mark:
    geometry = document.geometry(page)
    return Mark(page, middle, geometry.box(*middle, *size), geometry.quarter_turns)


def _found(place: AtKeyword, document: PagedDocument) -> list[tuple[int, Point]]:
    pages = place.pages.of(document.page_count)
    hits = [(page, box) for page in pages for box in document.find_text(place.text, page)]
    if not hits or (isinstance(place.which, int) and not 1 <= place.which <= len(hits)):
        raise _not_found(place, pages, len(hits))
    match place.which:
        case Which.FIRST:
            hits = hits[:1]
        case Which.LAST:
            hits = hits[-1:]
        case Which.ALL:
            pass
        case number:
            hits = [hits[number - 1]]
    return [(page, _beside(document.geometry(page).middle_of(box), place)) for page, box in hits]


def _beside(middle: Point, place: AtKeyword) -> Point:
    return middle[0] + place.dx_mm, middle[1] + place.dy_mm


def _not_found(place: AtKeyword, pages: list[int], hits: int) -> YinxinError:
    searched = _("the pages {first} to {last}").format(first=pages[0], last=pages[-1])
    if len(pages) == 1:
        searched = _("page {page}").format(page=pages[0])
    if hits:
        what = _("the text stands only {hits} times on {searched}").format(hits=hits, searched=searched)
    else:
        what = _("the text is not found on {searched}").format(searched=searched)
    return YinxinError(
        Kind.NOT_FOUND,
        what,
        subject=place.text,
        remedy=_("check the text, whether the pages are scanned pictures without text, or place it by coordinates"),
    )


def _fitted(name: str, document: PagedDocument, size: Size) -> Mark:
    page, rectangle = document.empty_field(name)
    geometry = document.geometry(page)
    room = geometry.size_of(rectangle)
    scale = min(1.0, room[0] / size[0], room[1] / size[1])
    if scale <= 0:
        raise YinxinError(
            Kind.INVALID,
            _("the signature field takes no room on the page, so that the seal would not be seen"),
            subject=name,
            remedy=_("place the seal by coordinates, or name another field"),
        )
    left, right = _centred(room[0] / size[0] / scale)
    bottom, top = _centred(room[1] / size[1] / scale)
    part = Part(left, bottom, right, top)
    return Mark(page, geometry.middle_of(rectangle), rectangle, geometry.quarter_turns, part)


def _centred(room: float) -> tuple[float, float]:
    """From where to where so much room reaches around the middle of something of length 1."""
    return 0.5 - room / 2, 0.5 + room / 2


def _straddling(place: Straddling, document: PagedDocument, size: Size) -> Iterator[Mark]:
    pages = place.pages.of(document.page_count)
    for group in _groups(pages, place.group):
        for position, page in enumerate(group):
            geometry = document.geometry(page)
            part = _strip(place.edge, position, len(group))
            width, height = size[0] * (part.right - part.left), size[1] * (part.top - part.bottom)
            page_width, page_height = geometry.size_mm
            along = place.position_mm
            match place.edge:
                case Edge.LEFT | Edge.RIGHT:
                    x = width / 2 if place.edge is Edge.LEFT else page_width - width / 2
                    middle = x, page_height / 2 if along is None else along
                case Edge.BOTTOM | Edge.TOP:
                    y = height / 2 if place.edge is Edge.BOTTOM else page_height - height / 2
                    middle = page_width / 2 if along is None else along, y
            yield Mark(page, middle, geometry.box(*middle, width, height), geometry.quarter_turns, part)


def _groups(pages: list[int], most: int) -> Iterator[list[int]]:
    """The pages in groups of nearly the same size, none larger than this and none of a single page."""
    if len(pages) < 2:
        raise YinxinError(
            Kind.INVALID, _("a straddle seal needs at least two pages"), remedy=_("place the seal on the page")
        )
    count = -(-len(pages) // most) if most >= 2 else 0
    if count == 0 or len(pages) // count < 2:
        raise YinxinError(
            Kind.INVALID,
            _("{pages} pages cannot be divided into groups of at most {most} so that none is left over alone").format(
                pages=len(pages), most=most
            ),
            remedy=_("let more pages share a seal"),
        )
    size, longer = divmod(len(pages), count)
    start = 0
    for number in range(count):
        end = start + size + (number < longer)
        yield pages[start:end]
        start = end


def _strip(edge: Edge, position: int, count: int) -> Part:
    """What the page at this position shows: of pages fanned out over the edge, the first lies on top."""
    one, other = position / count, (position + 1) / count
    match edge:
        case Edge.RIGHT:
            return Part(left=one, right=other)
        case Edge.LEFT:
            return Part(left=1 - other, right=1 - one)
        case Edge.BOTTOM:
            return Part(bottom=1 - other, top=1 - one)
        case Edge.TOP:
            return Part(bottom=one, top=other)
