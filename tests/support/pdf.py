"""PDF documents for tests: made, changed after sealing as attackers and honest programs would, and taken apart."""

import re
from collections.abc import Callable
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

BYTE_RANGE = re.compile(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]")


def updated(document: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """The document with one more increment."""
    writer = IncrementalPdfFileWriter(BytesIO(document))
    change(writer)
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def name(text: str) -> generic.NameObject:
    return pdf_name(f"/{text}")


def number(value: float) -> generic.FloatObject:
    made: generic.FloatObject = generic.FloatObject(value)  # type: ignore[no-untyped-call]
    return made


def dictionary(**entries: generic.PdfObject) -> generic.DictionaryObject:
    return generic.DictionaryObject({name(key): value for key, value in entries.items()})  # type: ignore[no-untyped-call]


def set_on_page(page: int, **entries: generic.PdfObject) -> Callable[[IncrementalPdfFileWriter], None]:
    """Change entries of a page; the first is 0."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        reference, _resources = writer.find_page_for_modification(page)  # type: ignore[no-untyped-call]
        for key, value in entries.items():
            reference.get_object()[name(key)] = value
        writer.mark_update(reference)

    return change


def add_text(writer: IncrementalPdfFileWriter) -> None:
    """Write over the first page."""
    stream = generic.StreamObject(stream_data=b"BT /F1 24 Tf 100 700 Td (paid) Tj ET")
    writer.add_stream_to_page(0, writer.add_object(stream))  # type: ignore[no-untyped-call]


def add_annotation(writer: IncrementalPdfFileWriter) -> None:
    """Stick a note on the first page."""
    reference, _resources = writer.find_page_for_modification(0)  # type: ignore[no-untyped-call]
    box = generic.ArrayObject([number(value) for value in (100, 100, 300, 200)])
    note = dictionary(Type=name("Annot"), Subtype=name("Square"), Rect=box)
    page = reference.get_object()
    annotations = page.get("/Annots") or generic.ArrayObject()
    page[name("Annots")] = generic.ArrayObject([*annotations, writer.add_object(note)])
    writer.mark_update(reference)


def add_empty_signature_field(writer: IncrementalPdfFileWriter) -> None:
    """An unsigned, visible signature field: it can look like anything."""
    from pyhanko.sign.fields import SigFieldSpec, append_signature_field

    append_signature_field(writer, SigFieldSpec("Extra", box=(100, 600, 400, 700), empty_field_appearance=True))


def remove_signatures(writer: IncrementalPdfFileWriter) -> None:
    """Hide every signature: only the picture stays."""
    writer.root[name("AcroForm")] = dictionary(Fields=generic.ArrayObject())
    writer.update_root()  # type: ignore[no-untyped-call]


def byte_range(document: bytes, which: int = 0) -> tuple[int, int, int, int]:
    """The ByteRange of a signature, read without a PDF library; the first is 0."""
    found = BYTE_RANGE.findall(document)[which]
    start, before, after, rest = (int(value) for value in found)
    return start, before, after, rest


def contents(document: bytes, which: int = 0) -> bytes:
    """The CMS of a signature, without padding."""
    _start, before, after, _rest = byte_range(document, which)
    padded = bytes.fromhex(document[before + 1 : after - 1].decode())
    return padded[: _length(padded)]


def signed_octets(document: bytes, which: int = 0) -> bytes:
    """What a signature covers."""
    start, before, after, rest = byte_range(document, which)
    return document[start : start + before] + document[after : after + rest]


def with_contents(document: bytes, new: bytes, which: int = 0) -> bytes:
    """The document with other octets as the signature; what is missing is filled with zeros."""
    _start, before, after, _rest = byte_range(document, which)
    room = after - before - 2
    text = new.hex().upper().encode().ljust(room, b"0")
    assert len(text) == room
    return document[: before + 1] + text + document[after - 1 :]


def _length(der: bytes) -> int:
    from asn1crypto import parser

    size: int = parser.peek(der)
    return size
