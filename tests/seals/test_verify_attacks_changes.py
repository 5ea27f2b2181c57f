"""Attacks that add to a sealed document: none leaves it valid, and the report tells what was changed, and where."""

from collections.abc import Callable

import pytest
from pyhanko.pdf_utils import generic

from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.forms import Permission
from seals.levels import Level
from seals.placement.placement import Placement
from seals.verification.report import Report, SignatureReport, Verdict
from tests.support import forged, pdf
from tests.support.sealing import Office, blank_pdf


def sealed_form(office: Office, certify: Permission | None = None) -> bytes:
    return seal_pdf(
        forged.form_document(blank_pdf(2)),
        office.seal,
        Placement(1, 60, 60),
        level=Level.B_B,
        support=SealingSupport(),
        clock=office.clock,
        certify=certify,
    ).read()


@pytest.fixture(scope="module")
def sealed(sm2_office: Office) -> bytes:
    return sealed_form(sm2_office)


def the_seal(report: Report) -> SignatureReport:
    return next(one for one in report.signatures if one.field == "Seal1")


def told(report: Report) -> set[tuple[str, int | None]]:
    """What is not permitted, and on which page."""
    changes = the_seal(report).changes
    assert changes is not None
    return {(item.what, item.page) for item in changes.items if not item.permitted}


def scripted() -> generic.DictionaryObject:
    names = generic.ArrayObject([generic.pdf_string("a"), forged.script()])
    return pdf.dictionary(JavaScript=pdf.dictionary(Names=names))


