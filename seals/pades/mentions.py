"""The object numbers that a document mentions, whether it has such objects or not.

What refers to an object that is not there refers to null (ISO 32000-2 7.3.10). An increment that gave the number to an
object of its own would put that in the place, and so change what the document shows.
"""

import re
from typing import Any
from weakref import WeakKeyDictionary

from pyhanko.pdf_utils.generic import Reference, StreamObject
from pyhanko.pdf_utils.reader import PdfFileReader

_CHUNK = 1 << 20
_LONGEST = 32
"""Octets of a reference; more white space than that in one nobody writes."""
# Finding the one letter first takes a hundredth of the time: most of a document is compressed.
_END = re.compile(rb"R(?:(?<=\d[\0\t\n\f\r ]R)|(?<=\d[\0\t\n\f\r ]{2}R))")
_NUMBERS = re.compile(rb"(\d+)[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]+R")


def numbers_mentioned(reader: PdfFileReader) -> set[int]:
    """Every number that a reference names, in whichever revision. Also what only looks like one: that does no harm."""
    if reader not in _known:
        _known[reader] = _in_file(reader) | _in_object_streams(reader)
    return _known[reader]


_known: WeakKeyDictionary[PdfFileReader, set[int]] = WeakKeyDictionary()


def _in_file(reader: PdfFileReader) -> set[int]:
    found, kept = set[int](), b""
    reader.stream.seek(0)
    while chunk := reader.stream.read(_CHUNK):
        found |= _in(kept + chunk)
        kept = chunk[-_LONGEST:]
    return found


def _in_object_streams(reader: PdfFileReader) -> set[int]:
    found = set[int]()
    for revision in range(reader.xrefs.total_revisions):
        listed = reader.xrefs.get_xref_data(revision)
        beside = listed.hybrid.xref_data.obj_streams_used if listed.hybrid else set()
        for number in listed.obj_streams_used | beside:
            found |= _in(_content(Reference(number, pdf=reader)))
    return found


def _content(reference: Reference) -> bytes:
    try:
        stream: Any = reference.get_object()
        return stream.data if isinstance(stream, StreamObject) else b""
    except Exception:  # noqa: BLE001 - of what cannot be read, nobody sees what it mentions
        return b""


def _in(octets: bytes) -> set[int]:
    ends = (match.end() for match in _END.finditer(octets))
    before = b"".join([octets[max(0, end - _LONGEST) : end] for end in ends])
    return set(map(int, _NUMBERS.findall(before)))
