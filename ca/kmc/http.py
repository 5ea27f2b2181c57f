"""The key-management centre over HTTP: a GM/T 0014 message is posted, a message is the answer. A bare WSGI callable.

Messages are signed by both ends and keys in them are enveloped, so that the line itself need not be trusted.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, UnsupportedMediaType
from werkzeug.http import parse_options_header

from ca.kmc.handler import Handler
from ca.kmc.line import MESSAGE, PATH
from ca.kmc.messages import MAXIMUM_SIZE
from core.health import PATH as PATH_OF_HEALTH
from core.health import Health
from core.http import health_response, in_readers_language, problem_response, read_body
from core.i18n import _

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(handler: Handler, health: Health | None = None) -> "WSGIApplication":
    """POST /kmc with a CARequest gives a KMRespond, refusals too; the rest is a problem document. GET /healthz."""
    health = health or Health({})

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            if environ.get("PATH_INFO") == PATH_OF_HEALTH and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                return health_response(health)(environ, start_response)
            kind, body = _answer(handler, environ)
        except HTTPException as error:
            return problem_response(error)(environ, start_response)
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        start_response("200 OK", headers)
        return [body]

    return in_readers_language(application)


def _answer(handler: Handler, environ: "WSGIEnvironment") -> tuple[str, bytes]:
    path, method = environ.get("PATH_INFO") or "/", environ["REQUEST_METHOD"]
    if path == PATH_OF_HEALTH:
        raise MethodNotAllowed(["GET", "HEAD"])
    if path != PATH:
        raise NotFound
    if method != "POST":
        raise MethodNotAllowed(["POST"])
    if parse_options_header(environ.get("CONTENT_TYPE"))[0].lower() != MESSAGE:
        raise UnsupportedMediaType(_("A message is posted as {kind}.").format(kind=MESSAGE))
    return MESSAGE, handler.answer(read_body(environ, MAXIMUM_SIZE))
