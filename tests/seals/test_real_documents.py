"""Documents as offices have them: hybrid, PDF/A, damaged, long, of every version; sealed well, or refused in words."""

import os
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Literal

import pikepdf
import pytest
import typst
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader

from core.errors import Kind, YinxinError
from seals.contracts import SealingSupport
from seals.documents import Document
from seals.documents.formats import seal_document
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.pictures.ink import Ink
from seals.pictures.picture import RoundSeal
from seals.placement.placement import AtKeyword, Placement, Straddling
from seals.sealing import Seal, SealedDocument
from seals.verification.report import Verdict
from tests.support.pages import red_box
from tests.support.sealing import NAME, PLACE, Office, blank_pdf, picture


def seal_it(
    office: Office, document: Document, seal: Seal | None = None, level: Level = Level.B_B, *, repair: bool = False
) -> SealedDocument:
    return seal_pdf(
        document, seal or office.seal, PLACE, level=level, support=office.support, clock=office.clock, repair=repair
    )


# Hybrid cross-references


def hybrid(*, contradicting: bool = False) -> bytes:
    """As office programs write them: a table for all, and a stream for what is hidden from old programs."""
    text = b"BT /F1 24 Tf 72 700 Td (for all) Tj ET"
    other = b"BT /F1 24 Tf 72 700 Td (for few) Tj ET"
    hidden = b"<< /Type /Metadata /Note (hidden) >>"
    packed = b"7 0 " + hidden
    bodies = {
        1: b"<< /Type /Catalog /Pages 2 0 R /Hidden 7 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R\n"
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        4: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        6: b"<< /Type /ObjStm /N 1 /First 4 /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed),
        9: b"<< /Length %d >>\nstream\n%s\nendstream" % (len(other), other),
    }
    out = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"
    places = {}
    for number, body in bodies.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 7\n0000000000 65535 f \n"
    out += b"".join(b"%010d 00000 n \n" % places[number] for number in range(1, 7))
    out += b"7 3\n0000000000 00000 f \n0000000000 00000 f \n%010d 00000 n \n" % places[9]
    out += b"trailer\n<< /Size 10 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table
    entries = b"\x02" + (6).to_bytes(4) + b"\x00"
    index = b"7 1"
    if contradicting:
        index, entries = b"4 1 7 1", b"\x01" + places[9].to_bytes(4) + b"\x00" + entries
    stream = len(out)
    out += (
        b"8 0 obj\n<< /Type /XRef /Size 10 /W [1 4 1] /Index [%s] /Root 1 0 R /Length %d >>\nstream\n%s\nendstream\n"
        b"endobj\n" % (index, len(entries), entries)
    )
    update = len(out)
    out += b"xref\n0 0\ntrailer\n<< /Size 10 /Root 1 0 R /Prev %d /XRefStm %d >>\n" % (table, stream)
    return out + b"startxref\n%d\n%%%%EOF\n" % update


@pytest.mark.parametrize("level", [Level.B_B, Level.B_LTA])
def test_hybrid_files_are_sealed(sm2_office: Office, level: Level) -> None:
    document = hybrid()
    assert str(PdfFileReader(BytesIO(document)).root["/Hidden"]["/Note"]) == "hidden"
    sealed = seal_it(sm2_office, document, level=level).read()
    report = sm2_office.report(sealed, status=True)
    assert report.verdict is (Verdict.VALID if level is Level.B_LTA else Verdict.REMARKS)
    changed = sealed.replace(b"(for all)", b"(for old)")
    assert sm2_office.report(changed, status=True).verdict is Verdict.INVALID


def test_a_hybrid_file_with_two_contents_is_refused(sm2_office: Office) -> None:
    with pytest.raises(YinxinError, match="two cross-references that differ") as caught:
        seal_it(sm2_office, hybrid(contradicting=True))
    assert caught.value.kind is Kind.UNSUPPORTED


# Damage


def truncated(document: bytes) -> bytes:
    return document[: document.rindex(b"xref")]


