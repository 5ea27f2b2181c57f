"""Reports as files: JSON by its schema, HTML that needs nothing else, PDF under the seal of the house, ETSI XML."""

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import click
import jsonschema
import pypdfium2
import pytest
from lxml import etree, html
from PIL import Image
from pyhanko.generated.etsi import ts_11910202
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.serializers import XmlSerializer

from core.certificates import armour
from core.cli import run
from core.i18n import speaking
from seals.contracts import PEOPLE, SUPPORT
from seals.verification.cli import verify
from seals.verification.etsi_report import REPORT, UNNAMED, etsi_report, unnamed_algorithms
from seals.verification.facts import Claims, Place
from seals.verification.html_report import html_report
from seals.verification.pages import draw_pages
from seals.verification.report import Report, Verdict
from seals.verification.report_files import Drawable, ReportForm, written_report
from seals.verification.schema import report_schema, shipped_schema
from seals.verification.verification import verify_pdf
from tests.support.pages import red_box
from tests.support.pdf import add_text, number, set_on_page, updated
from tests.support.seal_service import Service
from tests.support.sealing import PLACE, Office

VALIDATOR = jsonschema.Draft202012Validator(shipped_schema(), format_checker=jsonschema.FormatChecker())
HOSTILE = '<script>alert("1")</script>&'


@pytest.fixture(scope="module")
def reports(sm2_office: Office, rsa_office: Office, sealed_sm2: bytes, sealed_rsa: bytes, plain: bytes) -> list[Report]:
    """One of each kind."""
    return [
        sm2_office.report(sealed_sm2, status=True),
        rsa_office.report(sealed_rsa, status=True),
        sm2_office.report(sealed_rsa),
        sm2_office.report(updated(sealed_sm2, add_text)),
        sm2_office.report(plain),
        sm2_office.report(b"%PDF-1.7 none"),
    ]


def test_the_shipped_schema_is_that_of_the_records() -> None:
    assert shipped_schema() == report_schema(), "python -m seals.verification.schema > …/report.schema.json"
    jsonschema.Draft202012Validator.check_schema(shipped_schema())


def test_every_report_keeps_to_the_schema(reports: list[Report]) -> None:
    for report in reports:
        VALIDATOR.validate(json.loads(written_report(ReportForm.JSON, report, Drawable(b""))))
    broken = reports[0].as_json() | {"verdict": "genuine"}
    assert not VALIDATOR.is_valid(broken)
    del broken["verdict"]
    assert not VALIDATOR.is_valid(broken)


@pytest.mark.parametrize(("language", "words"), [("zh_CN", "有效"), ("en", "valid")])
def test_the_page_needs_nothing_else(sm2_office: Office, sealed_sm2: bytes, language: str, words: str) -> None:
    with speaking(language):
        report = sm2_office.report(sealed_sm2, status=True)
        places = [[Place(1, (224, 224, 343, 343))], []]
        page = html.fromstring(html_report(report, draw_pages(sealed_sm2, places)))
    assert page.get("lang") == language.replace("_", "-")
    assert words in page.xpath("//h2")[0].text_content()
    references = [*page.xpath("//@src"), *page.xpath("//@href"), *page.xpath("//@action")]
    assert references
    assert all(str(one).startswith("data:image/jpeg;base64,") for one in references)
    assert not page.xpath("//script | //link | //iframe | //@style | //@onclick")
    assert page.xpath("//*[local-name()='g']/@class") == ["outline valid"]


