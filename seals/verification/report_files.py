"""Reports as files: what a file holds follows from its name."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic_core import to_json

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.verification.pages import Pictures, draw_pages
from seals.verification.report import Report

# Each form is written by a library of its own, imported when it is asked for: most who verify ask for none.


class ReportForm(StrEnum):
    """In which form a report is written; the value is the suffix of the file's name."""

    JSON = ".json"
    HTML = ".html"
    PDF = ".pdf"
    XML = ".xml"


@dataclass(frozen=True)
class Drawable:
    """A document whose pages may be shown, and what opens it."""

    content: bytes
    password: str | None = None


Sealing = Callable[[bytes], bytes]
"""Seals a report in PDF."""


def form_of(path: Path) -> ReportForm:
    """The form that a file's name asks for; `YinxinError` (invalid) if it asks for none of ours."""
    try:
        return ReportForm(path.suffix.lower())
    except ValueError:
        raise YinxinError(
            Kind.INVALID,
            _("no form of report has this suffix"),
            subject=str(path),
            remedy=_("name it .html, .json, .pdf or .xml"),
        ) from None


def pictures_of(report: Report, document: Drawable) -> Pictures | None:
    """The pages of a PDF, if it can be drawn."""
    if not document.content.startswith(b"%PDF-"):
        return None
    return draw_pages(document.content, [one.places for one in report.signatures], document.password)


def written_report(form: ReportForm, report: Report, document: Drawable, seal: Sealing | None = None) -> bytes:
    """The report as the content of a file; `seal`: seals the PDF."""
    match form:
        case ReportForm.JSON:
            return to_json(report.as_json(), indent=2) + b"\n"
        case ReportForm.XML:
            from seals.verification.etsi_report import etsi_report

            return etsi_report(report)
        case ReportForm.HTML:
            from seals.verification.html_report import html_report

            return html_report(report, pictures_of(report, document))
        case ReportForm.PDF:
            from seals.verification.pdf_report import pdf_report

            made = pdf_report(report, pictures_of(report, document), to_be_sealed=seal is not None)
            return seal(made) if seal else made
