"""Who refers to an object of a revision, and by which paths from the trailer: what every change to it must answer for.

pyHanko follows every path to every object, each of which it reads itself: minutes for a long document. Here qpdf reads
each object once, as it is now; only those that have changed since are read as they were; and paths are followed
backwards from the few objects that are asked for. The rules are pyHanko's: a page is entered through the page tree
alone, an element of the structure through that tree alone.
"""

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import pikepdf
from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader, RawPdfPath
from pyhanko.pdf_utils.xref import XRefCache
from pyhanko.sign.diff_analysis import SuspiciousModification

Number = tuple[int, int]
Path = tuple[str | int, ...]

MOST_PATHS = 10_000
"""More of them to one object are no document, but an attack on whoever reads it."""
_TRAILER: Number = (0, 0)
_ROOT: Path = ("/Root",)
_PAGES: Path = ("/Pages",)
_STRUCTURE: Path = ("/Root", "/StructTreeRoot", "/K")
_REFERENCE = re.compile(rb"(\d{1,10}) (\d{1,5}) R")
_VALUE = re.compile(rb"<[0-9a-f]{64,}+>")
"""A long string in hexadecimal, such as the value of a signature, which is nothing but digits."""


@dataclass(frozen=True)
class Described:
    """What matters of an object."""

    kind: str | None = None
    """Its type, where it says one."""
    references: dict[Number, list[Path]] = field(default_factory=dict)
    """To which objects it refers, and where."""

    @classmethod
    def of(cls, value: Any) -> "Described":
        """Of an object as pyHanko reads it."""
        found: dict[Number, list[Path]] = defaultdict(list)
        for number, path in _walk(value, ()):
            found[number].append(path)
        kind = value.raw_get("/Type") if isinstance(value, generic.DictionaryObject) and "/Type" in value else None
        return cls(kind and str(kind), dict(found))


class Present:
    """The objects of a document as it is now, as qpdf reads them, and when each was written last."""

    def __init__(self, reader: PdfFileReader, document: pikepdf.Pdf) -> None:
        # Numbers and names refer to nothing.
        self._octets: dict[Number, bytes] = {
            one.objgen: (one.stream_dict if isinstance(one, pikepdf.Stream) else one).unparse(resolved=True)
            for one in document.objects
            if isinstance(one, pikepdf.Object)
        }
        self.users: dict[Number, list[Number]] = defaultdict(list)
        """Who refers to an object, or has text in it that looks as if."""
        for number, octets in self._octets.items():
            for target, generation in set(_REFERENCE.findall(_VALUE.sub(b"", octets))):
                self.users[int(target), int(generation)].append(number)
        self._described: dict[Number, Described] = {}
        self.last: dict[Number, int] = {}
        """The revision that wrote an object last."""
        self.rewritten: set[Number] = set()
        """What several revisions wrote: all that an earlier revision can have otherwise."""
        for revision in range(reader.xrefs.total_revisions):
            for reference in reader.xrefs.explicit_refs_in_revision(revision):
                number = reference.idnum, reference.generation
                if number in self.last:
                    self.rewritten.add(number)
                self.last[number] = revision
        self._referred: dict[Number, int] = {}
        """Since when an object that was written later was referred to by what stayed the same."""
        for number, users in self.users.items():
            since = min(self.last.get(user, 0) for user in users)
            if since < self.last.get(number, 0):
                self._referred[number] = since

    def referred_before_written(self, revision: int) -> Iterator[Number]:
        """Written after a revision, and perhaps referred to by what it had and still stands."""
        return (number for number, since in self._referred.items() if since <= revision < self.last[number])

    def __getitem__(self, number: Number) -> Described:
        if number not in self._described:
            octets = self._octets.get(number, b"null")
            self._described[number] = Described.of(generic.read_object(io.BytesIO(octets), Reference(*number)))
        return self._described[number]


