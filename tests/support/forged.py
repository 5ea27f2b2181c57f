"""Documents as forgers leave them: each function does to a sealed document what one kind of attack does."""

import re
from collections.abc import Callable
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tests.support import pdf

Attack = Callable[[bytes], bytes]
Change = Callable[[IncrementalPdfFileWriter], None]


def form_document(document: bytes) -> bytes:
    """The document with a text field `amount` and another, `name`, on its first page, both empty."""

    def add(writer: IncrementalPdfFileWriter) -> None:
        page, _resources = writer.find_page_for_modification(0)  # type: ignore[no-untyped-call]
        fields = []
        for number, title in enumerate(("amount", "name")):
            appearance = writer.add_object(form_stream(b"/Tx BMC EMC"))
            fields.append(
                writer.add_object(
                    pdf.dictionary(
                        Type=pdf.name("Annot"),
                        Subtype=pdf.name("Widget"),
                        FT=pdf.name("Tx"),
                        T=generic.pdf_string(title),
                        F=integer(4),
                        DA=generic.pdf_string("/Helv 12 Tf 0 g"),
                        Rect=box(300, 600 - 40 * number, 400, 620 - 40 * number),
                        AP=pdf.dictionary(N=appearance),
                        P=page,
                    )
                )
            )
            writer.register_annotation(page, fields[-1])  # type: ignore[no-untyped-call]
        writer.root[pdf.name("AcroForm")] = writer.add_object(
            pdf.dictionary(Fields=generic.ArrayObject(fields), DA=generic.pdf_string("/Helv 12 Tf 0 g"))
        )
        writer.update_root()  # type: ignore[no-untyped-call]

    return pdf.updated(document, add)


def integer(value: int) -> generic.NumberObject:
    made: generic.NumberObject = generic.NumberObject(value)  # type: ignore[no-untyped-call]
    return made


def box(*values: float) -> generic.ArrayObject:
    return generic.ArrayObject([pdf.number(value) for value in values])


def form_stream(content: bytes) -> generic.StreamObject:
    entries = {
        pdf.name("Type"): pdf.name("XObject"),
        pdf.name("Subtype"): pdf.name("Form"),
        pdf.name("BBox"): box(0, 0, 100, 20),
    }
    return generic.StreamObject(entries, stream_data=content)


def field(writer: IncrementalPdfFileWriter, title: str) -> generic.DictionaryObject:
    for reference in writer.root["/AcroForm"]["/Fields"]:
        found: generic.DictionaryObject = reference.get_object()
        if found.get("/T") == title:
            return found
    raise KeyError(title)


def fill(title: str, value: str, *, shown: bytes | None = None) -> Change:
    """Fill in a form field, showing what its value is, or something else."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        filled = field(writer, title)
        if value:
            filled[pdf.name("V")] = generic.pdf_string(value)
        content = b"/Tx BMC BT /Helv 12 Tf (%s) Tj ET EMC" % (value.encode() if shown is None else shown)
        filled[pdf.name("AP")] = pdf.dictionary(N=writer.add_object(form_stream(content)))
        writer.update_container(filled)

    return change


def page_of(writer: IncrementalPdfFileWriter, number: int = 0) -> generic.DictionaryObject:
    reference, _resources = writer.find_page_for_modification(number)  # type: ignore[no-untyped-call]
    found: generic.DictionaryObject = reference.get_object()
    return found


def annotate(subtype: str, **entries: generic.PdfObject) -> Change:
    """An annotation over the text and the seal of the first page."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        page, _resources = writer.find_page_for_modification(0)  # type: ignore[no-untyped-call]
        annotation = pdf.dictionary(
            Type=pdf.name("Annot"),
            Subtype=pdf.name(subtype),
            Rect=box(60, 60, 500, 760),
            Contents=generic.pdf_string("Paid in full"),
            F=integer(4),
            **entries,
        )
        writer.register_annotation(page, writer.add_object(annotation))  # type: ignore[no-untyped-call]

    return change


def swap_font(writer: IncrementalPdfFileWriter) -> None:
    """Let the same codes show other characters."""
    page = page_of(writer)
    encoding = pdf.dictionary(
        Type=pdf.name("Encoding"),
        Differences=generic.ArrayObject([integer(48), pdf.name("nine"), pdf.name("eight")]),
    )
    font = pdf.dictionary(
        Type=pdf.name("Font"), Subtype=pdf.name("Type1"), BaseFont=pdf.name("Helvetica"), Encoding=encoding
    )
    page[pdf.name("Resources")] = pdf.dictionary(Font=pdf.dictionary(F1=writer.add_object(font)))
    writer.update_container(page)


def replace_content(writer: IncrementalPdfFileWriter) -> None:
    """Write the same object anew: the text of the first page."""
    reference = page_of(writer).raw_get("/Contents")
    while not isinstance(reference, generic.IndirectObject):
        reference = reference[0]
    stream = generic.StreamObject(stream_data=b"BT /F1 24 Tf 72 700 Td (Another page) Tj ET")
    writer.objects[(reference.generation, reference.idnum)] = stream