def test_strangers_words_stay_words(reports: list[Report]) -> None:
    signature = replace(reports[0].signatures[0], claims=Claims(HOSTILE, HOSTILE, "a\x00b\x1b[31m"), field=HOSTILE)
    report = replace(reports[0], document=HOSTILE, signatures=[signature])
    page = html_report(report, None).decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3
    assert etree.fromstring(etsi_report(report)) is not None
    assert written_report(ReportForm.PDF, report, Drawable(b"")).startswith(b"%PDF-")


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_outline_is_around_the_seal_as_the_page_is_turned(turn: int, sm2_office: Office, plain: bytes) -> None:
    from pyhanko.pdf_utils import generic

    cropped = generic.ArrayObject([number(one) for one in (50, 20, 595, 841)])
    rotate = generic.NumberObject(turn)  # type: ignore[no-untyped-call]
    turned = updated(plain, set_on_page(0, Rotate=rotate, CropBox=cropped))
    sealed = sm2_office.sealed(turned, place=PLACE)
    report = sm2_office.report(sealed)
    box = report.signatures[0].places or [Place(1, widget_of(sealed))]
    pictures = draw_pages(sealed, [box])
    assert pictures is not None
    assert pictures.count == 2
    (outline,) = pictures.pages[0].outlines
    left, top, width, height = outline.box
    picture = Image.open(BytesIO(pictures.pages[0].jpeg)).convert("RGB")
    red = [
        (x, y)
        for x in range(0, picture.width, 2)
        for y in range(0, picture.height, 2)
        if (one := picture.getpixel((x, y)))[0] - one[1] > 80  # type: ignore[index]
    ]
    assert red
    assert all(left - 4 <= x <= left + width + 4 and top - 4 <= y <= top + height + 4 for x, y in red)
    assert max(x for x, _y in red) - min(x for x, _y in red) > 0.8 * width


def widget_of(document: bytes) -> tuple[float, float, float, float]:
    from pyhanko.pdf_utils.reader import PdfFileReader

    reader = PdfFileReader(BytesIO(document))
    left, bottom, right, top = (float(one) for one in reader.embedded_signatures[0].sig_field["/Rect"])
    return left, bottom, right, top


def test_what_cannot_be_drawn_is_told_without_pictures(sm2_office: Office) -> None:
    broken = b"%PDF-1.7\n" + bytes(2000)
    assert draw_pages(broken, []) is None
    page = written_report(ReportForm.HTML, sm2_office.report(broken), Drawable(broken)).decode()
    assert "data:image" not in page


def test_a_page_of_a_mile_takes_no_more_than_others(plain: bytes) -> None:
    from pyhanko.pdf_utils import generic

    long = generic.ArrayObject([number(one) for one in (0, 0, 10, 14400)])
    pictures = draw_pages(updated(plain, set_on_page(0, MediaBox=long)), [])
    assert pictures is not None
    assert all(page.width * page.height <= 900 * 3600 for page in pictures.pages)


def parsed(report: Report) -> ts_11910202.ValidationReport:
    strict = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True)
    return XmlParser(config=strict).from_bytes(etsi_report(report), ts_11910202.ValidationReport)


def names(element: etree._Element) -> list[str]:
    return [str(one.tag) for one in element.iter()]


def missing(value: object) -> list[str]:
    """What the schema requires (minOccurs, use) and is not there; the parser does not mind."""
    if isinstance(value, list):
        return [one for item in value for one in missing(item)]
    if not dataclasses.is_dataclass(value):
        return []
    found = [
        f"{type(value).__name__}.{one.name}"
        for one in dataclasses.fields(value)
        if (one.metadata.get("required") and getattr(value, one.name) is None)
        or len(held if isinstance(held := getattr(value, one.name), list) else [held])
        < int(one.metadata.get("min_occurs", 0))
    ]
    return found + [one for item in dataclasses.fields(value) for one in missing(getattr(value, item.name))]


def test_the_xml_is_what_the_schema_describes(reports: list[Report]) -> None:
    """By classes that were made from ETSI's schema: unknown names are refused, and order is that of the schema."""
    for report in reports:
        written = etree.fromstring(etsi_report(report))
        assert not missing(parsed(report))
        rendered = XmlSerializer().render(parsed(report))
        assert names(etree.fromstring(rendered.encode())) == names(written)
        identifiers = [str(one) for one in written.xpath("//@id")]
        assert len(identifiers) == len(set(identifiers))
        assert {str(one) for one in written.xpath("//@VOReference")} <= set(identifiers)


