"""The page where anybody verifies a document. Nothing of what is handed in is kept: it is read, judged, and gone.

The page loads nothing from elsewhere and runs no script, and browsers are told so. What can be downloaded is in the
page itself; the PDF report is made when it is asked for, from words that this process vouches for.
"""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import IO, Any

from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, TooManyRequests
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Response as WerkzeugResponse

from core.errors import Kind, YinxinError
from core.home import Home
from core.http import STATUS, accepted_language, read_body
from core.i18n import _, current_language, speaking
from core.output import for_people
from seals.codes.judgement import verify_code
from seals.codes.known import known_seals
from seals.codes.picture import read_codes
from seals.codes.statement import is_code
from seals.codes.told import code_facts, code_meaning
from seals.contracts import People, SupportSource
from seals.verification.files import PICTURES
from seals.verification.html_report import html_report, page_words
from seals.verification.keepsake import Keepsakes
from seals.verification.pages import Pictures
from seals.verification.pdf_report import pdf_words, typeset
from seals.verification.presentation import mark_of
from seals.verification.rate import Rate, client_of
from seals.verification.report import Report
from seals.verification.report_files import Drawable, ReportForm, pictures_of, written_report
from seals.verification.report_seal import sealing_with
from seals.verification.trust import load_trust
from seals.verification.verification import verify_pdf

_LANGUAGES = {"zh": "zh_CN", "en": "en"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FORM_OCTETS = 1 << 20
"""What a form holds beside its document, and the whole of the form that asks for a report."""


def add_page(app: Flask, home: Home, support: SupportSource, people: People) -> None:
    """Serve `/verify`."""
    settings = home.configuration.seals
    longest = settings.maximum_document_mib * 1024 * 1024 + _FORM_OCTETS
    rate = Rate(settings.page_per_minute)
    keepsakes = Keepsakes(secrets.token_bytes(32))

    def answered(work: Callable[[], Response]) -> Response:
        with speaking(_language()):
            try:
                if request.method == "POST":
                    rate.admit(client_of(request, settings.edge_addresses))
                return work()
            except YinxinError as error:
                return _page(problem=error.what, remedy=error.remedy, status=STATUS[error.kind])
            except TooManyRequests as error:
                return _page(problem=_("too many documents from your address"), remedy=_wait(), status=error.code)
            except HTTPException as error:
                return _page(problem=_("the document could not be taken"), remedy=_shorter(settings), status=error.code)

    @app.get("/verify")
    def page() -> WerkzeugResponse:
        return answered(_page)

    @app.post("/verify")
    def verified() -> WerkzeugResponse:
        def work() -> Response:
            fields, files = _form(longest)
            name, document = _uploaded(files)
            password = fields.get("password") or None
            if document.startswith(PICTURES):
                with rate.one_of_few():
                    return _code_page(read_codes(document), home)
            with rate.one_of_few():
                report = verify_pdf(document, load_trust(home.trust), home.clock, name=name, password=password)
                pictures = pictures_of(report, Drawable(document, password))
            return _page(report, pictures, keepsake=keepsakes.keepsake(pdf_words(report, None)))

        return answered(work)

    @app.post("/verify/report.pdf")
    def sealed_report() -> WerkzeugResponse:
        def work() -> Response:
            words = keepsakes.opened(_form(_FORM_OCTETS)[0].get("report", ""))
            with rate.one_of_few():
                seal = sealing_with(home, support, people, settings.report_seal or None)
                made = typeset(words, (), seal is not None)
                made = seal(made) if seal else made
            headers = {"Content-Disposition": 'attachment; filename="report.pdf"', **_HEADERS}
            return Response(made, headers=headers, mimetype="application/pdf")

        return answered(work)


def _language() -> str:
    """As the reader chose, else as the browser asks, else Chinese."""
    chosen = _LANGUAGES.get(request.args.get("lang", ""))
    return chosen or accepted_language(request.headers.get("Accept-Language")) or "zh_CN"


def _page(
    report: Report | None = None,
    pictures: Pictures | None = None,
    *,
    codes: Sequence[object] = (),
    keepsake: str = "",
    problem: str = "",
    remedy: str = "",
    status: int | None = 200,
) -> Response:
    words = page_words(report, pictures) if report else {"told": None, "words": for_people}
    page = render_template(
        "verify.html",
        _=_,
        language=current_language().replace("_", "-"),
        tongue=current_language()[:2],
        problem=problem,
        remedy=remedy,
        keepsake=keepsake,
        codes=codes,
        downloads=_downloads(report, pictures) if report else [],
        **words,
    )
    return Response(page, status, _HEADERS)


def _code_page(texts: list[str], home: Home) -> Response:
    found = [text for text in texts if is_code(text)]
    if not found:
        raise YinxinError(
            Kind.INVALID, _("no code of ours is seen here"), remedy=_("photograph it again, straight and in good light")
        )
    trust = load_trust(home.trust)
    ours = known_seals(home.context)
    known = replace(trust, certificates=[*trust.certificates, *ours.certificates])
    reports = [verify_code(text, known, home.clock, owners=ours.owners) for text in found]
    codes = [(one.verdict, mark_of(one.verdict), code_meaning(one.verdict), code_facts(one)) for one in reports]
    return _page(codes=codes)


def _downloads(report: Report, pictures: Pictures | None) -> list[tuple[str, str, str]]:
    """Words, name of the file, `data:` URL."""
    as_json = written_report(ReportForm.JSON, report, Drawable(b""))
    return [
        (_("Report for reading (HTML)"), "report.html", _address("text/html", html_report(report, pictures))),
        (_("Report for programs (JSON)"), "report.json", _address("application/json", as_json)),
    ]


def _address(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _form(limit: int) -> tuple[Any, Any]:
    """The fields and files of the form; all of it in memory, never in a file."""
    body = read_body(request.environ, limit)
    parser = FormDataParser(stream_factory=_in_memory)
    _stream, fields, files = parser.parse(BytesIO(body), request.mimetype, len(body), request.mimetype_params)
    return fields, files


def _in_memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    del total_content_length, content_type, filename, content_length
    return BytesIO()


def _uploaded(files: Any) -> tuple[str, bytes]:
    upload = files.get("document")
    content = upload.read() if upload is not None else b""
    if not content:
        raise YinxinError(Kind.INVALID, _("the request holds no document"), remedy=_("choose a document first"))
    return upload.filename or "", content


def _wait() -> str:
    return _("wait a minute and try again")


def _shorter(settings: Any) -> str:
    return _("documents of up to {size} MiB are verified here").format(size=settings.maximum_document_mib)