def hide_content(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, hide: take away what lay over the malicious text."""
    page = page_of(writer)
    page[pdf.name("Annots")] = generic.ArrayObject()
    writer.update_container(page)


def insert_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    content = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
    page = pdf.dictionary(
        Type=pdf.name("Page"), Parent=writer.root.raw_get("/Pages"), MediaBox=box(0, 0, 595, 842), Contents=content
    )
    pages["/Kids"].append(writer.add_object(page))
    pages[pdf.name("Count")] = integer(len(pages["/Kids"]))
    writer.update_container(pages)


def swap_pages(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    pages[pdf.name("Kids")] = generic.ArrayObject(reversed(list(pages.raw_get("/Kids"))))
    writer.update_container(pages)


def script() -> generic.DictionaryObject:
    return pdf.dictionary(S=pdf.name("JavaScript"), JS=generic.pdf_string("app.alert('paid')"))


def set_in_catalog(**entries: generic.PdfObject) -> Change:
    def change(writer: IncrementalPdfFileWriter) -> None:
        for key, value in entries.items():
            writer.root[pdf.name(key)] = value
        writer.update_root()  # type: ignore[no-untyped-call]

    return change


def set_on_field(title: str, **entries: generic.PdfObject) -> Change:
    def change(writer: IncrementalPdfFileWriter) -> None:
        found = field(writer, title)
        for key, value in entries.items():
            found[pdf.name(key)] = value
        writer.update_container(found)

    return change


def redraw_seal(writer: IncrementalPdfFileWriter) -> None:
    """Give the signature field another look."""
    found = field(writer, "Seal1")
    found[pdf.name("AP")] = pdf.dictionary(N=writer.add_object(form_stream(b"0 g 0 0 9 9 re f")))
    writer.update_container(found)


def move_seal(writer: IncrementalPdfFileWriter) -> None:
    found = field(writer, "Seal1")
    found[pdf.name("Rect")] = box(300, 300, 420, 420)
    writer.update_container(found)


def point_elsewhere(writer: IncrementalPdfFileWriter) -> None:
    """Give the field a copy of its signature dictionary that claims another name and reason."""
    found = field(writer, "Seal1")
    copy = pdf.dictionary(**{key[1:]: found["/V"].raw_get(key) for key in found["/V"]})
    copy[pdf.name("Name")] = generic.pdf_string("Somebody else")
    found[pdf.name("V")] = writer.add_object(copy)
    writer.update_container(found)


def free_object(document: bytes) -> bytes:
    """Declare the content of the first page free in one more cross-reference table."""
    number = int(re.findall(rb"/Contents (\d+) 0 R", document)[0])
    return with_table(document, b"", [(number, 0, b"f")])


def with_table(document: bytes, octets: bytes, entries: list[tuple[int, int, bytes]]) -> bytes:
    """One more revision, by hand: octets, and a table with (number, place, kind)."""
    previous = int(re.findall(rb"startxref\s+(\d+)", document)[-1])
    size = max(int(found) for found in re.findall(rb"/Size (\d+)", document))
    root = re.findall(rb"/Root (\d+ 0 R)", document)[-1]
    identifier = re.findall(rb"/ID (\[.*?\])", document, re.DOTALL)
    body = document + octets
    table = b"xref\n0 1\n0000000000 65535 f \n"
    for number, at, kind in entries:
        table += b"%d 1\n%010d %05d %s \n" % (number, at, 1 if kind == b"f" else 0, kind)
    ids = b" /ID " + identifier[-1] if identifier else b""
    trailer = b"trailer\n<< /Size %d /Root %s /Prev %d%s >>\n" % (size, root, previous, ids)
    return body + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(body)


def without_listing(document: bytes) -> bytes:
    """An object of a number that is taken, written without a word in the cross-references."""
    number = int(re.findall(rb"/Contents (\d+) 0 R", document)[0])
    octets = b"\n%d 0 obj\n<< /Length 5 >>\nstream\nBT ET\nendstream\nendobj\n" % number
    return with_table(document, octets, [])


def redirected(document: bytes) -> bytes:
    """A cross-reference that gives an object another place within what was signed."""
    number = int(re.findall(rb"/Contents (\d+) 0 R", document)[0])
    other = document.index(b"%d 0 obj" % number) + 1
    return with_table(document, b"", [(number, other, b"n")])


def with_loop(document: bytes) -> bytes:
    """Cross-references that lead back to themselves (Prev)."""
    at = len(document)
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 99 /Root 1 0 R /Prev %d >>\n" % at
    return document + table + b"startxref\n%d\n%%%%EOF\n" % at


def wrapped(document: bytes) -> bytes:
    """Signature wrapping: what was signed after the signature is moved back, and other objects fill the gap."""
    start, before, after, rest = pdf.byte_range(document)
    gap = b" /Type /Sig >>\nendobj\n1 0 obj\n<< /Type /Catalog >>\nendobj\n" + b" " * 200
    changed = document[:after] + gap + document[after:]
    found = pdf.BYTE_RANGE.search(changed)
    assert found is not None
    new = b"/ByteRange [%d %d %d %d]" % (start, before, after + len(gap), rest)
    room = len(found[0]) + 20
    return changed[: found.start()] + new.ljust(room) + changed[found.start() + room :]


def rewritten(document: bytes) -> bytes:
    """Written anew as a whole, as many programs do."""
    import pikepdf

    output = BytesIO()
    with pikepdf.open(BytesIO(document)) as opened:
        opened.save(output)
    return output.getvalue()


def with_byte_range(document: bytes, numbers: bytes) -> bytes:
    found = pdf.BYTE_RANGE.search(document)
    assert found is not None
    room = len(found[0]) + 20
    new = b"/ByteRange " + numbers
    assert len(new) <= room
    return document[: found.start()] + new.ljust(room) + document[found.start() + room :]


def renamed(document: bytes, old: bytes, new: bytes) -> bytes:
    assert old in document
    assert len(old) == len(new)
    return document.replace(old, new)
