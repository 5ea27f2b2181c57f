"""`/api/seals/v1` for calling systems; and a page where people verify a document."""

from flask import Flask, Response, redirect, render_template, request
from werkzeug.wrappers import Request
from werkzeug.wrappers import Response as WerkzeugResponse

from core.api.document import Interface
from core.api.operation import Operation
from core.api.service import add_operations
from core.errors import Kind, YinxinError
from core.home import Home
from core.http import STATUS, register_errors
from core.i18n import _, current_language
from core.output import for_people
from seals.api import digests as http_digests
from seals.api import seals as http_seals
from seals.api.access import calling_system
from seals.api.desk import Desk
from seals.api.passwords import in_header
from seals.batches import http as http_batches
from seals.contracts import People, SupportSource
from seals.verification.presentation import document_facts, signature_facts
from seals.verification.report import Report
from seals.verification.trust import load_trust
from seals.verification.verification import verify_pdf

PREFIX = "/api/seals/v1"
INTERFACE = Interface(
    "Yinxin sealing",
    "Documents are sealed with the seals that the calling system may use (docs/api.md).",
    {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key (yinxin seals api-key new)."},
        "certificate": {"type": "mutualTLS", "description": "The calling system's certificate, at the edge."},
    },
)
_FORM_OCTETS = 64 * 1024
"""What a form holds beside its document."""


def operations(home: Home) -> list[Operation]:
    """The operations, with the longest document that this home takes."""
    longest = home.configuration.seals.maximum_document_mib * 1024 * 1024 + _FORM_OCTETS
    every = (*http_seals.operations, *http_digests.operations, *http_batches.operations)
    return [one.taking(longest) if one.limit == http_seals.LONGEST else one for one in every]


def create_app(home: Home, support: SupportSource, people: People) -> Flask:
    """The service of this home; trusted certificates are those in its folder `trust`."""
    app = Flask(__name__)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    table = operations(home)
    app.config["MAX_CONTENT_LENGTH"] = max(one.limit for one in table)
    register_errors(app)
    keys = home.key_store("seals")

    def admit(asking: Request, _body: bytes, operation: Operation) -> Desk:
        edges = home.configuration.seals.edge_addresses
        system = None if operation.open else calling_system(home.context, asking, edges)
        password = in_header(asking) if operation.headers else None
        return Desk(home, keys, support, people, system, password)

    add_operations(app, home.context, "seals", PREFIX, table, INTERFACE, admit)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        with home.storage.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        return {"status": "ok"}

    @app.get("/")
    def start() -> WerkzeugResponse:
        return redirect("/verify")

    @app.get("/verify")
    def page() -> Response:
        return _page()

    @app.post("/verify")
    def verified() -> Response:
        try:
            document, name = _uploaded()
            password = request.form.get("password") or None
            return _page(verify_pdf(document, load_trust(home.trust), home.clock, name=name, password=password))
        except YinxinError as error:
            return _page(error=error)

    return app


def _page(report: Report | None = None, error: YinxinError | None = None) -> Response:
    """The verification page. It loads nothing from elsewhere and runs no script, and browsers are told so."""
    html = render_template(
        "verify.html",
        _=_,
        language=current_language().replace("_", "-"),
        words=for_people,
        report=report,
        error=error,
        about_document=document_facts(report) if report else [],
        about_signatures=[(one.verdict, signature_facts(one)) for one in report.signatures] if report else [],
    )
    response = Response(html, status=STATUS[error.kind] if error else 200)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; form-action 'self'"
    response.headers["Cache-Control"] = "no-store"
    return response


def _uploaded() -> tuple[bytes, str]:
    upload = request.files.get("document")
    content = upload.read() if upload is not None else b""
    if upload is None or not content:
        raise YinxinError(
            Kind.INVALID, _("the request holds no document"), remedy=_("send the PDF as the body, or as part document")
        )
    return content, upload.filename or ""