@pytest.mark.parametrize(
    ("which", "indications"),
    [
        (0, ["total-passed", "total-passed"]),
        (1, ["total-passed", "total-passed"]),
        (2, ["indeterminate", "NO_CERTIFICATE_CHAIN_FOUND"]),
        (3, ["total-failed", "FORMAT_FAILURE"]),
        (4, ["total-failed", "FORMAT_FAILURE"]),
    ],
)
def test_the_xml_says_the_verdict_in_etsis_words(reports: list[Report], which: int, indications: list[str]) -> None:
    root = etree.fromstring(etsi_report(reports[which]))
    found = [str(one.text) for one in root.iter(f"{{{REPORT}}}MainIndication", f"{{{REPORT}}}SubIndication")]
    assert [one.rpartition(":")[2] for one in found][: len(indications)] == indications
    assert all(one.startswith("urn:etsi:019102:") for one in found)


def test_the_xml_says_where_the_standard_has_no_name(reports: list[Report]) -> None:
    sm2, rsa = (etsi_report(one).decode() for one in reports[:2])
    assert unnamed_algorithms(reports[0]) == ["sm2-sm3"]
    assert UNNAMED in sm2
    assert "CryptoInformation" not in sm2
    assert unnamed_algorithms(reports[1]) == []
    assert "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" in rsa
    assert UNNAMED not in rsa


Verify = Callable[..., int]


@pytest.fixture
def command(service: Service, tmp_path: Path, sm2_office: Office, sealed_sm2: bytes) -> Verify:
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "root.pem").write_bytes(armour([sm2_office.root.certificate]))
    (tmp_path / "notice.pdf").write_bytes(sealed_sm2)

    def call(*arguments: str | Path) -> int:
        @click.group()
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = service.home
            context.meta[SUPPORT] = lambda _home: service.support
            context.meta[PEOPLE] = lambda _home: service.bureau.crew

        front_door.add_command(verify)
        return run(front_door, ["verify", *map(str, arguments), "--trust", str(trust)])

    return call


def test_a_report_under_the_seal_of_the_house_verifies(command: Verify, tmp_path: Path, sm2_office: Office) -> None:
    report = tmp_path / "report.pdf"
    # Without current lists, the time-stamping authority's standing is a remark; the exit code is the document's.
    assert command(tmp_path / "notice.pdf", "--report", report, "--seal", "office") <= 1
    sealed = report.read_bytes()
    verdict = verify_pdf(sealed, sm2_office.trust(status=True), sm2_office.clock)
    assert verdict.verdict <= Verdict.REMARKS
    assert verdict.signatures[0].whole_document or verdict.signatures[0].level is not None
    assert red_box(sealed, 0) is not None
    text = pypdfium2.PdfDocument(sealed)[0].get_textpage().get_text_range()
    assert "NOT SEALED" not in text


def test_a_report_that_nobody_sealed_says_so(
    command: Verify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.pdf"
    command(tmp_path / "notice.pdf", "--report", report)
    assert "not sealed" in capsys.readouterr().err
    text = pypdfium2.PdfDocument(report)[0].get_textpage().get_text_range()
    assert "NOT SEALED" in text
    assert re.search(r"valid", text)


@pytest.mark.parametrize("suffix", ["html", "json", "xml"])
def test_the_name_says_the_form(command: Verify, tmp_path: Path, suffix: str) -> None:
    report = tmp_path / f"report.{suffix}"
    assert command(tmp_path / "notice.pdf", "--report", report) <= 1
    assert report.read_bytes()[:1] in b"<{"


def test_other_names_are_refused_before_anything_is_done(
    command: Verify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(tmp_path / "notice.pdf", "--report", tmp_path / "report.doc") == 2
    assert "no form of report" in capsys.readouterr().err
    assert command(tmp_path / "notice.pdf", tmp_path / "notice.pdf", "--report", tmp_path / "r.html") == 2
