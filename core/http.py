"""HTTP plumbing: errors as problem documents (RFC 9457), bodies with a limit, the reader's language."""

import json
import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import BadRequest, ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response
from werkzeug.wsgi import get_content_length, get_input_stream

from core.errors import Kind, YinxinError
from core.health import FIELDS, PATH, Health
from core.i18n import _, current_language, speaking

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)

STATUS = {
    Kind.INVALID: HTTPStatus.BAD_REQUEST,
    Kind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Kind.CONFLICT: HTTPStatus.CONFLICT,
    Kind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Kind.UNSUPPORTED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def problem_response(error: Exception) -> Response:
    """The answer to a request that failed so: itself a WSGI application, for Flask and for bare WSGI."""
    match error:
        case YinxinError():
            members = {"detail": error.what, "kind": error.kind, "subject": error.subject, "remedy": error.remedy}
            return _problem(STATUS[error.kind], members)
        case HTTPException():
            response = _problem(HTTPStatus(error.code or 500), {"detail": _description(error)})
            response.headers.extend(header for header in error.get_headers() if header[0] != "Content-Type")
            return response
        case _:
            # What went wrong inside is for our log, not for strangers.
            _log.error("Unexpected error in a request", exc_info=error)
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, {"detail": _("Internal error; it has been logged.")})


def _description(error: HTTPException) -> str:
    """Ours where the library has only its English standing words."""
    ours = {
        HTTPStatus.NOT_FOUND: _("Nothing is served here."),
        HTTPStatus.METHOD_NOT_ALLOWED: _("This cannot be done here with this method."),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _("The request is larger than what is read here."),
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: _("A body of this kind is not read here."),
        HTTPStatus.BAD_REQUEST: _("The request cannot be read."),
    }
    standing = error.description is None or error.description == type(error).description
    return ours.get(HTTPStatus(error.code or 500), error.description or "") if standing else error.description or ""


def _problem(status: HTTPStatus, members: dict[str, str]) -> Response:
    document: dict[str, str | int] = {"type": "about:blank", "title": status.phrase, "status": status.value}
    document |= {name: text for name, text in members.items() if text}
    headers = {"Content-Language": current_language().replace("_", "-"), "Cache-Control": "no-store"}
    body = json.dumps(document, ensure_ascii=False)
    return Response(body, status, headers, content_type="application/problem+json")


def health_response(health: Health) -> Response:
    """The answer to `GET /healthz`: itself a WSGI application."""
    status, body = health.told()
    return Response(body, status, FIELDS)


def register_health(app: Flask, health: Health) -> None:
    """Have the app answer `GET /healthz`."""
    app.add_url_rule(PATH, "health", lambda: health_response(health))


def register_errors(app: Flask) -> None:
    """Have the app answer every error with a problem document, and each reader in the reader's language."""
    app.register_error_handler(Exception, problem_response)
    app.wsgi_app = in_readers_language(app.wsgi_app)  # type: ignore[assignment,method-assign]


def in_readers_language(application: "WSGIApplication") -> "WSGIApplication":
    """The application, speaking to each client the language that it accepts, or else ours."""

    def speaking_application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        with speaking(accepted_language(environ.get("HTTP_ACCEPT_LANGUAGE")) or current_language()):
            return application(environ, start_response)

    return speaking_application


def accepted_language(header: str | None) -> str | None:
    """The language of ours that an Accept-Language field prefers; None if it wants none of them."""
    ours = {"zh": "zh_CN", "en": "en"}
    wanted = (tag.lower().split("-")[0] for tag, quality in parse_accept_header(header, LanguageAccept) if quality > 0)
    return next((ours[primary] for primary in wanted if primary in ours), None)


def read_body(environ: "WSGIEnvironment", limit: int) -> bytes:
    """The whole body of a request; an HTTPException when it is longer than the limit (413) or cut short (400)."""
    declared = environ.get("CONTENT_LENGTH") or ""
    if declared and not (declared.isascii() and declared.isdigit()):
        raise BadRequest(_("The Content-Length is not a number."))
    length = get_content_length(environ)
    if length is not None and length > limit:
        raise RequestEntityTooLarge
    # One byte more than allowed, because werkzeug cuts a stream off at its limit without a word.
    body = get_input_stream(environ, max_content_length=limit + 1).read()
    if len(body) > limit:
        raise RequestEntityTooLarge
    if length is not None and len(body) < length:
        raise ClientDisconnected
    return body
