"""Documents that are made to exhaust whoever reads them."""

import zlib
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tests.support import forged, pdf


def pdf_of(*objects: bytes, size: int | None = None, trailer: bytes = b"") -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalog."""
    output = BytesIO(b"%PDF-1.7\n")
    output.seek(0, 2)
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(output.tell())
        output.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = output.tell()
    output.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    output.writelines(b"%010d 00000 n \n" % place for place in places)
    output.write(b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (size or len(objects) + 1, trailer))
    output.write(b"startxref\n%d\n%%%%EOF\n" % start)
    return output.getvalue()


def signed_catalog(pages: bytes = b"2 0 R", **further: bytes) -> bytes:
    more = b" ".join(b"/%s %s" % (key.encode(), value) for key, value in further.items())
    return b"<< /Type /Catalog /Pages %s /AcroForm << /Fields [3 0 R] >> %s >>" % (pages, more)


FIELD = b"<< /FT /Sig /T (a) /V 4 0 R >>"
VALUE = b"<< /Type /Sig /SubFilter /adbe.pkcs7.detached /ByteRange [0 1 2 3] /Contents <00> >>"
PAGES = b"<< /Type /Pages /Kids [] /Count 0 >>"


def bomb(octets: int) -> bytes:
    """So many zeros, compressed."""
    compressor = zlib.compressobj(9)
    chunk = bytes(1 << 20)
    parts = [compressor.compress(chunk) for _each in range(octets >> 20)]
    return b"".join(parts) + compressor.flush()


def object_stream_bomb() -> bytes:
    data = bomb(256 << 20)
    stream = b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (
        len(data),
        data,
    )
    # The pages are said to lie in that stream.
    entries = bytearray()
    document = bytearray(b"%PDF-1.7\n")
    places = {}
    for number, body in ((1, signed_catalog()), (3, FIELD), (4, VALUE), (5, stream)):
        places[number] = len(document)
        document += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    places[6] = len(document)
    for number in range(7):
        kind, place, third = (1, places[number], 0) if number in places else (0, 0, 255)
        if number == 2:
            kind, place, third = 2, 5, 0
        entries += bytes([kind]) + place.to_bytes(4, "big") + bytes([third])
    document += (
        b"6 0 obj\n<< /Type /XRef /Size 7 /W [1 4 1] /Root 1 0 R /Length %d >>\nstream\n%s\nendstream\nendobj\n"
        % (len(entries), bytes(entries))
    )
    return bytes(document) + b"startxref\n%d\n%%%%EOF\n" % places[6]


def nested_arrays() -> bytes:
    deep = b"[" * 200_000 + b"]" * 200_000
    return pdf_of(signed_catalog(X=b"5 0 R"), b"<< /Type /Pages /Kids %s /Count 0 >>" % deep, FIELD, VALUE, deep)


def page_tree_that_returns() -> bytes:
    return pdf_of(signed_catalog(), b"<< /Type /Pages /Kids [2 0 R 2 0 R 2 0 R] /Count 3 >>", FIELD, VALUE)


def fields_that_return() -> bytes:
    field = b"<< /FT /Sig /T (a) /Kids [3 0 R 3 0 R 5 0 R] >>"
    return pdf_of(signed_catalog(), PAGES, field, VALUE, FIELD)


def huge_counts() -> bytes:
    document = pdf_of(signed_catalog(), PAGES, FIELD, VALUE, size=2**31 - 1)
    return document.replace(b"xref\n0 5\n", b"xref\n0 2000000000\n")


def huge_index() -> bytes:
    """A cross-reference stream that announces two thousand million objects."""
    head = b"%PDF-1.7\n1 0 obj\n" + signed_catalog() + b"\nendobj\n"
    entries = b"/Size 2000000000 /Index [0 2000000000] /W [0 0 0]"
    stream = b"2 0 obj\n<< /Type /XRef %s /Root 1 0 R /Length 0 >>\nstream\n\nendstream\nendobj\n" % entries
    return head + stream + b"startxref\n%d\n%%%%EOF\n" % len(head)


def many_revisions(document: bytes, count: int) -> bytes:
    for _each in range(count):
        document = forged.with_table(document, b"", [])
    return document


def tie(writer: IncrementalPdfFileWriter) -> None:
    """Forty objects, each of which refers to the next one twice: as many paths as there are grains of sand."""
    next_one = writer.add_object(generic.ArrayObject())
    for _each in range(40):
        next_one = writer.add_object(generic.ArrayObject([next_one, next_one]))
    writer.root[pdf.name("Tied")] = next_one
    writer.update_root()  # type: ignore[no-untyped-call]


def enormous_length() -> bytes:
    return b"\x30\x84\x7f\xff\xff\xff" + bytes(1000)


def deep_der() -> bytes:
    return b"\x30\x80" * 100_000
