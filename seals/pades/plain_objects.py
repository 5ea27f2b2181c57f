"""Dictionaries as nearly all programs write them, read in one go; whatever is written otherwise is left to pyHanko.

pyHanko reads octet by octet, which takes most of the time of sealing and of verifying. Here a dictionary is taken apart
by one expression, with the same objects as the result. What that expression does not know (comments, names with
escapes, octal digits cut short, a key that comes twice …) is not judged here, but read by pyHanko from the beginning.
"""

import binascii
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic, misc, reader, xref
from pyhanko.pdf_utils.generic import ContentOpReading, Dereferenceable, PdfObject

from seals.pades import endless  # noqa: F401 - what is left to pyHanko comes to an end

_WINDOWS = 4096, 1 << 17
"""Octets: nearly all dictionaries end within the first, a signature's with its value within the second."""
_DEEPEST = 32
_BLANK = rb"[\x00\t\n\f\r ]"
_END = rb"(?=[\x00\t\n\f\r ()<>\[\]{}/%])"
# ISO 32000-2 7.2.2 and 7.3, without what is seldom seen.
_TOKEN = re.compile(
    _BLANK
    + rb"*+(?:/(?P<name>[!\"$&'*-.0-;=?-Z\\^-z|~]*+)"
    + _END
    + rb"|(?P<reference>[1-9]\d{0,7}[ \r\n\t]\d{1,5})[ \r\n\t]R"
    + _END
    + rb"|(?P<number>[+-]?+\d{1,18}+)"
    + _END
    + rb"|(?P<real>[+-]?+(?:\d{1,18}+\.\d{0,18}+|\.\d{1,18}+))"
    + _END
    + rb"|(?P<word>true|false|null)"
    + _END
    + rb"|(?P<open><<)|(?P<close>>>)|(?P<begin>\[)|(?P<end>\])|<(?P<hexadecimal>[0-9A-Fa-f]*+)>"
    + rb"|\((?P<text>[^()\\]*+(?:\\(?:[()\\nrtbf]|[0-3][0-7]{2})[^()\\]*+)*+)\))"
)
_NO_STREAM = re.compile(_BLANK + rb"*+[^\x00\t\n\f\r %s]")
_HEADER = re.compile(rb"(\d{1,10}) (\d{1,5}) obj" + _BLANK + rb"*+(?=[^\x00\t\n\f\r %])")
_LONGEST_HEADER = 32
_SUBSECTION = re.compile(_BLANK + rb"*+(\d{1,10})" + _BLANK + rb"++(\d{1,10})" + _BLANK + rb"++(?=\S)")
_LINES = re.compile(rb"(?:\d{10} \d{5} [nf](?: \r| \n|\r\n))*+")
_LINE, _LONGEST_SUBSECTION, _USED, _TRAILER = 20, 1_000_000, ord("n"), b"trailer"
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2}|.)")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_WORDS: dict[bytes, Callable[[], PdfObject]] = {
    b"true": lambda: generic.BooleanObject(True),
    b"false": lambda: generic.BooleanObject(False),
    b"null": generic.NullObject,
}

Entries = dict[generic.NameObject, PdfObject]


def read_entries(octets: bytes, container: Dereferenceable) -> tuple[Entries, int] | None:
    """The entries of the dictionary at the beginning of the octets, and where it ends.

    None if it does not end there, or is not written plainly.
    """
    handler = container.get_pdf_handler()
    outer: list[tuple[Any, generic.NameObject | None]] = []
    entries: Any = {}
    key: generic.NameObject | None = None
    at = len(b"<<")
    while found := _TOKEN.match(octets, at):
        kind, at = found.lastgroup, found.end()
        is_array = type(entries) is list
        if key is None and not is_array and kind not in ("name", "close"):
            return None
        value: PdfObject
        if kind == "name":
            if key is None and not is_array:
                key = _key(found[kind])
                if key in entries:
                    return None
                continue
            value = generic.NameObject("/" + found[kind].decode("ascii"))
        elif kind in ("open", "begin"):
            if len(outer) == _DEEPEST:
                return None
            outer.append((entries, key))
            entries, key = ({} if kind == "open" else []), None
            continue
        elif kind == "close":
            if key is not None or is_array:
                return None
            if not outer:
                return entries, at
            value = generic.DictionaryObject(entries)
            entries, key = outer.pop()
        elif kind == "end":
            if not is_array:
                return None
            value = generic.ArrayObject(entries)
            entries, key = outer.pop()
        else:
            value = _MAKERS[str(kind)](found[str(kind)], handler)
        value.container_ref = container
        if key is None:
            entries.append(value)
        else:
            entries[key] = value
            key = None
    return None


