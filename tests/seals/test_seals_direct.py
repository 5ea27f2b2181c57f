"""The first signature of a document is written directly, and verified cheaply: as good as pyHanko's, and never less sure."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader

from core import cms
from core.algorithms import DIGESTS, KeyKind
from core.certificates import public_key_info
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from seals.documents import pdf_proof
from seals.documents.pdf import seal_pdf
from seals.ink import FULL_INK, Ink
from seals.levels import Level
from seals.pades import direct, writing
from seals.pades.writing import Made
from seals.pages import Pages
from seals.placement import Edge, Place, Placement, Straddling
from seals.report import Verdict
from seals.sealing import Seal
from tests.support.pdf import byte_range, contents, signed_octets
from tests.support.sealing import PLACE, Office, blank_pdf


@pytest.fixture(scope="module")
def office(sm2_office: Office) -> Office:
    """Of which a document was verified whole already."""
    for level in (Level.B_B, Level.B_T):
        sm2_office.sealed(blank_pdf(), level)
    return sm2_office


@pytest.fixture
def no_whole_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_of_anything: object) -> None:
        raise AssertionError("verified whole")

    monkeypatch.setattr(pdf_proof, "_require_as_anybody", never)


@pytest.fixture
def by_pyhanko() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def sealed(
    office: Office, document: bytes, place: Place = PLACE, ink: Ink = FULL_INK, seal: Seal | None = None
) -> bytes:
    return seal_pdf(
        document,
        seal or office.seal,
        place,
        level=Level.B_T,
        support=office.support,
        clock=office.clock,
        ink=ink,
        reason="印章",
        location="宝鸡",
    ).read()


def both(office: Office, document: bytes, place: Place, ink: Ink) -> tuple[bytes, bytes]:
    ours = sealed(office, document, place, ink)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "suffices", lambda *_: False)
        return ours, sealed(office, document, place, ink)


PLACES = st.one_of(
    st.builds(
        Placement,
        st.sampled_from([1, 2, 3, Pages("all"), Pages("1,3")]),
        st.floats(40, 150),
        st.floats(40, 250),
    ),
    st.builds(Straddling, st.sampled_from(Edge)),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=PLACES, opacity=st.sampled_from([1.0, 0.4]))
def test_both_ways_give_the_same_document(office: Office, tmp_path: Path, place: Place, opacity: float) -> None:
    document = blank_pdf(3)
    ours, theirs = both(office, document, place, Ink(opacity))
    for one in (ours, theirs):
        assert one.startswith(document)
        report = office.report(one, status=True)
        assert report.verdict is Verdict.VALID
        assert report.signatures[0].level is Level.B_T
    assert described(ours) == described(theirs)
    for page in range(3):
        assert pixels(ours, page) == pixels(theirs, page)
    file = tmp_path / "ours.pdf"
    file.write_bytes(ours)
    subprocess.run(["qpdf", "--check", file], check=True, capture_output=True, timeout=20)
    shown = subprocess.run(["pdfsig", file], check=False, capture_output=True, text=True, timeout=20).stdout
    assert "Total document signed" in shown


def described(document: bytes) -> dict[str, object]:
    """What readers see of the signature."""
    reader = PdfFileReader(BytesIO(document))
    field = reader.root["/AcroForm"]["/Fields"][0]
    value = field["/V"]
    described = {key: str(value[key]) for key in value if key not in ("/Contents", "/ByteRange", "/M", "/Prop_Build")}
    described |= {f"field {key}": str(field[key]) for key in field if key not in ("/V", "/AP", "/P")}
    described["moment"] = str(value["/M"])
    described["flags"] = reader.root["/AcroForm"]["/SigFlags"]
    described["extensions"] = str(reader.root["/Extensions"])
    described["program"] = str(value["/Prop_Build"]["/App"]["/Name"])
    pages = [kid.get_object() for kid in reader.root["/Pages"].raw_get("/Kids")]
    described["annotations"] = [[str(one["/Rect"]) for one in page.get("/Annots", ())] for page in pages]
    return described


def pixels(document: bytes, page: int) -> bytes:
    with pypdfium2.PdfDocument(document) as opened:
        image: bytes = opened[page].render(scale=0.5, may_draw_forms=True).to_pil().tobytes()
    return image


def test_a_document_with_a_form_is_left_to_pyhanko(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    once = sealed(office, blank_pdf())
    asked = []
    kept = writing._signature_by_pyhanko
    monkeypatch.setattr(writing, "_signature_by_pyhanko", lambda *order: asked.append(1) or kept(*order))
    twice = sealed(office, once)
    assert asked == [1]
    assert [one.field for one in office.report(twice, status=True).signatures] == ["Seal1", "Seal2"]
    sealed(office, blank_pdf())
    assert asked == [1]


@pytest.mark.usefixtures("no_whole_verification")
def test_what_stays_the_same_is_verified_once_in_an_hour(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    document = sealed(office, blank_pdf())
    assert office.report(document, status=True).verdict is Verdict.VALID
    last = {key: at - pdf_proof.HOLDS_FOR for key, at in pdf_proof._verified.items()}
    monkeypatch.setattr(pdf_proof, "_verified", last)
    with pytest.raises(AssertionError, match="verified whole"), pytest.MonkeyPatch.context():
        pdf_proof.require_level(*proof_of(office, document))


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_from_b_lt_on_every_document_is_verified_whole(
    office: Office, level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.sealed(blank_pdf(), level)
    counted = []
    kept = pdf_proof._require_as_anybody
    monkeypatch.setattr(pdf_proof, "_require_as_anybody", lambda *what: counted.append(1) or kept(*what))
    office.sealed(blank_pdf(), level)
    assert counted == [1]


def proof_of(office: Office, document: bytes) -> tuple[object, ...]:
    raise NotImplementedError
