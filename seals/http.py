"""The seal service over HTTP: seal a document, verify a document; and a page where people verify one."""

import json
from collections.abc import Callable
from typing import TypeVar

from flask import Flask, Response, redirect, render_template, request
from werkzeug.datastructures import MultiDict, WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response as WerkzeugResponse

from core.errors import Kind, YinxinError
from core.home import Home
from core.http import STATUS, register_errors
from core.i18n import _, current_language
from core.output import for_people
from seals import api_keys, use
from seals.contracts import People, SupportSource
from seals.levels import Level
from seals.placement import Placement
from seals.presentation import document_facts, signature_facts
from seals.report import Report
from seals.trust import load_trust
from seals.verification import verify_pdf

PREFIX = "/api/seals/v1"
PDF = "application/pdf"

Number = TypeVar("Number", int, float)


def create_app(home: Home, support: SupportSource, people: People) -> Flask:
    """The service of this home; trusted certificates are those in its folder `trust`."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = home.configuration.seals.maximum_document_mib * 1024 * 1024
    register_errors(app)
    keys = home.key_store("seals")

    @app.get("/healthz")
    def health() -> dict[str, str]:
        with home.storage.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        return {"status": "ok"}

    @app.post(f"{PREFIX}/seals/<name>/stamp")
    def stamp(name: str) -> Response:
        actor = _bearer(home)
        api_keys.require_use(home.context, actor, name)
        sealed = use.stamp(home.context, keys, support, people, name, _order(), actor=actor)
        return Response(sealed.read(), content_type=PDF)

    @app.post(f"{PREFIX}/verify")
    def verify() -> Response:
        trust = load_trust(home.trust)
        report = verify_pdf(_document(), trust, home.clock, name=_file_name())
        return Response(json.dumps(report.as_json(), ensure_ascii=False), content_type="application/json")

    @app.get("/")
    def start() -> WerkzeugResponse:
        return redirect("/verify")

    @app.get("/verify")
    def page() -> Response:
        return _page()

    @app.post("/verify")
    def verified() -> Response:
        try:
            return _page(verify_pdf(_document(), load_trust(home.trust), home.clock, name=_file_name()))
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


def _bearer(home: Home) -> str:
    """The name of the API key that the request shows (RFC 6750)."""
    credentials = request.authorization
    name = None
    if credentials is not None and credentials.type == "bearer" and credentials.token:
        name = api_keys.bearer(home.context, credentials.token)
    if name is None:
        description = _("Show an API key: Authorization: Bearer KEY.")
        raise Unauthorized(description, www_authenticate=WWWAuthenticate("bearer"))
    return name


def _order() -> use.UseOrder:
    return use.UseOrder(
        _document(),
        Placement(_number("page", int), _number("x_mm", float), _number("y_mm", float)),
        level=_level(_parameters().get("level", Level.B_LTA.value)),
        purpose=_parameters().get("purpose", "")[:256],
        person=_parameters().get("person", "")[:128],
        document_type=_parameters().get("type", "")[:128],
        reason=_parameters().get("reason"),
        location=_parameters().get("location"),
    )


def _document() -> bytes:
    """The body, or the part `document` of a form."""
    if request.mimetype == "multipart/form-data":
        upload = request.files.get("document")
        content = upload.read() if upload is not None else b""
    else:
        # Before anybody looks for a form: `curl --data-binary` calls every body a form.
        content = request.get_data(parse_form_data=False)
    if not content:
        raise YinxinError(
            Kind.INVALID, _("the request holds no document"), remedy=_("send the PDF as the body, or as part document")
        )
    return content


def _file_name() -> str:
    upload = request.files.get("document") if request.mimetype == "multipart/form-data" else None
    return (upload.filename or "") if upload is not None else ""


def _parameters() -> MultiDict[str, str]:
    """From the address, or from the form beside the document."""
    return request.values if request.mimetype == "multipart/form-data" else request.args


def _number(name: str, convert: Callable[[str], Number]) -> Number:
    text = _parameters().get(name, "")
    try:
        return convert(text)
    except ValueError:
        raise YinxinError(
            Kind.INVALID, _("{name} is not a number").format(name=name), subject=text, remedy=_("give page, x_mm, y_mm")
        ) from None


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError:
        raise YinxinError(
            Kind.INVALID, _("no such level"), subject=text, remedy=", ".join(str(level) for level in Level)
        ) from None
