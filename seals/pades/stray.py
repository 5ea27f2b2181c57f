"""Signatures that stand in no form field: no program shows them, and whoever reads fields would not know of them."""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.reader import PdfFileReader

from core.errors import YinxinError
from seals.pades.boundary import translated_errors
from seals.pades.reading import entry

_MARK = b"/ByteRange"
"""A signature dictionary lies in the file as it is, for its Contents are left out by their place in it."""
_CHUNK = 1 << 20
_USAGE_RIGHTS = ("/UR", "/UR3")
"""ISO 32000-1 12.8.2.3: what the reader of one vendor is allowed to do; withdrawn in ISO 32000-2."""


@dataclass(frozen=True)
class StraySignature:
    """A signature dictionary that is the value of no field."""

    number: int
    """Of the object."""
    gives_usage_rights: bool = False
    """It speaks to one program about what it may do, and not of who sealed what."""


def stray_signatures(reader: PdfFileReader, known: Collection[Reference]) -> list[StraySignature]:
    """Every one of the document as it is now; `known`: the values of the fields."""
    marks = list(_marks(reader.stream))
    if not marks:
        return []
    places = _places(reader)
    starts = sorted(places)
    found = dict.fromkeys(places[starts[at - 1]] for one in marks if (at := bisect_right(starts, one)))
    rights = set(_usage_rights(reader))
    return [
        StraySignature(one.idnum, one in rights) for one in found if one not in known and _is_signature(reader, one)
    ]


def _marks(stream: BinaryIO) -> Iterator[int]:
    """Where in the file the mark stands."""
    stream.seek(0)
    begin, rest = 0, b""
    while chunk := stream.read(_CHUNK):
        octets = rest + chunk
        at = octets.find(_MARK)
        while at >= 0:
            yield begin - len(rest) + at
            at = octets.find(_MARK, at + 1)
        begin, rest = begin + len(chunk), octets[-len(_MARK) + 1 :]


def _places(reader: PdfFileReader) -> dict[int, Reference]:
    """Every object that lies in the file by itself, by its place."""
    places = {}
    for revision in range(reader.xrefs.total_revisions):
        for reference in reader.xrefs.explicit_refs_in_revision(revision):
            place = reader.xrefs[reference]
            if isinstance(place, int):
                places[place] = reference
    return places


def _usage_rights(reader: PdfFileReader) -> Iterator[Reference]:
    permissions = entry(reader.root, "/Perms", {})
    for key in _USAGE_RIGHTS:
        value = permissions.raw_get(key) if key in permissions else None
        if isinstance(value, generic.IndirectObject):
            yield value.reference


def _is_signature(reader: PdfFileReader, reference: Reference) -> bool:
    try:
        with translated_errors():
            value = reader.get_object(reference)
    except YinxinError:
        return False
    return isinstance(value, generic.DictionaryObject) and "/ByteRange" in value and "/Contents" in value
