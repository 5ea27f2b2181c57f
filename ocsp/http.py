"""OCSP over HTTP (RFC 6960 appendix A, RFC 5019): a bare WSGI callable; a framework would cost more than the answer.

Whatever is wrong with a question gets the protocol's own error under HTTP 200, because clients do not read the body of
another. Only what is no question at all (another method, another media type) gets an error of HTTP.

A GET without nonce may be cached, for minutes: after that a cache asks again, with the entity tag that it knows, and is
told 304 as long as the same answer would be given. That costs no signature, and a revocation shows when the cache asks.
"""

from base64 import b64decode
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType
from werkzeug.http import http_date, parse_etags, parse_options_header

from core.errors import Kind, YinxinError
from core.http import problem_response, read_body
from core.i18n import _
from ocsp import response
from ocsp.request import MAXIMUM_SIZE
from ocsp.responder import Findings, Responder, refusal_for

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_TYPE, RESPONSE_TYPE = "application/ocsp-request", "application/ocsp-response"
CACHE_TIME = timedelta(minutes=5)
"""How long a cache gives an answer without asking us."""

Headers = list[tuple[str, str]]


def application(responder: Responder) -> "WSGIApplication":
    """The responder as a WSGI application, at whatever path it is mounted."""

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD", "POST"):
            return problem_response(MethodNotAllowed(["GET", "HEAD", "POST"]))(environ, start_response)
        if method == "POST" and parse_options_header(environ.get("CONTENT_TYPE"))[0].lower() != REQUEST_TYPE:
            wrong_type = UnsupportedMediaType(_("A status request is sent as {type}.").format(type=REQUEST_TYPE))
            return problem_response(wrong_type)(environ, start_response)
        status, headers, body = _respond(responder, environ)
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{status.value} {status.phrase}", headers)
        return [b"" if method == "HEAD" else body]

    return answer


def _respond(responder: Responder, environ: "WSGIEnvironment") -> tuple[HTTPStatus, Headers, bytes]:
    content_type = ("Content-Type", RESPONSE_TYPE)
    uncached = [content_type, ("Cache-Control", "no-store")]
    try:
        if environ["REQUEST_METHOD"] == "POST":
            return HTTPStatus.OK, uncached, responder.find(_body(environ)).response()
        findings = responder.find(question_in_path(environ.get("PATH_INFO", "")))
        if findings.nonce is not None or not findings.all_issued:
            return HTTPStatus.OK, uncached, findings.response()
        tag = entity_tag(findings, responder.validity)
        cached = [("ETag", f'"{tag}"'), ("Cache-Control", _directives(findings, responder.validity))]
        if parse_etags(environ.get("HTTP_IF_NONE_MATCH")).contains_weak(tag):
            # Without Expires: that of the copy, its nextUpdate, stays in force.
            return HTTPStatus.NOT_MODIFIED, cached, b""
        times = [
            ("Last-Modified", http_date(findings.this_update)),
            ("Expires", http_date(findings.next_update)),
        ]
        return HTTPStatus.OK, [content_type, *cached, *times], findings.response()
    except Exception as error:  # noqa: BLE001 - the protocol has a word for every failure
        return HTTPStatus.OK, uncached, response.refusal(refusal_for(error))


def question_in_path(path: str) -> bytes:
    """OCSPRequest DER from a GET's path: base64, percent-encoded once more where the server left it so.

    `YinxinError` (invalid) if it is not. Leading slashes are those of the address, not of the base64.
    """
    try:
        return b64decode(unquote_to_bytes(path.lstrip("/")), validate=True)
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("the path is not a status request in base64")) from error


def _body(environ: "WSGIEnvironment") -> bytes:
    """The request; `YinxinError` (invalid) for what is too long or cut short."""
    try:
        return read_body(environ, MAXIMUM_SIZE)
    except HTTPException as error:
        raise YinxinError(Kind.INVALID, _("the body is too long, or was cut short")) from error


def entity_tag(findings: Findings, validity: timedelta) -> str:
    """Changes with what is said, and with every half of an answer's validity.

    So whoever is told that nothing changed holds an answer that is good for another half, or as long as a new one.
    """
    return f"{findings.fingerprint[:32]}-{int(findings.this_update.timestamp() / (validity / 2).total_seconds()):x}"


def _directives(findings: Findings, validity: timedelta) -> str:
    """Cache-Control of RFC 5019 6.2; no copy is used beyond its nextUpdate."""
    age = min(CACHE_TIME, validity / 2, findings.next_update - findings.this_update)
    return f"max-age={int(age.total_seconds())}, public, no-transform, must-revalidate"
