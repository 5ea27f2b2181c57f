"""The report as a page of HTML that needs nothing else: pictures of the pages, every seal outlined, every fact."""

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader

from core.i18n import _, current_language
from core.output import for_people
from seals.verification.kinds import FileKind
from seals.verification.pages import Pictures
from seals.verification.presentation import mark_of, told
from seals.verification.report import Report


def html_report(report: Report, pictures: Pictures | None) -> bytes:
    """The page, UTF-8; `pictures`: of the document, if it could be drawn."""
    page = (
        _environment()
        .get_template("report.html")
        .render(_=_, language=current_language().replace("_", "-"), style=_style(), **page_words(report, pictures))
    )
    return page.encode()


def page_words(report: Report, pictures: Pictures | None) -> dict[str, object]:
    """What the templates show of a report."""
    return {
        "told": told(report),
        "mark_of": mark_of,
        "pictures": pictures,
        "has_pages": report.kind is FileKind.PDF,
        "words": for_people,
        "verdicts": [signature.verdict for signature in report.signatures],
    }


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("seals"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


@cache
def _style() -> str:
    return (resources.files("seals") / "static" / "verify.css").read_text(encoding="utf-8")
