"""The octets of a revision: what follows the last one, and objects that its cross-references do not know."""

import re

from pyhanko.pdf_utils.reader import PdfFileReader

_END_OF_REVISION = re.compile(rb"\s+\d+\s+%%EOF\s*")
_OBJECT = re.compile(rb"(?:^|[\r\n])[ \t]*(\d{1,10})[ \t]+(\d{1,5})[ \t]+obj\b")
_STREAM = re.compile(rb"\bstream\r?\n.*?endstream", re.DOTALL)


def ends_with_last_revision(reader: PdfFileReader) -> bool:
    """Whether nothing follows the last revision that its cross-references reach: other readers may look there."""
    reader.stream.seek(_end_of_references(reader, reader.xrefs.total_revisions - 1))
    # Of a cross-reference table the trailer dictionary comes first.
    _trailer, keyword, rest = reader.stream.read().partition(b"startxref")
    return bool(keyword) and _END_OF_REVISION.fullmatch(rest) is not None


def unlisted_objects(reader: PdfFileReader, revision: int) -> list[int]:
    """Numbers of objects written in a revision that its cross-references do not list where they are.

    Readers that rebuild damaged cross-references would find them, so that two documents would be in one file.
    """
    begin = _end_of_references(reader, revision - 1)
    end = _end_of_references(reader, revision)
    if end <= begin:
        return []
    reader.stream.seek(begin)
    octets = reader.stream.read(end - begin)
    # What is inside a stream may look like anything; blanks keep the places.
    plain = _STREAM.sub(lambda found: b" " * len(found[0]), octets)
    section = reader.xrefs.get_xref_data(revision)
    listed = {place for _generation, place in section.standard_xrefs.values()}
    listed.add(reader.xrefs.get_startxref_for_revision(revision))
    if section.hybrid is not None:
        listed.add(section.hybrid.meta_info.start_location)
    return [
        int(found[1])
        for found in _OBJECT.finditer(plain)
        # A reference may be to the blanks before the number.
        if listed.isdisjoint(range(begin + found.start(), begin + found.start(1) + 1))
    ]


def _end_of_references(reader: PdfFileReader, revision: int) -> int:
    return int(reader.xrefs.get_xref_container_info(revision).end_location)
