"""Habits of other writers that every reader accepts, and pyHanko does not while it is strict."""

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic, xref
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefCache, XRefEntry, XRefSection, XRefSectionData

_process_entries = XRefSectionData.process_entries
_read_object = PdfFileReader._read_object
_check_consistency = xref._check_xref_consistency
_higher_generations = XRefSectionData.higher_generation_refs
_get_introducing_revision = XRefCache.get_introducing_revision


def _without_the_first(self: XRefSectionData, entries: Iterator[XRefEntry], strict: bool) -> int:
    # Object 0 is free, whatever is written of it (ISO 32000-2 7.5.4): MuPDF used to write the generation 65536.
    result: int = _process_entries(self, (entry for entry in entries if entry.idnum), strict)
    return result


def _null_if_missing(self: PdfFileReader, reference: generic.Reference, marker: Any, **how: Any) -> generic.PdfObject:
    # ISO 32000-2 7.3.10. `usages` sees to it that no later revision fills the gap unseen.
    if marker is None:
        null = generic.NullObject()
        null.container_ref = reference
        return null
    found: generic.PdfObject = _read_object(self, reference, marker, **how)
    return found


def _knowing_what_is_new(sections: list[XRefSection]) -> None:
    """Note of each section which objects nobody listed before it."""
    seen: set[int] = set()
    for section in sections:
        data = section.xref_data
        listed = {*data.standard_xrefs, *data.xrefs_in_objstm, *data.freed}
        if data.hybrid is not None:
            hidden = data.hybrid.xref_data
            listed |= {*hidden.standard_xrefs, *hidden.xrefs_in_objstm, *hidden.freed}
        data.new_numbers = listed - seen  # type: ignore[attr-defined]
        seen |= listed
    _check_consistency(sections)


def _generations_of_old_numbers(self: XRefSectionData) -> Iterator[tuple[int, int]]:
    # Poppler begins new objects with generation 1 where ISO 32000-2 7.3.10 has 0: nobody can take them for others.
    new: set[int] = getattr(self, "new_numbers", set())
    return (one for one in _higher_generations(self) if one[0] not in new)


def _first_if_missing(self: XRefCache, reference: generic.Reference) -> int:
    # Who looks for what was added since a revision walks through all that pages refer to.
    try:
        return int(_get_introducing_revision(self, reference))
    except KeyError:
        return 0


XRefSectionData.process_entries = _without_the_first  # type: ignore[method-assign]
XRefSectionData.higher_generation_refs = _generations_of_old_numbers  # type: ignore[method-assign]
xref._check_xref_consistency = _knowing_what_is_new  # type: ignore[assignment]
PdfFileReader._read_object = _null_if_missing  # type: ignore[method-assign, assignment]
XRefCache.get_introducing_revision = _first_if_missing  # type: ignore[method-assign, assignment]
