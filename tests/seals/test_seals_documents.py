"""Documents of every sort: what can be sealed is sealed in the right place, what cannot is refused in one line."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

from core.errors import Kind, YinxinError
from seals.contracts import SealingSupport
from seals.documents import Document
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.placement.placement import POINTS_PER_MM, PageGeometry, Placement
from seals.verification.report import Verdict
from tests.support import pdf
from tests.support.sealing import PLACE, Office, blank_pdf

RED = (230, 0, 18)


def seal_at(office: Office, document: Document, place: Placement, field: str | None = None) -> bytes:
    return seal_pdf(
        document,
        office.seal,
        place,
        level=Level.B_B,
        support=SealingSupport(),
        clock=office.clock,
        field=field,
    ).read()


def encrypted(document: bytes) -> bytes:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(document)))
    writer.encrypt("owner", "user")  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda _document: b"", "not a PDF"),
        (lambda _document: b"PK\x03\x04 a spreadsheet", "not a PDF"),
        (lambda document: b"\n" + document, "not a PDF"),
        (lambda document: document[: len(document) // 2], "damaged"),
        (lambda document: document.replace(b"startxref", b"startxrex"), "damaged"),
        (lambda document: document.replace(b"/Root", b"/Boot"), "PDF"),
        (encrypted, "encrypted"),
    ],
)
def test_what_cannot_be_sealed_is_refused_in_one_line(
    sm2_office: Office, plain: bytes, spoil: Callable[[bytes], bytes], words: str
) -> None:
    spoiled = spoil(plain)
    with pytest.raises(YinxinError, match=words) as caught:
        seal_at(sm2_office, spoiled, PLACE)
    assert "\n" not in str(caught.value)
    assert caught.value.kind in (Kind.INVALID, Kind.UNSUPPORTED)
    report = sm2_office.report(spoiled)
    assert report.verdict > Verdict.REMARKS
    assert len(report.findings) == 1


def test_hybrid_cross_references_are_refused(sm2_office: Office, plain: bytes) -> None:
    hybrid = plain.replace(b"trailer\n<<\n", b"trailer\n<<\n/XRefStm 9\n")
    with pytest.raises(YinxinError) as caught:
        seal_at(sm2_office, hybrid, PLACE)
    assert caught.value.kind in (Kind.INVALID, Kind.UNSUPPORTED)


@pytest.mark.parametrize("page", [0, -1, 3, 1000])
def test_a_page_that_is_not_there(sm2_office: Office, plain: bytes, page: int) -> None:
    with pytest.raises(YinxinError, match=f"no page {page}: the document has 2"):
        seal_at(sm2_office, plain, Placement(page, 100, 100))


@pytest.mark.parametrize(
    ("x", "y"), [(20.9, 100), (100, 20.9), (189.1, 100), (100, 276.1), (-50, 50), (float("nan"), 9)]
)
def test_a_place_off_the_page(sm2_office: Office, plain: bytes, x: float, y: float) -> None:
    with pytest.raises(YinxinError, match="not wholly on the page"):
        seal_at(sm2_office, plain, Placement(1, x, y))


def test_a_place_at_the_very_edge(sm2_office: Office, plain: bytes) -> None:
    seal_at(sm2_office, plain, Placement(1, 21, 21))
    seal_at(sm2_office, plain, Placement(2, 189, 276))


def rendered(document: bytes, page: int) -> Image.Image:
    """The page as people see it, seal included; two pixels to the point."""
    opened = pypdfium2.PdfDocument(document)
    opened.init_forms()
    image: Image.Image = opened[page].render(scale=2, may_draw_forms=True).to_pil().convert("RGB")
    return image


def red_box(document: bytes, page: int) -> tuple[float, float, float, float]:
    """Where the seal is seen on the page: left, bottom, right, top in mm."""
    image = rendered(document, page)
    red, green, _blue = image.split()
    box = ImageChops.subtract(red, green).point(lambda difference: 255 if difference > 80 else 0).getbbox()
    assert box is not None
    left, top, right, bottom = box
    scale = 2 * POINTS_PER_MM
    return left / scale, (image.height - bottom) / scale, right / scale, (image.height - top) / scale


CROP = generic.ArrayObject([pdf.number(value) for value in (50, 100, 500, 800)])


@pytest.mark.parametrize("rotate", [0, 90, 180, 270, -90, 450])
@pytest.mark.parametrize("crop", [False, True])
def test_the_seal_is_seen_where_it_was_put(sm2_office: Office, plain: bytes, rotate: int, crop: bool) -> None:
    entries: dict[str, generic.PdfObject] = {"Rotate": generic.NumberObject(rotate)}  # type: ignore[no-untyped-call]
    if crop:
        entries["CropBox"] = CROP
    document = pdf.updated(plain, pdf.set_on_page(1, **entries))
    left, bottom, right, top = red_box(seal_at(sm2_office, document, Placement(2, 60, 50)), 1)
    assert (left, right) == pytest.approx((39, 81), abs=0.5)
    assert (bottom, top) == pytest.approx((29, 71), abs=0.5)


def test_user_units_are_honoured(sm2_office: Office, plain: bytes) -> None:
    document = pdf.updated(plain, pdf.set_on_page(0, UserUnit=pdf.number(2)))
    sealed = seal_at(sm2_office, document, Placement(1, 60, 50))
    field = PdfFileReader(BytesIO(sealed)).root["/AcroForm"]["/Fields"][0]
    rectangle = [float(number) for number in field["/Rect"]]
    assert rectangle == pytest.approx([mm * POINTS_PER_MM / 2 for mm in (39, 29, 81, 71)], abs=0.01)


@given(
    turns=st.integers(0, 3),
    x=st.floats(25, 180),
    y=st.floats(25, 180),
    unit=st.sampled_from([1.0, 1.5, 10.0]),
)
def test_boxes_keep_size_and_stay_on_the_page(turns: int, x: float, y: float, unit: float) -> None:
    visible = (10.0, 20.0, 10 + 210 * POINTS_PER_MM / unit, 20 + 210 * POINTS_PER_MM / unit)
    geometry = PageGeometry(visible, turns, unit)
    left, bottom, right, top = geometry.box(x, y, 40, 20)
    size = (right - left) / geometry.points_per_mm, (top - bottom) / geometry.points_per_mm
    assert size == pytest.approx((40, 20) if turns % 2 == 0 else (20, 40))
    assert visible[0] <= left < right <= visible[2] + 1e-6
    assert visible[1] <= bottom < top <= visible[3] + 1e-6


def test_text_shows_through_the_seal(sm2_office: Office) -> None:
    text = blank_pdf()
    before = rendered(text, 0).convert("L")
    left, top, right, bottom = ImageChops.invert(before).getbbox() or (0, 0, 0, 0)
    middle = (left + right) / 2, before.height - (top + bottom) / 2
    place = Placement(1, middle[0] / 2 / POINTS_PER_MM, middle[1] / 2 / POINTS_PER_MM)
    sealed = seal_at(sm2_office, text, place)
    after = rendered(sealed, 0).convert("L")
    # Multiplied onto the page, the seal makes nothing lighter.
    area = (left, top, right, bottom)
    lighter = ImageChops.subtract(after.crop(area), before.crop(area)).histogram()
    assert sum(lighter[3:]) == 0
    assert sum(before.crop(area).histogram()[:40]) > 0
    seal_left, _bottom, seal_right, _top = red_box(sealed, 0)
    assert seal_left < left / 2 / POINTS_PER_MM < right / 2 / POINTS_PER_MM < seal_right + 1


def test_many_pages(sm2_office: Office) -> None:
    sealed = seal_at(sm2_office, blank_pdf(30), Placement(30, 100, 100))
    assert sm2_office.report(sealed, status=True).verdict is Verdict.REMARKS
    assert red_box(sealed, 29)[0] == pytest.approx(79, abs=0.5)


def test_documents_come_as_octets_files_and_paths(sm2_office: Office, plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "document.pdf"
    path.write_bytes(plain)
    with path.open("rb") as file:
        for document in (plain, path, file):
            sealed = seal_at(sm2_office, document, PLACE)
            assert sealed.startswith(plain)
    with pytest.raises(YinxinError, match="no such file"):
        seal_at(sm2_office, tmp_path / "none.pdf", PLACE)


def test_a_field_name_is_used_once(sm2_office: Office, plain: bytes) -> None:
    once = seal_at(sm2_office, plain, PLACE, "Office")
    with pytest.raises(YinxinError, match="has a signature field of this name already"):
        seal_at(sm2_office, once, PLACE, "Office")


def test_a_document_that_forbids_changes_is_not_sealed(sm2_office: Office, plain: bytes) -> None:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    from seals.pades.signer import CmsSigner

    metadata = PdfSignatureMetadata("Author", md_algorithm="sm3", certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    signer = CmsSigner(sm2_office.unit.key, sm2_office.unit.certificate, sm2_office.unit.chain)
    output = PdfSigner(metadata, signer).sign_pdf(IncrementalPdfFileWriter(BytesIO(plain)))
    with pytest.raises(YinxinError, match="forbids every further change") as caught:
        seal_at(sm2_office, output.getvalue(), PLACE)
    assert caught.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picture": b"GIF89a"}, "not a PNG"),
        ({"picture": b""}, "not a PNG"),
        ({"width_mm": 1000}, "not wholly on the page"),
    ],
)
def test_a_seal_that_cannot_be_drawn(sm2_office: Office, plain: bytes, change: dict[str, object], words: str) -> None:
    seal = replace(sm2_office.seal, **change)  # type: ignore[arg-type]
    with pytest.raises(YinxinError, match=words):
        seal_pdf(plain, seal, PLACE, level=Level.B_B, support=SealingSupport(), clock=sm2_office.clock)


def test_a_key_that_is_not_the_certificates(sm2_office: Office, rsa_office: Office, plain: bytes) -> None:
    seal = replace(sm2_office.seal, signer=rsa_office.unit.key)
    with pytest.raises(YinxinError, match="does not belong to its certificate"):
        seal_pdf(plain, seal, PLACE, level=Level.B_B, support=SealingSupport(), clock=sm2_office.clock)


def test_a_certificate_that_is_not_for_signing(sm2_office: Office, plain: bytes) -> None:
    issuing = sm2_office.issuing
    seal = replace(sm2_office.seal, signer=issuing.key, certificate=issuing.certificate, chain=issuing.chain)
    with pytest.raises(YinxinError, match="not for signing"):
        seal_pdf(plain, seal, PLACE, level=Level.B_B, support=SealingSupport(), clock=sm2_office.clock)


@pytest.mark.skipif(shutil.which("qpdf") is None, reason="qpdf is not installed (Debian: qpdf)")
def test_qpdf_makes_and_checks(sm2_office: Office, plain: bytes, sealed_sm2: bytes, tmp_path: Path) -> None:
    """Object streams and linearisation by another program; and its opinion of what we write."""

    def qpdf(*arguments: str | Path) -> str:
        done = subprocess.run(["qpdf", *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    source, made, result = tmp_path / "a.pdf", tmp_path / "b.pdf", tmp_path / "c.pdf"
    source.write_bytes(plain)
    for options in (["--object-streams=generate"], ["--linearize"], ["--force-version=1.3"]):
        qpdf(*options, source, made)
        sealed = sm2_office.sealed(made.read_bytes())
        result.write_bytes(sealed)
        assert "No syntax or stream encoding errors found" in qpdf("--check", result)
        assert sm2_office.report(sealed).verdict is Verdict.VALID
