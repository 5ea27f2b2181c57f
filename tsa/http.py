"""RFC 3161 3.4 over bare WSGI: POST a query, get a reply.

`/tsa` (or `/`) reaches the default unit, or the one whose policy the query names; `/tsa/NAME` reaches that unit.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.http import parse_options_header

from core.http import in_readers_language, problem_response, read_body
from core.i18n import _
from tsa.authority import TimeStampAuthority
from tsa.request import MAXIMUM_SIZE, QUERY
from tsa.response import REPLY, PKIFailureInfo, rejected

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def create_app(authority: TimeStampAuthority) -> "WSGIApplication":
    """The service. Whatever is posted as a query is answered in the protocol; the rest with a problem document."""
    units: dict[str, str | None] = {"/": None, "/tsa": None, "/tsa/": None}
    units |= {f"/tsa/{name}": name for name in authority.unit_names}

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            unit = _unit(environ, units)
            try:
                query = read_body(environ, MAXIMUM_SIZE)
            except RequestEntityTooLarge:
                reply = rejected(PKIFailureInfo.BAD_DATA_FORMAT, _("larger than a time-stamp request can be"))
            else:
                reply = authority.respond(query, unit=unit)
        except HTTPException as error:
            return problem_response(error)(environ, start_response)
        headers = [("Content-Type", REPLY), ("Content-Length", str(len(reply))), ("Cache-Control", "no-store")]
        start_response("200 OK", headers)
        return [reply]

    return in_readers_language(application)


def _unit(environ: "WSGIEnvironment", units: dict[str, str | None]) -> str | None:
    path = environ.get("PATH_INFO") or "/"
    if path not in units:
        raise NotFound
    if environ["REQUEST_METHOD"] != "POST":
        raise MethodNotAllowed(["POST"])
    if parse_options_header(environ.get("CONTENT_TYPE"))[0].lower() != QUERY:
        raise UnsupportedMediaType(_("A time-stamp request is posted as {kind}.").format(kind=QUERY))
    return units[path]