ATTACKS: dict[str, tuple[forged.Change, tuple[str, int | None]]] = {
    "incremental saving: text over text": (pdf.add_text, ("page-content", 1)),
    "incremental saving: the text itself": (forged.replace_content, ("page-content", 1)),
    "shadow attack, hide: what lay on top is taken away": (forged.hide_content, ("annotation-removed", 1)),
    "shadow attack, replace: another font for the same codes": (forged.swap_font, ("font", 1)),
    "shadow attack, replace: a form field shows what it does not hold": (
        forged.fill("amount", "", shown=b"1000000"),
        ("annotation-changed", 1),
    ),
    "shadow attack, replace: a form field is moved over the text": (
        forged.set_on_field("amount", Rect=forged.box(60, 680, 400, 730)),
        ("annotation-changed", 1),
    ),
    "shadow attack, hide-and-replace: another page tree": (forged.swap_pages, ("page-replaced", 1)),
    "a page more": (forged.insert_page, ("pages-added", None)),
    "a page turned": (pdf.set_on_page(1, Rotate=forged.integer(90)), ("page-geometry", 2)),
    "a page cut": (pdf.set_on_page(1, CropBox=forged.box(0, 0, 300, 300)), ("page-geometry", 2)),
    "FreeText over text and seal": (forged.annotate("FreeText"), ("annotation-added", 1)),
    "a stamp over text and seal": (forged.annotate("Stamp"), ("annotation-added", 1)),
    "a white square over the text": (forged.annotate("Square", IC=forged.box(1, 1, 1)), ("annotation-added", 1)),
    "a redaction": (forged.annotate("Redact"), ("annotation-added", 1)),
    "a highlight": (forged.annotate("Highlight"), ("annotation-added", 1)),
    "an attached film": (forged.annotate("RichMedia"), ("annotation-added", 1)),
    "an empty signature field that looks like text": (pdf.add_empty_signature_field, ("signature-field", 1)),
    "the seal's look": (forged.redraw_seal, ("annotation-changed", 1)),
    "the seal's place": (forged.move_seal, ("annotation-changed", 1)),
    "JavaScript that runs when it is opened": (
        forged.set_in_catalog(OpenAction=forged.script()),
        ("action", None),
    ),
    "JavaScript by name": (forged.set_in_catalog(Names=scripted()), ("action", None)),
    "an action of the catalog": (forged.set_in_catalog(AA=pdf.dictionary(WC=forged.script())), ("action", None)),
    "an action of a page": (pdf.set_on_page(0, AA=pdf.dictionary(O=forged.script())), ("action", 1)),
    "layers": (
        forged.set_in_catalog(OCProperties=pdf.dictionary(D=pdf.dictionary(BaseState=pdf.name("OFF")))),
        ("layers", None),
    ),
    "pages with other labels": (
        forged.set_in_catalog(PageLabels=pdf.dictionary(Nums=generic.ArrayObject())),
        ("catalog", None),
    ),
    "the signature taken out of the form": (
        forged.set_in_catalog(AcroForm=pdf.dictionary(Fields=generic.ArrayObject())),
        ("", None),
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_added_to_a_sealed_document_is_found(sm2_office: Office, sealed: bytes, name: str) -> None:
    change, expected = ATTACKS[name]
    report = sm2_office.report(pdf.updated(sealed, change), status=True)
    assert report.verdict is Verdict.INVALID
    if not report.signatures:
        # A picture without its signature: nothing is sealed.
        assert {one.code for one in report.findings} == {"no-signature", "stray-signature"}
        return
    assert "changed-after-sealing" in {one.code for one in the_seal(report).findings}
    assert the_seal(report).intact
    if expected[0] != "signature-field":
        assert expected in told(report)
        changes = the_seal(report).changes
        assert changes is not None
        assert {item.revision for item in changes.items} == {report.revisions}


@pytest.mark.parametrize("permission", [None, *Permission])
@pytest.mark.parametrize("subtype", ["FreeText", "Stamp", "Highlight", "Text"])
def test_evil_annotations(sm2_office: Office, subtype: str, permission: Permission | None) -> None:
    """EAA: what a certification lets be annotated can hide anything, so that it is never taken for valid."""
    certified = sealed_form(sm2_office, permission)
    report = sm2_office.report(pdf.updated(certified, forged.annotate(subtype)), status=True)
    assert report.verdict is Verdict.INVALID


def second_seal(office: Office, document: bytes, width_mm: int) -> bytes:
    from dataclasses import replace

    seal = replace(office.seal, width_mm=width_mm, structure=None)
    return seal_pdf(
        document, seal, Placement(1, 105, 150), level=Level.B_B, support=SealingSupport(), clock=office.clock
    ).read()


@pytest.mark.parametrize(("width", "covers"), [(42, False), (90, True)])
def test_sneaky_signatures(sm2_office: Office, width: int, covers: bool) -> None:
    """SSA: a signature of somebody trusted, whose look covers the page."""
    certified = sealed_form(sm2_office, Permission.FORMS)
    report = sm2_office.report(second_seal(sm2_office, certified, width), status=True)
    assert ("covered-later" in {one.code for one in the_seal(report).findings}) is covers


def test_a_sneaky_signature_of_a_stranger(sm2_office: Office, rsa_office: Office) -> None:
    certified = sealed_form(sm2_office, Permission.FORMS)
    report = sm2_office.report(second_seal(rsa_office, certified, 42), status=True)
    assert report.verdict is Verdict.INDETERMINATE
    assert [one.verdict for one in report.signatures] == [Verdict.REMARKS, Verdict.INDETERMINATE]


WITHOUT_A_SIGN: dict[str, Callable[[bytes], bytes]] = {
    "octets after the end": lambda document: document + b"more",
    "a copy of the whole after the end": lambda document: document + document,
    "an object that no cross-reference lists": forged.without_listing,
    "an object made free": forged.free_object,
    "another place for an object": forged.redirected,
    "cross-references that lead back to themselves": forged.with_loop,
    "the signature dictionary copied and changed": lambda document: pdf.updated(document, forged.point_elsewhere),
    "the signature wrapped": forged.wrapped,
    "written anew as a whole": forged.rewritten,
}


@pytest.mark.parametrize("name", WITHOUT_A_SIGN)
def test_tricks_with_the_file(sm2_office: Office, sealed: bytes, name: str) -> None:
    report = sm2_office.report(WITHOUT_A_SIGN[name](sealed), status=True)
    assert report.verdict is Verdict.INVALID


# What is no attack


def test_a_form_may_be_filled_in(sm2_office: Office, sealed: bytes) -> None:
    report = sm2_office.report(pdf.updated(sealed, forged.fill("amount", "1000")), status=True)
    assert report.verdict is Verdict.REMARKS
    changes = the_seal(report).changes
    assert changes is not None
    assert [(item.what, item.page, item.revision, item.permitted) for item in changes.items] == [
        ("form-field", 1, 4, True)
    ]
    assert "amount" in changes.text


def test_a_form_that_is_certified_against_filling(sm2_office: Office) -> None:
    certified = sealed_form(sm2_office, Permission.NOTHING)
    report = sm2_office.report(pdf.updated(certified, forged.fill("amount", "1000")), status=True)
    assert report.verdict is Verdict.INVALID
    changes = the_seal(report).changes
    assert changes is not None
    assert changes.rule == "permissions"


def test_nothing_but_an_empty_revision(sm2_office: Office, sealed: bytes) -> None:
    report = sm2_office.report(pdf.updated(sealed, lambda _writer: None), status=True)
    assert report.verdict is Verdict.REMARKS
