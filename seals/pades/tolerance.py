"""Two habits of other writers that every reader accepts, and pyHanko does not while it is strict."""

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefCache, XRefEntry, XRefSectionData

_process_entries = XRefSectionData.process_entries
_read_object = PdfFileReader._read_object
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


def _first_if_missing(self: XRefCache, reference: generic.Reference) -> int:
    # Who looks for what was added since a revision walks through all that pages refer to.
    try:
        return int(_get_introducing_revision(self, reference))
    except KeyError:
        return 0


XRefSectionData.process_entries = _without_the_first  # type: ignore[method-assign]
PdfFileReader._read_object = _null_if_missing  # type: ignore[method-assign, assignment]
XRefCache.get_introducing_revision = _first_if_missing  # type: ignore[method-assign, assignment]
