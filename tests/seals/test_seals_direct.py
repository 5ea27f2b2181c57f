"""The first signature of a document, written directly and verified cheaply: as good as pyHanko's, and as sure."""

import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pypdfium2
import pytest
from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader

from core.clock import Clock
from core.errors import Kind, YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from seals.contracts import Evidence
from seals.documents import pdf_proof, proven
from seals.documents.pdf import seal_pdf
from seals.documents.pdf_made import Work
from seals.levels import Level
from seals.pades import direct, writing
from seals.pades.writing import Made
from seals.pictures.ink import FULL_INK, Ink
from seals.placement.pages import Pages
from seals.placement.placement import Edge, Place, Placement, Straddling
from seals.sealing import Seal
from seals.verification.report import Verdict
from tests.support.pdf import contents, signed_octets
from tests.support.sealing import PLACE, Office, blank_pdf


@pytest.fixture(scope="module")
def office(sm2_office: Office) -> Office:
    """Of which a document was verified whole already."""
    for level in (Level.B_B, Level.B_T):
        sm2_office.sealed(blank_pdf(), level)
    return sm2_office


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[Level]:
    """The levels of the documents that are verified as anybody would."""
    levels: list[Level] = []
    kept = pdf_proof._require_as_anybody

    def noted(work: Work, seal: Seal, level: Level, evidence: Evidence, clock: Clock) -> None:
        levels.append(level)
        kept(work, seal, level, evidence, clock)

    monkeypatch.setattr(pdf_proof, "_require_as_anybody", noted)
    return levels


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


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    described: dict[str, object] = {
        key: str(value[key]) for key in value if key not in ("/Contents", "/ByteRange", "/M", "/Prop_Build")
    }
    described |= {f"field {key}": str(field[key]) for key in field if key not in ("/V", "/AP", "/P")}
    described["moment"] = str(value["/M"])
    described["flags"] = reader.root["/AcroForm"]["/SigFlags"]
    described["extensions"] = str(reader.root["/Extensions"])
    described["program"] = str(value["/Prop_Build"]["/App"]["/Name"])
    pages = [kid.get_object() for kid in reader.root["/Pages"].raw_get("/Kids")]
    described["annotations"] = [[str(one.get_object()["/Rect"]) for one in page.get("/Annots", ())] for page in pages]
    return described


def pixels(document: bytes, page: int) -> bytes:
    with pypdfium2.PdfDocument(document) as opened:
        image: bytes = opened[page].render(scale=0.5, may_draw_forms=True).to_pil().tobytes()
    return image


def test_a_document_with_a_form_is_left_to_pyhanko(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    kept = writing._signature_by_pyhanko

    def noted(writer: Any, order: Any, *others: Any) -> Any:
        asked.append(order.field)
        return kept(writer, order, *others)

    monkeypatch.setattr(writing, "_signature_by_pyhanko", noted)
    once = sealed(office, blank_pdf())
    assert asked == []
    twice = sealed(office, once)
    assert asked == ["Seal2"]
    report = office.report(twice, status=True)
    assert [one.field for one in report.signatures] == ["Seal1", "Seal2"]
    assert report.verdict is Verdict.VALID


def test_what_stays_the_same_is_verified_once_in_an_hour(
    office: Office, whole: list[Level], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = sealed(office, blank_pdf())
    assert not whole
    assert office.report(document, status=True).verdict is Verdict.VALID
    long_ago = {key: times._replace(end=times.end - 2 * proven.HOLDS_FOR) for key, times in proven._proven.items()}
    monkeypatch.setattr(proven, "_proven", long_ago)
    sealed(office, blank_pdf())
    sealed(office, blank_pdf())
    assert whole == [Level.B_T]


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_from_b_lt_on_every_document_is_verified_whole(office: Office, whole: list[Level], level: Level) -> None:
    office.sealed(blank_pdf(), level)
    office.sealed(blank_pdf(), level)
    assert whole == [level, level]


def octet(place: Callable[[Made], int]) -> Callable[[BinaryIO, Made], None]:
    def damage(document: BinaryIO, made: Made) -> None:
        position = place(made)
        document.seek(position)
        old = document.read(1)
        document.seek(position)
        document.write(b"1" if old == b"0" else b"0")

    return damage


def another_end(document: BinaryIO, _made: Made) -> None:
    document.seek(0, 2)
    document.write(b"% more\n")


@pytest.mark.parametrize(
    "damage",
    [
        octet(lambda _made: 700),
        octet(lambda made: made.start - 30),
        octet(lambda made: made.start + 400),
        octet(lambda made: made.stop - 3),
        octet(lambda made: made.stop + 5),
        another_end,
    ],
    ids=["original", "increment", "signature", "padding", "after", "appended"],
)
def test_a_document_that_was_spoilt_does_not_pass(
    office: Office, damage: Callable[[BinaryIO, Made], None], whole: list[Level], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = writing.sign

    def spoilt(document: BinaryIO, *others: Any) -> Made:
        made = kept(document, *others)
        damage(document, made)
        return made

    monkeypatch.setattr(writing, "sign", spoilt)
    with suppress(YinxinError):
        sealed(office, blank_pdf())
    assert whole == [Level.B_T], "the cheap verification let it pass"


def test_a_signature_by_another_key_is_not_handed_out(office: Office, whole: list[Level]) -> None:
    class Astray:
        """A device that signs with another key than it says."""

        algorithm = office.unit.key.algorithm
        public_key_info = office.unit.key.public_key_info

        def sign(self, data: bytes) -> bytes:
            return office.issuing.key.sign(data)

    with pytest.raises(YinxinError, match="not good") as caught:
        sealed(office, blank_pdf(), seal=replace(office.seal, signer=Astray()))
    assert caught.value.kind is Kind.UNAVAILABLE
    assert not whole


@pytest.mark.parametrize("kind", ["sm2", "rsa"])
def test_another_implementation_finds_the_signature_good(kind: str, request: pytest.FixtureRequest) -> None:
    office: Office = request.getfixturevalue(f"{kind}_office")
    document = sealed(office, blank_pdf())
    info = asn1_cms.ContentInfo.load(contents(document))["content"]["signer_infos"][0]
    attributes = {one["type"].native: one["values"][0] for one in info["signed_attrs"]}
    digest = office.unit.key.algorithm.digest
    assert attributes["message_digest"].native == digest.of(signed_octets(document))
    signed = b"\x31" + info["signed_attrs"].dump()[1:]
    signature = info["signature"].native
    if kind == "sm2":
        point = curve.point_of(office.unit.key.public_key_info)
        assert point is not None
        assert GmsslEngine().verify(point, signature, signed)
    else:
        key = serialization.load_der_public_key(office.unit.key.public_key_info)
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
