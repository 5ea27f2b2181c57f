"""Two places where pyHanko reads a damaged file for ever: here it is told that there is nothing left to read."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic, misc, xref

_read_object = generic.read_object
_parse_table = xref.parse_xref_table


def read_object(stream: BinaryIO, *arguments: Any, **options: Any) -> generic.PdfObject:
    """An object; `PdfError` if a remark before it has no end (pyHanko seeks the end beyond that of the file)."""
    octet = stream.read(1)
    stream.seek(-len(octet), 1)
    if octet == b"%":
        misc.skip_over_comments(stream)
    return _read_object(stream, *arguments, **options)


def parse_table(stream: BinaryIO, strict: bool) -> Iterator[xref.XRefEntry]:
    """The entries of a table; `PdfError` if the file ends within (pyHanko steps back as far as it has come)."""
    return _parse_table(_Finite(stream), strict)


class _Finite:
    """A file from which no more is read than a program needs that gets on, if only by an octet at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, begin = stream, stream.tell()
        self._left = 100 + 4 * (stream.seek(0, 2) - begin)
        stream.seek(begin)
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise misc.PdfStreamError("the cross-reference table has no end")
        return self._stream.read(size)


generic.read_object = read_object
xref.parse_xref_table = parse_table
