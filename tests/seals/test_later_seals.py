"""Several seals on a document: later ones keep earlier ones valid, and certification says what may follow."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from core.algorithms import KeyKind
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.forms import Permission
from seals.levels import Level
from seals.placement.pages import ALL_PAGES
from seals.placement.placement import AtKeyword, Place, Placement, Straddling, Which
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support import pdf
from tests.support.sealing import Office, blank_pdf

MANY: list[Place] = [Straddling(), Placement(ALL_PAGES, 60, 60), AtKeyword("Page", Which.ALL)]


@pytest.fixture(scope="module")
def other_office() -> Office:
    return Office(KeyKind.P256, FixedClock(datetime(2026, 11, 1, 2, 0, tzinfo=UTC)))


def sealed(
    office: Office, document: bytes, place: Place, level: Level = Level.B_B, certify: Permission | None = None
) -> bytes:
    support = office.support if level > Level.B_B else SealingSupport()
    made = seal_pdf(document, office.seal, place, level=level, support=support, clock=office.clock, certify=certify)
    return made.read()


def rules(office: Office, document: bytes) -> dict[str, tuple[Verdict, str]]:
    """Of each seal: verdict, and what came after it."""
    return {
        one.field: (one.verdict, one.changes.rule if one.changes else "")
        for one in office.report(document, status=True).signatures
        if one.kind == "seal"
    }


def test_a_joint_document_of_two_offices(sm2_office: Office, other_office: Office) -> None:
    """联合发文: each with its seal, then a straddle seal."""
    document = sealed(sm2_office, blank_pdf(2), Placement(2, 60, 60), Level.B_LT)
    document = sealed(other_office, document, Placement(2, 150, 60), Level.B_LT)
    document = sealed(other_office, document, Straddling(), Level.B_LTA)
    trust = Trust([sm2_office.root.certificate, other_office.root.certificate])
    report = verify_pdf(document, trust, sm2_office.clock)
    assert report.verdict is Verdict.VALID
    seals = [one for one in report.signatures if one.kind == "seal"]
    assert [one.field for one in seals] == ["Seal1", "Seal2", "Seal3"]


@pytest.mark.parametrize("place", MANY, ids=lambda place: type(place).__name__)
def test_marks_on_many_pages_keep_earlier_seals(sm2_office: Office, place: Place) -> None:
    once = sealed(sm2_office, blank_pdf(3), Placement(1, 150, 60))
    twice = sealed(sm2_office, once, place)
    assert rules(sm2_office, twice) == {
        "Seal1": (Verdict.REMARKS, "later-signatures"),
        "Seal2": (Verdict.REMARKS, "whole-file"),
    }


def add_stamp(writer: IncrementalPdfFileWriter) -> None:
    """What looks like a mark, but nobody signed."""
    page, _resources = writer.find_page_for_modification(1)  # type: ignore[no-untyped-call]
    box = generic.ArrayObject([pdf.number(value) for value in (100, 100, 300, 200)])
    stamp = pdf.dictionary(Type=pdf.name("Annot"), Subtype=pdf.name("Stamp"), Rect=box)
    writer.register_annotation(page, writer.add_object(stamp))  # type: ignore[no-untyped-call]


def move_mark(writer: IncrementalPdfFileWriter) -> None:
    """Move a mark of the seal to where it covers other text."""
    mark = mark_of(writer)
    mark[pdf.name("Rect")] = generic.ArrayObject([pdf.number(value) for value in (100, 100, 300, 200)])
    writer.update_container(mark)


def redraw_mark(writer: IncrementalPdfFileWriter) -> None:
    appearance = mark_of(writer)["/AP"].raw_get("/N")
    form = generic.StreamObject({pdf.name("Type"): pdf.name("XObject")}, stream_data=b"0 g 0 0 9 9 re f")
    appearance.get_object()
    writer.objects[(appearance.generation, appearance.idnum)] = form


def remove_mark(writer: IncrementalPdfFileWriter) -> None:
    page, _resources = writer.find_page_for_modification(1)  # type: ignore[no-untyped-call]
    page.get_object()[pdf.name("Annots")] = generic.ArrayObject()
    writer.mark_update(page)


def mark_of(writer: IncrementalPdfFileWriter) -> generic.DictionaryObject:
    page, _resources = writer.find_page_for_modification(1)  # type: ignore[no-untyped-call]
    annotations = page.get_object()["/Annots"]
    found = [one.get_object() for one in annotations if one.get_object()["/Subtype"] == "/Stamp"]
    mark: generic.DictionaryObject = found[0]
    return mark


@pytest.mark.parametrize("change", [add_stamp, move_mark, redraw_mark, remove_mark])
def test_marks_that_nobody_signed_are_changes(
    sm2_office: Office, change: Callable[[IncrementalPdfFileWriter], None]
) -> None:
    once = sealed(sm2_office, blank_pdf(3), Placement(1, 150, 60))
    twice = sealed(sm2_office, once, Straddling())
    changed = rules(sm2_office, pdf.updated(twice, change))
    assert [verdict for verdict, _rule in changed.values()] == [Verdict.INVALID, Verdict.INVALID]


def test_a_stamp_from_before_is_not_taken_into_a_later_seal(sm2_office: Office) -> None:
    """An attacker's stamp, then an honest seal: the first seal still notices."""
    once = sealed(sm2_office, blank_pdf(3), Placement(1, 150, 60))
    stamped = sealed(sm2_office, pdf.updated(once, add_stamp), Straddling())
    changed = rules(sm2_office, stamped)
    assert changed["Seal1"][0] is Verdict.INVALID
    assert changed["Seal2"][0] is Verdict.REMARKS