# The same few hundred names are in all documents.
@lru_cache(maxsize=4096)
def _key(name: bytes) -> generic.NameObject:
    return generic.NameObject("/" + name.decode("ascii"))


def _reference(text: bytes, handler: Any) -> PdfObject:
    number, generation = text.split()
    return generic.IndirectObject(int(number), int(generation), handler)


def _text(text: bytes, _handler: object) -> PdfObject:
    return generic.pdf_string(_ESCAPE.sub(_unescaped, text) if b"\\" in text else text)


def _unescaped(found: re.Match[bytes]) -> bytes:
    escape = found[1]
    return bytes((int(escape, 8),)) if escape.isdigit() else _ESCAPED.get(escape, escape)


def hexadecimal(text: bytes) -> generic.ByteStringObject | generic.TextStringObject:
    """The string of these digits (ISO 32000-2 7.3.4.3)."""
    return generic.pdf_string(binascii.unhexlify(text + b"0" * (len(text) % 2)))


_MAKERS: dict[str, Callable[[bytes, Any], PdfObject]] = {
    "reference": _reference,
    "number": lambda text, _handler: generic.NumberObject(text),
    "real": lambda text, _handler: generic.FloatObject(text.decode("ascii")),
    "word": lambda text, _handler: _WORDS[text](),
    "hexadecimal": lambda text, _handler: hexadecimal(text),
    "text": _text,
}


def read_dictionary(
    stream: BinaryIO,
    container_ref: Dereferenceable,
    as_metadata_stream: bool = False,
    in_content_stream: ContentOpReading = ContentOpReading.NO,
) -> generic.DictionaryObject:
    """The dictionary or the stream that begins where the file stands; in the place of pyHanko's function."""
    begin = stream.tell()
    for size in _WINDOWS:
        octets = stream.read(size)
        if as_metadata_stream or in_content_stream or not octets.startswith(b"<<"):
            break
        read = read_entries(octets, container_ref)
        if read is not None:
            entries, end = read
            stream.seek(begin + end)
            if _NO_STREAM.match(octets, end):
                return generic.DictionaryObject(entries)
            content = generic._maybe_read_stream_payload(stream, entries, container_ref.get_pdf_handler())
            if content is None:
                return generic.DictionaryObject(entries)
            return generic.StreamObject(entries, encoded_data=content)
        stream.seek(begin)
        if len(octets) < size:
            break
    stream.seek(begin)
    return _octet_by_octet(stream, container_ref, as_metadata_stream, in_content_stream)


def read_header(stream: BinaryIO, strict: bool) -> tuple[int, int]:
    """Number and generation of the object that begins where the file stands; in the place of pyHanko's function."""
    begin = stream.tell()
    found = _HEADER.match(stream.read(_LONGEST_HEADER))
    if found is None:
        stream.seek(begin)
        return _header_octet_by_octet(stream, strict)
    stream.seek(begin + found.end())
    return int(found[1]), int(found[2])


def read_table(stream: BinaryIO, strict: bool) -> Iterator[xref.XRefEntry]:
    """The entries of the cross-reference table that begins where the file stands; in the place of pyHanko's."""
    while True:
        begin = stream.tell()
        head = _SUBSECTION.match(stream.read(_LONGEST_HEADER))
        number, count = (int(head[1]), int(head[2])) if head else (0, _LONGEST_SUBSECTION)
        stream.seek(begin + head.end() if head else begin)
        lines = stream.read(_LINE * count) if count < _LONGEST_SUBSECTION else b""
        if len(lines) < _LINE * count or not _LINES.fullmatch(lines):
            stream.seek(begin)
            yield from _line_by_line(stream, strict)
            return
        for at in range(0, len(lines), _LINE):
            generation, is_used = int(lines[at + 11 : at + 16]), lines[at + 17] == _USED
            place = int(lines[at : at + 10]) if is_used else None
            kind = xref.XRefType.STANDARD if is_used else xref.XRefType.FREE
            yield xref.XRefEntry(kind, place, number, generation)
            number += 1
        misc.read_non_whitespace(stream, seek_back=True)
        if stream.read(len(_TRAILER)) == _TRAILER:
            misc.read_non_whitespace(stream, seek_back=True)
            return
        stream.seek(-len(_TRAILER), 1)


_octet_by_octet = generic.DictionaryObject.read_from_stream
_header_octet_by_octet = xref.read_object_header
_line_by_line = xref.parse_xref_table
generic.DictionaryObject.read_from_stream = staticmethod(read_dictionary)  # type: ignore[method-assign]
reader.read_object_header = read_header  # type: ignore[attr-defined]
xref.parse_xref_table = read_table
