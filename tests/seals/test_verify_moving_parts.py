"""Documents that can look other without a change, and signatures that stand in no field: told, whoever signed them."""

from collections.abc import Callable
from io import BytesIO

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from seals.levels import Level
from seals.pades.moving_parts import MovingPart, moving_parts
from seals.verification.report import Report, Verdict
from tests.support import forged, pdf
from tests.support.sealing import Office

Change = Callable[[IncrementalPdfFileWriter], None]


def action(kind: str, **entries: generic.PdfObject) -> generic.DictionaryObject:
    return pdf.dictionary(S=pdf.name(kind), **entries)


def layered(**configuration: generic.PdfObject) -> Change:
    """A layer that the configuration shows or hides; it is not to be printed, where the configuration asks."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        usage = pdf.dictionary(
            View=pdf.dictionary(ViewState=pdf.name("ON")), Print=pdf.dictionary(PrintState=pdf.name("OFF"))
        )
        group = writer.add_object(pdf.dictionary(Type=pdf.name("OCG"), Name=generic.pdf_string("Layer"), Usage=usage))
        entries = {
            key: generic.ArrayObject([group]) if value is generic.NullObject() or key == "OFF" else value
            for key, value in configuration.items()
        }
        forged.set_in_catalog(
            OCProperties=pdf.dictionary(OCGs=generic.ArrayObject([group]), D=pdf.dictionary(**entries))
        )(writer)

    return change


def external(writer: IncrementalPdfFileWriter) -> None:
    """A picture whose octets lie in another file."""
    stream = forged.form_stream(b"")
    stream[pdf.name("F")] = generic.pdf_string("//server/picture.bin")
    names = pdf.dictionary(Picture=writer.add_object(stream))
    pdf.set_on_page(0, Resources=pdf.dictionary(XObject=names))(writer)


NOTHING: tuple[MovingPart, ...] = ()
DOCUMENTS: dict[str, tuple[Change, tuple[MovingPart, ...]]] = {
    "a script when it is opened": (forged.set_in_catalog(OpenAction=forged.script()), (MovingPart.SCRIPT,)),
    "a script after a harmless action": (
        forged.set_in_catalog(OpenAction=action("GoTo", Next=generic.ArrayObject([forged.script()]))),
        (MovingPart.SCRIPT,),
    ),
    "a place to begin at": (forged.set_in_catalog(OpenAction=generic.ArrayObject()), NOTHING),
    "a program that is started": (forged.set_in_catalog(OpenAction=action("Launch")), (MovingPart.ACTION,)),
    "a form that is sent when it is opened": (
        forged.set_in_catalog(OpenAction=action("SubmitForm")),
        (MovingPart.ACTION,),
    ),
    "a script before it is printed": (
        forged.set_in_catalog(AA=pdf.dictionary(WP=forged.script())),
        (MovingPart.SCRIPT,),
    ),
    "something when a page is opened": (
        pdf.set_on_page(1, AA=pdf.dictionary(O=action("Hide"))),
        (MovingPart.ACTION,),
    ),
    "a link": (forged.annotate("Link", A=action("URI", URI=generic.pdf_string("http://test/"))), NOTHING),
    "a button with a script": (forged.annotate("Link", A=forged.script()), (MovingPart.SCRIPT,)),
    "a button that shows layers": (forged.annotate("Link", A=action("SetOCGState")), (MovingPart.ACTION,)),
    "a film": (forged.annotate("RichMedia"), (MovingPart.MEDIA,)),
    "layers that are all seen": (layered(), NOTHING),
    "a hidden layer": (layered(OFF=generic.NullObject()), (MovingPart.LAYERS,)),
    "layers seen and not printed": (layered(AS=generic.ArrayObject()), (MovingPart.LAYERS,)),
    "a picture from elsewhere": (external, (MovingPart.EXTERNAL,)),
    "an XFA form": (
        forged.set_in_catalog(AcroForm=pdf.dictionary(Fields=generic.ArrayObject(), XFA=generic.ArrayObject())),
        (MovingPart.XFA,),
    ),
    "actions without end": (forged.set_in_catalog(OpenAction=generic.ArrayObject([generic.ArrayObject()])), NOTHING),
}


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.all_findings()}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_moves_is_a_remark(sm2_office: Office, plain: bytes, name: str) -> None:
    change, expected = DOCUMENTS[name]
    report = sm2_office.report(sm2_office.sealed(pdf.updated(plain, change), Level.B_T), status=True)
    assert report.verdict is (Verdict.REMARKS if expected else Verdict.VALID), codes(report)
    assert codes(report) == ({"moving-parts"} if expected else set())
    assert report.signatures[0].verdict is Verdict.VALID, "the seal itself is good"


def test_form_fields_that_are_drawn_anew(sm2_office: Office, plain: bytes) -> None:
    form = forged.form_document(plain)

    def asking(writer: IncrementalPdfFileWriter) -> None:
        writer.root["/AcroForm"][pdf.name("NeedAppearances")] = generic.BooleanObject(True)  # type: ignore[no-untyped-call]
        writer.update_container(writer.root["/AcroForm"])

    empty = pdf.updated(form, asking)
    filled = pdf.updated(empty, forged.fill("amount", "100"))
    assert moving_parts(BytesIO(empty)) == []
    assert moving_parts(BytesIO(filled)) == [MovingPart.FORM]


def test_what_cannot_be_looked_into_is_told() -> None:
    assert moving_parts(BytesIO(b"%PDF-1.7\nnothing")) == [MovingPart.UNREAD]


def test_a_signature_in_no_field_is_told(sm2_office: Office, sealed_at: Callable[[Level], bytes]) -> None:
    """One seal more is in the file than its form shows."""
    twice = sm2_office.sealed(sealed_at(Level.B_T), Level.B_T)

    def leave_one(writer: IncrementalPdfFileWriter) -> None:
        form = writer.root["/AcroForm"]
        form[pdf.name("Fields")] = generic.ArrayObject([form["/Fields"].raw_get(0)])
        writer.update_container(form)

    report = sm2_office.report(pdf.updated(twice, leave_one), status=True)
    assert report.verdict is Verdict.INVALID
    assert "stray-signature" in codes(report)
    bare = pdf.updated(sealed_at(Level.B_T), pdf.remove_signatures)
    assert codes(sm2_office.report(bare)) == {"no-signature", "stray-signature"}


def test_a_stray_signature_that_was_there_before_the_seal(sm2_office: Office, plain: bytes) -> None:
    def unheard_of(writer: IncrementalPdfFileWriter) -> None:
        entries: dict[str, generic.PdfObject] = {
            "ByteRange": forged.box(0, 1, 2, 3),
            "Contents": generic.ByteStringObject(b"\x30\x00"),
        }
        writer.add_object(pdf.dictionary(Type=pdf.name("Sig"), **entries))

    report = sm2_office.report(sm2_office.sealed(pdf.updated(plain, unheard_of), Level.B_T), status=True)
    assert (report.verdict, codes(report)) == (Verdict.INDETERMINATE, {"stray-signature"})


def test_rights_for_one_vendors_reader_are_no_stray_signature(sm2_office: Office, plain: bytes) -> None:
    def extended(writer: IncrementalPdfFileWriter) -> None:
        entries: dict[str, generic.PdfObject] = {
            "ByteRange": forged.box(0, 1, 2, 3),
            "Contents": generic.ByteStringObject(b"\x30\x00"),
        }
        rights = writer.add_object(pdf.dictionary(Type=pdf.name("Sig"), **entries))
        forged.set_in_catalog(Perms=pdf.dictionary(UR3=rights))(writer)

    report = sm2_office.report(sm2_office.sealed(pdf.updated(plain, extended), Level.B_T), status=True)
    assert (report.verdict, codes(report)) == (Verdict.REMARKS, {"usage-rights"})


def test_text_that_looks_like_a_signature_is_none(sm2_office: Office, plain: bytes) -> None:
    stream = generic.StreamObject(stream_data=b"BT (/ByteRange [0 1 2 3] /Contents <00>) Tj ET")

    def write(writer: IncrementalPdfFileWriter) -> None:
        writer.add_stream_to_page(0, writer.add_object(stream))  # type: ignore[no-untyped-call]

    report = sm2_office.report(sm2_office.sealed(pdf.updated(plain, write), Level.B_T), status=True)
    assert report.verdict is Verdict.VALID, codes(report)