class Usages:
    """Who refers to what in one revision."""

    def __init__(self, resolver: HistoricalResolver, present: Present) -> None:
        xrefs, self._revision = resolver.reader.xrefs, resolver.revision
        self._present = present
        self._then = {_TRAILER: Described.of(resolver.trailer_view)}
        """Objects that are not as they were, as they were."""
        for number in present.rewritten:
            reference = Reference(*number, resolver)
            if (
                present.last[number] > self._revision
                and xrefs.get_historical_ref(reference, self._revision) is not None
            ):
                self._then[number] = Described.of(resolver(reference))
        self._then_users: dict[Number, list[Number]] = defaultdict(list)
        for user, described in self._then.items():
            for target in described.references:
                self._then_users[target].append(user)
        self._root = next(iter(number for number, places in self._then[_TRAILER].references.items() if _ROOT in places))
        self._pages: dict[Number, Path | None] = {}
        self._elements: dict[Number, bool] = {}

    def __getitem__(self, reference: Reference) -> set[RawPdfPath]:
        """The paths to an object; `KeyError` if nobody refers to it."""
        try:
            paths = {RawPdfPath(*path) for path in self._paths((reference.idnum, reference.generation), frozenset())}
        except RecursionError:
            raise misc.PdfReadError("objects refer to each other too deeply") from None
        if not paths:
            raise KeyError(reference)
        return paths

    def __contains__(self, reference: Reference) -> bool:
        return any(True for _use in self._uses((reference.idnum, reference.generation)))

    def missing(self, xrefs: XRefCache) -> Iterator[Number]:
        """What the revision refers to without having it, and a later one has."""
        for number in {*self._then_users, *self._present.referred_before_written(self._revision)}:
            reference = Reference(*number)
            is_missing = self._came_later(number) and xrefs.get_historical_ref(reference, self._revision) is None
            if is_missing and reference in self:
                yield number

    def _came_later(self, number: Number) -> bool:
        return self._present.last.get(number, 0) > self._revision

    def _described(self, number: Number) -> Described:
        if number in self._then:
            return self._then[number]
        return Described() if self._came_later(number) else self._present[number]

    def _uses(self, number: Number) -> Iterator[tuple[Number, list[Path]]]:
        """Every object that refers to this one, and where."""
        now = (user for user in self._present.users.get(number, ()) if not self._came_later(user))
        for user in {*self._then_users.get(number, ()), *now}:
            if places := self._described(user).references.get(number):
                yield user, places

    def _paths(self, number: Number, below: frozenset[Number]) -> Iterator[Path]:
        count = 0
        for user, places in self._uses(number):
            if user in below or user == number:
                continue
            if self._is_element(user):  # its parent is reached from above, and from nowhere else
                places = [place for place in places if "/P" not in place]
            for path in self._ways_in(user, below | {number}) if places else ():
                for place in places:
                    # From an element of the structure, or what it holds, to its parent.
                    if path[:3] == _STRUCTURE and "/P" in place:
                        continue
                    count += 1
                    if count > MOST_PATHS:
                        raise misc.PdfReadError("too many ways lead to an object")
                    yield (*path, *place)

    def _ways_in(self, number: Number, below: frozenset[Number]) -> Iterator[Path]:
        if number == _TRAILER:
            yield ()
        elif page := self._page(number):
            yield page
        elif self._is_element(number):
            yield from (path for path in self._paths(number, below) if path[:3] == _STRUCTURE)
        else:
            yield from self._paths(number, below)

    def _page(self, number: Number) -> Path | None:
        """The path through the page tree to one of its nodes; None if it is none of them."""
        if number not in self._pages:
            self._pages[number] = None  # here ends a tree that bites its own tail
            self._pages[number] = next(self._pages_above(number), None)
        return self._pages[number]

    def _pages_above(self, number: Number) -> Iterator[Path]:
        for user, places in self._uses(number):
            if user == self._root and _PAGES in places:
                yield (*_ROOT, *_PAGES)
            in_tree = [place for place in places if place[0] == "/Kids" and len(place) == 2]
            above = self._page(user) if in_tree else None
            if above and (self._described(user).kind == "/Pages" or above == (*_ROOT, *_PAGES)):
                yield (*above, *in_tree[0])

    def _is_element(self, number: Number) -> bool:
        """Whether it is an element of the structure tree (ISO 32000-2 14.7.2)."""
        if number not in self._elements:
            self._elements[number] = False
            self._elements[number] = self._described(number).kind in (None, "/StructElem") and any(
                (user == self._root and any(place[:2] == _STRUCTURE[1:] and _is_child(place[1:]) for place in places))
                or (any(map(_is_child, places)) and (self._is_tree(user) or self._is_element(user)))
                for user, places in self._uses(number)
            )
        return self._elements[number]

    def _is_tree(self, number: Number) -> bool:
        return _STRUCTURE[1:2] in self._described(self._root).references.get(number, ())


