"""PDF objects in octets, just as pyHanko writes them, but sooner: names and texts recur, and are encoded once."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO

from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    PdfObject,
    StreamObject,
    TextStringObject,
    pdf_name,
)

_LENGTH = pdf_name("/Length")


def write(stream: BinaryIO, value: PdfObject) -> None:
    """Write an object as it is, not encrypted. What writes itself in a way of its own, does."""
    _WRITERS.get(type(value).write_to_stream, _write_itself)(stream, value)


def _write_itself(stream: BinaryIO, value: PdfObject) -> None:
    value.write_to_stream(stream)


def _write_name(stream: BinaryIO, value: NameObject) -> None:
    stream.write(_name(value))


def _write_text(stream: BinaryIO, value: TextStringObject) -> None:
    stream.write(_text(value, value.force_output_encoding))


def _write_array(stream: BinaryIO, values: ArrayObject) -> None:
    stream.write(b"[")
    for value in values:
        stream.write(b" ")
        write(stream, value)
    stream.write(b" ]")


def _write_dictionary(stream: BinaryIO, value: DictionaryObject) -> None:
    _write_entries(stream, value.items())


def _write_stream(stream: BinaryIO, value: StreamObject) -> None:
    data = value.encoded_data
    _write_entries(stream, [*value.items(), (_LENGTH, NumberObject(len(data)))])
    stream.write(b"\nstream\n")
    stream.write(data)
    stream.write(b"\nendstream")


def _write_entries(stream: BinaryIO, entries: Iterable[tuple[NameObject, Any]]) -> None:
    stream.write(b"<<\n")
    for name, value in entries:
        stream.write(_name(name))
        stream.write(b" ")
        write(stream, value)
        stream.write(b"\n")
    stream.write(b">>")


@lru_cache(maxsize=4096)
def _name(name: NameObject) -> bytes:
    return _octets(name)


@lru_cache(maxsize=256)
def _text(text: TextStringObject, _encoding: object) -> bytes:
    return _octets(text)


def _octets(value: PdfObject) -> bytes:
    buffer = BytesIO()
    value.write_to_stream(buffer)
    return buffer.getvalue()


_WRITERS: dict[object, Callable[[BinaryIO, Any], None]] = {
    NameObject.write_to_stream: _write_name,
    TextStringObject.write_to_stream: _write_text,
    ArrayObject.write_to_stream: _write_array,
    DictionaryObject.write_to_stream: _write_dictionary,
    StreamObject.write_to_stream: _write_stream,
}
