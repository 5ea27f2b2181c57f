"""Three places where pyHanko reads slowly, done quickly, with the same results.

It reads hexadecimal strings digit by digit, which takes longer than all else about a signature; it searches the
cross-references of all revisions for every object that it looks at, so that many signatures take their square in time;
and it copies whatever is looked at in a revision, with a reference to its place for each part of it.
"""

import binascii
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfStreamError
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.pdf_utils.xref import ObjStreamRef, XRefCache, XRefSectionData

from seals.pades.plain_objects import hexadecimal

_WHITESPACE = b"\x00\t\n\x0c\r "
_FIRST_CHUNK, _LARGEST_CHUNK = 128, 1 << 16


def read_hex_string(stream: BinaryIO) -> generic.ByteStringObject | generic.TextStringObject:
    """The string (ISO 32000-2 7.3.4.3) that begins where the stream stands."""
    stream.read(1)
    digits = bytearray()
    size = _FIRST_CHUNK
    while (end := (chunk := stream.read(size)).find(b">")) < 0:
        if not chunk:
            raise PdfStreamError("Stream ended prematurely")
        digits += chunk
        size = min(2 * size, _LARGEST_CHUNK)
    digits += chunk[:end]
    stream.seek(end + 1 - len(chunk), 1)
    text = bytes(digits).translate(None, _WHITESPACE)
    try:
        return hexadecimal(text)
    except binascii.Error as error:
        raise PdfStreamError(f"Unexpected token in hex string: {error}") from error


def remember_references(xrefs: XRefCache) -> None:
    """Have the history of each object looked up once, and among the revisions that say anything of it."""
    xrefs.get_historical_ref = _by_object(xrefs)  # type: ignore[method-assign, assignment]
    xrefs.get_last_change = _remembered(xrefs.get_last_change)  # type: ignore[method-assign, assignment]
    xrefs.get_introducing_revision = _remembered(xrefs.get_introducing_revision)  # type: ignore[method-assign, assignment]


def _by_object(xrefs: XRefCache) -> Callable[[generic.Reference, int], int | ObjStreamRef | None]:
    sections = [section.xref_data for section in xrefs._xref_sections]
    telling: dict[int, list[int]] = defaultdict(list)
    for revision, section in enumerate(sections):
        parts = [section, *([section.hybrid.xref_data] if section.hybrid else [])]
        for number in {
            number for part in parts for number in (*part.standard_xrefs, *part.xrefs_in_objstm, *part.freed)
        }:
            telling[number].append(revision)

    def historical(reference: generic.Reference, revision: int) -> int | ObjStreamRef | None:
        revisions = telling.get(reference.idnum, ())
        for place in range(bisect_right(revisions, revision) - 1, -1, -1):
            try:
                return sections[revisions[place]].try_resolve(reference)
            except KeyError:  # another generation of it
                continue
        return None

    return historical


def _kept(section: XRefSectionData) -> tuple[Iterable[int], ...]:
    return section.standard_xrefs, section.xrefs_in_objstm, section.freed


def _remembered(look_up: Callable[[generic.Reference], int]) -> Callable[[generic.Reference], int]:
    known: dict[tuple[int, int], int] = {}

    def remembered(reference: generic.Reference) -> int:
        key = (reference.idnum, reference.generation)
        if key not in known:
            known[key] = look_up(reference)
        return known[key]

    return remembered


def in_revision(resolver: HistoricalResolver, value: generic.PdfObject) -> generic.PdfObject:
    """The object, referring to others as they are in the revision."""
    if isinstance(value, generic.DecryptedObjectProxy):
        return _in_revision_bit_by_bit(resolver, value)
    place: Any = value.get_container_ref()
    return _copied(value, resolver, generic.Reference(place.idnum, place.generation, resolver))


def _copied(value: Any, resolver: HistoricalResolver, place: generic.Reference) -> generic.PdfObject:
    if isinstance(value, generic.IndirectObject):
        return generic.IndirectObject(value.idnum, value.generation, resolver)
    made: Any
    if isinstance(value, generic.DictionaryObject):
        made = generic.DictionaryObject()
        if isinstance(value, generic.StreamObject):
            made = generic.StreamObject(encoded_data=value.encoded_data)
        made.update((key, _copied(part, resolver, place)) for key, part in value.items())
    elif isinstance(value, generic.ArrayObject):
        made = generic.ArrayObject(_copied(part, resolver, place) for part in value)
    elif isinstance(value, generic.DecryptedObjectProxy):
        return _in_revision_bit_by_bit(resolver, value)
    else:
        return value
    made.container_ref = place
    return made


_in_revision_bit_by_bit = HistoricalResolver._subsume_object
HistoricalResolver._subsume_object = in_revision  # type: ignore[method-assign]
generic.read_hex_string_from_stream = read_hex_string
