"""`/api/ra/v1`: the registration authority's verbs over HTTP, for operators at a distance.

A thin shell: it finds out who asks, reads what an operation declares (`ra.http_operation`), calls one verb and prints.
It holds no operator's key: what changes something comes as a statement that the operator has signed.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from flask import Flask, request
from werkzeug.exceptions import NotFound, PreconditionFailed, UnsupportedMediaType
from werkzeug.wrappers import Response

from ca.encryption_keys import encryption_keys_of
from ca.issuance import CertificateAuthority
from ca.service import open_authority
from core.errors import YinxinError
from core.home import Home
from core.http import problem_response, read_body, register_errors
from core.i18n import _
from ra import http_certificates, http_lists, http_people, http_requests, http_revocations, http_statistics
from ra.http_access import admit_caller
from ra.http_desk import Desk
from ra.http_document import describe
from ra.http_models import PATH_TEXT
from ra.http_operation import SMALL, Operation
from ra.http_outcomes import once

PREFIX = "/api/ra/v1"
OPERATIONS: tuple[Operation, ...] = (
    *http_requests.operations,
    *http_certificates.operations,
    *http_revocations.operations,
    *http_people.operations,
    *http_lists.operations,
    *http_statistics.operations,
)


def create_app(home: Home) -> Flask:
    """The service of this home."""
    issuing = open_authority(home, encryption_keys_of(home)) if home.configuration.ra.issues else None
    app = Flask(__name__, static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = max(one.limit for one in OPERATIONS)
    register_errors(app)
    document = json.dumps(describe(PREFIX, OPERATIONS), ensure_ascii=False)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        with home.storage.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        return {"status": "ok"}

    @app.get(f"{PREFIX}/openapi.json")
    def openapi() -> Response:
        return Response(document, content_type="application/json")

    for operation in OPERATIONS:
        app.add_url_rule(
            PREFIX + operation.rule,
            endpoint=operation.name,
            view_func=_view(home, operation, issuing),
            methods=[operation.method],
            provide_automatic_options=False,
        )
    return app


def _view(home: Home, operation: Operation, issuing: CertificateAuthority | None) -> Callable[..., Response]:
    def view(**parameters: str) -> Response:
        body = read_body(request.environ, operation.limit or SMALL)
        caller = admit_caller(home.context, request, body, home.configuration.ra.edge_addresses)
        desk = Desk(home, caller, issuing)

        def answer() -> Response:
            try:
                return _answer(desk, operation, parameters, body)
            except (YinxinError, NotFound, PreconditionFailed, UnsupportedMediaType) as error:
                return problem_response(error)

        return once(home.context, caller.name, request, body, answer) if operation.writes else answer()

    return view


def _answer(desk: Desk, operation: Operation, parameters: dict[str, str], body: bytes) -> Response:
    if not all(re.match(PATH_TEXT, text) for text in parameters.values()):
        raise NotFound
    given: dict[str, Any] = dict(parameters)
    query = operation.read_query(request.args)
    if query is not None:
        given["query"] = query
    if operation.body is not None:
        if request.mimetype != "application/json":
            raise UnsupportedMediaType(_("Bodies are JSON (application/json)."))
        given["body"] = operation.read_body(body)
    desk.if_match = request.if_match
    reply = operation.run(desk, **given)
    response = Response(reply.model_dump_json(), content_type="application/json")
    response.headers["Cache-Control"] = "no-store" if operation.method == "POST" else "private, no-cache"
    if desk.etag:
        response.set_etag(desk.etag)
        return response.make_conditional(request)
    return response