def _is_child(place: Path) -> bool:
    return place[0] == "/K" and all(step == "/K" or isinstance(step, int) for step in place)


def _walk(value: Any, path: Path) -> Iterator[tuple[Number, Path]]:
    if isinstance(value, generic.IndirectObject):
        yield (value.idnum, value.generation), path
    elif isinstance(value, generic.DictionaryObject):
        for key in value:
            # What a signature is about (Data, ISO 32000-2 table 256) is not shown by it: iText names the catalog there.
            if key != "/Parent" and not (key == "/Data" and "/TransformMethod" in value):
                yield from _walk(value.raw_get(key), (*path, str(key)))
    elif isinstance(value, generic.ArrayObject):
        for index in range(len(value)):
            yield from _walk(value.raw_get(index), (*path, index))


def load_usages(resolver: HistoricalResolver) -> None:
    """Have the usages of this revision at hand, where pyHanko looks for them.

    `SuspiciousModification`: a later revision has an object that this one refers to without having it. That is null
    (ISO 32000-2 7.3.10), so whoever signed it saw nothing there.
    """
    if resolver._indirect_object_access_cache is not None:
        return
    xrefs = resolver.reader.xrefs
    try:
        usages = Usages(resolver, _present(resolver.reader))
        missing = next(usages.missing(xrefs), None)
        known: Any = usages
    except _UNREADABLE:
        # What qpdf would have to mend, or cannot decrypt.
        _follow_every_path(resolver)
        known = resolver._indirect_object_access_cache
        resolver._indirect_object_access_cache = None
        missing = next(_missing(resolver, known), None)
    if missing:
        raise SuspiciousModification(f"object {missing[0]}, which was missing, was added later")
    resolver._indirect_object_access_cache = known


def _missing(resolver: HistoricalResolver, known: Any) -> Iterator[Number]:
    xrefs = resolver.reader.xrefs
    for revision in range(resolver.revision + 1, xrefs.total_revisions):
        for reference in xrefs.explicit_refs_in_revision(revision):
            if reference in known and xrefs.get_historical_ref(reference, resolver.revision) is None:
                yield reference.idnum, reference.generation


def _present(reader: PdfFileReader) -> Present:
    if reader not in _known:
        reader.stream.seek(0)
        with pikepdf.open(reader.stream, attempt_recovery=False, inherit_page_attributes=False) as document:
            present = Present(reader, document)
            if document.get_warnings():
                raise ValueError("not quite in order")
            _known[reader] = present
    return _known[reader]


_known: WeakKeyDictionary[PdfFileReader, Present] = WeakKeyDictionary()
_UNREADABLE = (pikepdf.PdfError, pikepdf.PasswordError, misc.PdfError, ValueError, KeyError, TypeError, AttributeError)
_follow_every_path = HistoricalResolver._load_reverse_xref_cache
HistoricalResolver._load_reverse_xref_cache = load_usages  # type: ignore[method-assign]