DAMAGES: list[Callable[[bytes], bytes]] = [
    truncated,
    lambda document: document.replace(b"startxref\n", b"startxref\n9", 1),
    lambda document: re.sub(rb"(\d{10}) 00000 n", b"0000000009 00000 n", document, count=3),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_repaired_only_when_asked(sm2_office: Office, damage: Callable[[bytes], bytes]) -> None:
    document = damage(blank_pdf(2))
    with pytest.raises(YinxinError, match=r"damaged|not understood") as caught:
        seal_it(sm2_office, document)
    assert caught.value.kind in (Kind.INVALID, Kind.UNSUPPORTED)
    sealed = seal_it(sm2_office, document, repair=True)
    assert sealed.repaired
    assert sm2_office.report(sealed.read(), status=True).verdict is Verdict.REMARKS
    assert red_box(sealed.read(), 0) is not None


def test_what_is_whole_is_not_touched_by_repair(sm2_office: Office) -> None:
    document = blank_pdf(2)
    sealed = seal_it(sm2_office, document, repair=True)
    assert not sealed.repaired
    assert sealed.read().startswith(document)


def test_repair_breaks_no_signature(sm2_office: Office) -> None:
    once = seal_it(sm2_office, blank_pdf()).read()
    with pytest.raises(YinxinError, match="holds signatures") as caught:
        seal_it(sm2_office, truncated(once), repair=True)
    assert caught.value.kind is Kind.CONFLICT


@pytest.mark.parametrize(
    ("document", "words"), [(b"%PDF-1.7\nnothing", "beyond repair"), (b"", "beyond repair|not a PDF")]
)
def test_what_cannot_be_repaired(sm2_office: Office, document: bytes, words: str) -> None:
    with pytest.raises(YinxinError, match=words):
        seal_it(sm2_office, document, repair=True)


def test_an_ofd_document_is_told_from_a_damaged_one(sm2_office: Office) -> None:
    with pytest.raises(YinxinError, match="OFD is not sealed yet") as caught:
        seal_document(
            b"PK\x03\x04", sm2_office.seal, PLACE, level=Level.B_B, support=SealingSupport(), clock=sm2_office.clock
        )
    assert caught.value.kind is Kind.UNSUPPORTED


# PDF/A

Standard = Literal["a-1b", "a-2b", "a-3b"]


def archive(standard: Standard) -> bytes:
    source = b"#set document(title: [Notice], date: datetime(year: 2026, month: 11, day: 1))\nNotice"
    return bytes(typst.compile(source, format="pdf", pdf_standards=[standard]))


PICTURES = [None, RoundSeal(NAME).drawing(), RoundSeal(NAME, emblem=picture()).drawing()]


@pytest.mark.parametrize("drawn", range(3))
@pytest.mark.parametrize("standard", ["a-1b", "a-2b", "a-3b"])
def test_an_archival_document_stays_one(sm2_office: Office, standard: Standard, drawn: int) -> None:
    """The rules of ISO 19005 that a seal could break, one by one: there is no validator to be had."""
    document = archive(standard)
    seal = replace(sm2_office.seal, drawing=PICTURES[drawn])
    if drawn == 2:
        # The electronic seal has no emblem in its picture, and would be refused beside another.
        seal = replace(seal, structure=None)
    sealed = seal_it(sm2_office, document, seal, Level.B_LTA)
    assert sealed.flattened == (standard == "a-1b")
    octets = sealed.read()
    before, after = PdfFileReader(BytesIO(document)), PdfFileReader(BytesIO(octets))
    # 6.7: neither XMP nor Info may change without the other; we change neither.
    assert after.root["/Metadata"].data == before.root["/Metadata"].data
    assert dict(after.trailer["/Info"]) == dict(before.trailer["/Info"])
    # 6.2.3.3: colour that does not depend on the device. 6.4: in part 1, no transparency at all.
    added = octets[len(document) :]
    assert b"/DefaultRGB" in added
    transparent = {word for word in (b"/SMask", b"/Transparency", b"/BM", b"/ca ", b"/CA ") if word in added}
    if standard == "a-1b":
        assert not transparent
    else:
        assert {b"/BM", b"/ca ", b"/CA "} <= transparent
        assert (b"/SMask" in transparent, b"/Transparency" in transparent) == (drawn != 1, drawn != 0)
    # 6.5.3: annotations are printed, and have a normal appearance and no other.
    for field in after.root["/AcroForm"]["/Fields"]:
        widget = field.get_object()
        assert int(widget["/F"]) & 0b100110 == 0b100
        if "/AP" in widget:
            assert list(widget["/AP"]) == ["/N"]
    assert "/NeedAppearances" not in after.root["/AcroForm"]
    assert red_box(octets, 0) is not None
    assert sm2_office.report(octets).verdict is Verdict.VALID


def test_no_pale_seal_on_pdf_a_1(sm2_office: Office) -> None:
    with pytest.raises(YinxinError, match="knows no transparency"):
        seal_pdf(
            archive("a-1b"),
            sm2_office.seal,
            PLACE,
            level=Level.B_B,
            support=SealingSupport(),
            clock=sm2_office.clock,
            ink=Ink(0.5),
        )


# Chinese text, scans, length


def test_a_chinese_keyword_in_a_real_document(sm2_office: Office) -> None:
    """Set by typst in the packaged face: a subset font, whose codes are not those of the text."""
    from yinxin.sample import typeset_notice

    sealed = seal_pdf(
        typeset_notice(),
        sm2_office.seal,
        AtKeyword("宝鸡市人民政府办公室"),
        level=Level.B_B,
        support=SealingSupport(),
        clock=sm2_office.clock,
    )
    (mark,) = sealed.marks
    assert mark.page == 4  # the last: who printed it
    assert red_box(sealed.read(), 3) is not None


def test_a_scan_has_no_text_to_find(sm2_office: Office) -> None:
    scanned, output = BytesIO(), BytesIO()
    Image.new("L", (827, 1169), 255).save(scanned, "PDF", resolution=100)
    with pikepdf.open(scanned) as document:
        document.save(output)
    with pytest.raises(YinxinError, match="pages are scanned pictures"):
        seal_pdf(
            output.getvalue(),
            sm2_office.seal,
            AtKeyword("盖章"),
            level=Level.B_B,
            support=SealingSupport(),
            clock=sm2_office.clock,
        )
    sealed = seal_pdf(
        output.getvalue(),
        sm2_office.seal,
        Placement(1, 100, 100),
        level=Level.B_B,
        support=SealingSupport(),
        clock=sm2_office.clock,
    )
    assert red_box(sealed.read(), 0) is not None


@pytest.fixture(scope="module")
def long_document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than 100 000 000 octets, so that offsets have nine digits and the byte range more than usual."""
    path = tmp_path_factory.mktemp("long") / "long.pdf"
    head, _xref, tail = blank_pdf(2).partition(b"xref\n")
    piece = os.urandom(1 << 20)
    with path.open("wb") as file:
        file.write(head)
        start = file.tell()
        file.write(b"99 0 obj\n<< /Length %d >>\nstream\n" % (100 * len(piece)))
        for _number in range(100):
            file.write(piece)
        file.write(b"\nendstream\nendobj\n")
        table = file.tell()
        tail = tail.replace(b"trailer", b"99 1\n%010d 00000 n \ntrailer" % start)
        tail = re.sub(rb"/Size \d+", b"/Size 100", tail).replace(b"/Root", b"/Long 99 0 R /Root")
        file.write(b"xref\n" + re.sub(rb"startxref\n\d+", b"startxref\n%d" % table, tail))
    return path


def test_a_long_document_does_not_lie_in_memory(sm2_office: Office, long_document: Path) -> None:
    tracemalloc.start()
    try:
        sealed = seal_pdf(
            long_document,
            sm2_office.seal,
            Straddling(),
            level=Level.B_T,
            support=sm2_office.support,
            clock=sm2_office.clock,
        )
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 << 20
    with sealed.file:
        size = long_document.stat().st_size
        assert sealed.file.seek(0, 2) > size > 100_000_000
        sealed.file.seek(size)
        added = sealed.file.read()
        numbers = [int(one) for one in re.findall(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)\]", added)[0]]
        assert numbers[0] == 0
        assert numbers[2] + numbers[3] == size + len(added)


VERSIONS = ("1.3", "1.4", "1.5", "1.6", "1.7", "2.0")
OBJECT_STREAMS_SINCE = "1.5"


@pytest.mark.parametrize(
    ("version", "packed"),
    [(version, False) for version in VERSIONS] + [(one, True) for one in VERSIONS if one >= OBJECT_STREAMS_SINCE],
)
def test_every_version(sm2_office: Office, version: str, packed: bool) -> None:
    output = BytesIO()
    mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable
    with pikepdf.open(BytesIO(blank_pdf(2))) as document:
        document.save(output, force_version=version, object_stream_mode=mode, linearize=packed)
    sealed = seal_pdf(
        output.getvalue(),
        sm2_office.seal,
        Straddling(),
        level=Level.B_B,
        support=SealingSupport(),
        clock=sm2_office.clock,
    ).read()
    assert sm2_office.report(sealed, status=True).verdict is Verdict.REMARKS
    with pikepdf.open(BytesIO(sealed), attempt_recovery=False) as document:
        assert document.check_pdf_syntax() == []
        assert not document.get_warnings()


def test_what_only_some_programs_can_read_is_called_damaged(sm2_office: Office) -> None:
    octets = blank_pdf(2)
    number = octets.rindex(b" 00000 n")
    misplaced = octets[: number - 10] + b"%010d" % (int(octets[number - 10 : number]) + 3) + octets[number:]
    with pytest.raises(YinxinError, match="the PDF is damaged") as caught:
        seal_it(sm2_office, misplaced, level=Level.B_LT)
    assert caught.value.kind is Kind.INVALID