@pytest.mark.parametrize("permission", [Permission.FORMS, Permission.ANNOTATIONS])
def test_a_certified_document_takes_further_seals(sm2_office: Office, permission: Permission) -> None:
    certified = sealed(sm2_office, blank_pdf(3), Placement(1, 60, 60), certify=permission)
    twice = sealed(sm2_office, certified, Placement(2, 60, 60))
    assert rules(sm2_office, twice)["Seal1"] == (Verdict.REMARKS, "later-signatures")
    if permission is Permission.ANNOTATIONS:
        assert rules(sm2_office, sealed(sm2_office, twice, Straddling()))["Seal1"][1] == "later-signatures"
    else:
        with pytest.raises(YinxinError, match="one place only") as caught:
            sealed(sm2_office, twice, Straddling())
        assert caught.value.kind is Kind.FORBIDDEN


def test_a_certificate_that_permits_nothing(sm2_office: Office) -> None:
    """What proves it later may still be added (B-LTA); seals may not."""
    certified = sealed(sm2_office, blank_pdf(3), Straddling(), Level.B_LTA, Permission.NOTHING)
    assert rules(sm2_office, certified) == {"Seal1": (Verdict.VALID, "validation-material")}
    with pytest.raises(YinxinError, match="forbids every further change"):
        sealed(sm2_office, certified, Placement(1, 60, 60))


def test_only_the_first_signature_certifies(sm2_office: Office) -> None:
    once = sealed(sm2_office, blank_pdf(), Placement(1, 60, 60))
    with pytest.raises(YinxinError, match="only the first signature can certify") as caught:
        sealed(sm2_office, once, Placement(1, 150, 60), certify=Permission.FORMS)
    assert caught.value.kind is Kind.CONFLICT


def test_a_certified_document_that_is_changed_is_refused(sm2_office: Office) -> None:
    certified = sealed(sm2_office, blank_pdf(3), Placement(1, 60, 60), certify=Permission.FORMS)
    assert rules(sm2_office, pdf.updated(certified, pdf.add_annotation))["Seal1"][0] is Verdict.INVALID
    assert rules(sm2_office, pdf.updated(certified, pdf.add_text))["Seal1"][0] is Verdict.INVALID
