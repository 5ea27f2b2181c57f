"""How much a document may ask of whoever verifies it: what asks for more is refused with a word, not with a crash.

No sealed document comes near these numbers; documents that are made to exhaust a machine go far beyond.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pyhanko.pdf_utils import generic, xref
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.pdf_utils.xref import XRefEntry

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades import plain_objects  # noqa: F401 - what is read in haste is counted as well

MOST_REVISIONS = 2000
MOST_SIGNATURES = 1000
MOST_PAGES = 200_000
MOST_OBJECTS = 500_000
LOOK_UPS, LOOK_UPS_OF_EACH, MOST_LOOK_UPS = 20_000, 10, 3_000_000
"""Of objects, while the revisions of a document are compared: so many, and more for each object and revision."""
MOST_OCTETS = 64 << 20
"""In memory, for a signature over the octets themselves."""


class LimitError(YinxinError):
    """A document that asks for too much."""

    def __init__(self, what: str) -> None:
        super().__init__(Kind.UNSUPPORTED, what, remedy=_("have it looked at by hand: it may be made to do harm"))


class Budget:
    """Counts what one document asks for."""

    def __init__(self, limit: int) -> None:
        self._left = self._limit = limit

    @property
    def taken(self) -> int:
        """How many there were."""
        return self._limit - self._left

    def take(self) -> bool:
        """One more; whether that is not one too many. Asked so often that nobody translates words for it in advance."""
        self._left -= 1
        return self._left >= 0


class BoundedResolver(HistoricalResolver):
    """A revision whose objects can be looked up so many times only: paths through it may be without number."""

    def __init__(self, reader: PdfFileReader, revision: int, budget: Budget) -> None:
        super().__init__(reader, revision)
        self._budget = budget

    def __call__(self, ref: generic.Reference) -> generic.PdfObject:
        """The object in this revision."""
        if not self._budget.take():
            raise LimitError(_("the objects of the PDF are too intertwined to be compared"))
        return super().__call__(ref)


def require_bearable(reader: PdfFileReader, objects: int) -> None:
    """Bound what is compared later; `LimitError` if the document has too many revisions."""
    total = reader.xrefs.total_revisions
    if total > MOST_REVISIONS:
        raise LimitError(_("the PDF has more than {limit} revisions").format(limit=MOST_REVISIONS))
    budget = Budget(min(MOST_LOOK_UPS, LOOK_UPS + LOOK_UPS_OF_EACH * objects * total))
    reader._historical_resolver_cache = _Resolvers(reader, budget)


class _Resolvers(dict[int, HistoricalResolver]):
    """The revisions that were asked for; who only seals asks for none."""

    def __init__(self, reader: PdfFileReader, budget: Budget) -> None:
        super().__init__()
        self._reader, self._budget = reader, budget

    def __missing__(self, revision: int) -> HistoricalResolver:
        self[revision] = BoundedResolver(self._reader, revision, self._budget)
        return self[revision]


_objects: ContextVar[Budget | None] = ContextVar("objects", default=None)


@contextmanager
def counted_objects() -> Iterator[Budget]:
    """Within it, cross-references that announce too many objects are refused: the announcement costs nothing."""
    budget = Budget(MOST_OBJECTS)
    token = _objects.set(budget)
    try:
        yield budget
    finally:
        _objects.reset(token)


def _counted(parse: Callable[..., Iterator[XRefEntry]]) -> Callable[..., Iterator[XRefEntry]]:
    def counted(*arguments: Any, **options: Any) -> Iterator[XRefEntry]:
        budget = _objects.get()
        for one in parse(*arguments, **options):
            if budget is not None and not budget.take():
                raise LimitError(_("the PDF announces more than {limit} objects").format(limit=MOST_OBJECTS))
            yield one

    return counted


def _with_room(stream: generic.StreamObject, *arguments: Any, **options: Any) -> Iterator[XRefEntry]:
    """Entries without octets (all of W is 0) cost whoever announces them nothing, and the reader seconds."""
    if not any(stream.get("/W", ())):
        raise LimitError(_("the PDF announces objects that take no room"))
    return _parse_stream(stream, *arguments, **options)


_parse_stream = xref.parse_xref_stream
xref.parse_xref_stream = _counted(_with_room)
xref.parse_xref_table = _counted(xref.parse_xref_table)
