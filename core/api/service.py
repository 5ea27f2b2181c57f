"""A table of operations, served: each request is read by its operation, answered once, and said in one way."""

import json
import re
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, Protocol

from flask import Flask, request
from pydantic import BaseModel
from werkzeug.datastructures import ETags, MultiDict
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, Unauthorized, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request, Response

from core.api.document import PART, Interface, describe
from core.api.models import PATH_TEXT
from core.api.operation import JSON, SMALL, File, Operation
from core.api.outcomes import Caller, Outcome, once
from core.context import Context
from core.errors import Kind, YinxinError
from core.http import problem_response, read_body
from core.i18n import _
from core.refusals import RefusedError
from core.tally import Tally


class Desk(Protocol):
    """What operations are handed first: who asks, and what a module needs besides."""

    if_match: ETags
    etag: str
    """Of what is given out; empty: none."""
    outcome: Outcome | None
    """Where an answer can be kept with what it tells of; None where the request has no idempotency key."""

    @property
    def name(self) -> str:
        """Of the caller; empty where nobody was asked."""
        ...


Admit = Callable[[Request, bytes, Operation], Desk]
"""Finds out who sends a request with this body. `HTTPException` (401) or `YinxinError` if nobody who may."""


def add_operations(
    app: Flask,
    context: Context,
    service: str,
    prefix: str,
    operations: Iterable[Operation],
    interface: Interface,
    admit: Admit,
) -> None:
    """Serve the operations below the prefix, and their description as `openapi.json`."""
    table, tally = tuple(operations), Tally(context)
    document = json.dumps(describe(interface, prefix, table), ensure_ascii=False)

    @app.get(f"{prefix}/openapi.json", endpoint=f"{service}.openapi")
    def openapi() -> Response:
        return Response(document, content_type=JSON)

    for operation in table:
        app.add_url_rule(
            prefix + operation.rule,
            endpoint=f"{service}.{operation.name}",
            view_func=_view(context, service, operation, admit, tally),
            methods=[operation.method],
            provide_automatic_options=False,
        )


def _view(context: Context, service: str, operation: Operation, admit: Admit, tally: Tally) -> Callable[..., Response]:
    def view(**parameters: str) -> Response:
        body = read_body(request.environ, operation.limit or SMALL)
        desk = _admitted(tally, service, lambda: admit(request, body, operation))

        def answer(outcome: Outcome | None) -> Response:
            desk.outcome = outcome
            try:
                return _answer(desk, operation, parameters, body)
            except (YinxinError, HTTPException) as error:
                return problem_response(error)

        return once(context, Caller(service, desk.name), request, body, answer) if operation.writes else answer(None)

    return view


def _admitted(tally: Tally, service: str, admit: Callable[[], Desk]) -> Desk:
    """Who comes in, counted; those who are refused too. Their names are not known: what they say they are is not."""
    try:
        desk = admit()
    except (Unauthorized, RefusedError) as refusal:
        rule = refusal.rule if isinstance(refusal, RefusedError) else "unauthorized"
        tally.count(f"{service}.api.admit.refused", "unverified", service, rule)
        raise
    if desk.name:
        tally.count(f"{service}.api.admit", desk.name, desk.name)
    return desk


def _answer(desk: Desk, operation: Operation, parameters: dict[str, str], body: bytes) -> Response:
    if not all(re.match(PATH_TEXT, text) for text in parameters.values()):
        raise NotFound
    given: dict[str, Any] = dict(parameters)
    fields: MultiDict[str, str] = request.args
    if operation.file is not None:
        given["file"], fields = _handed_in(operation.file, body)
    query = operation.read_query(fields)
    if query is not None:
        given["query"] = query
    if operation.body is not None:
        if request.mimetype != JSON:
            raise UnsupportedMediaType(_("Bodies are JSON (application/json)."))
        given["body"] = operation.read_body(body)
    desk.if_match = request.if_match
    reply = operation.run(desk, **given)
    response = response_of(reply)
    response.headers["Cache-Control"] = "no-store" if operation.method == "POST" else "private, no-cache"
    if desk.etag:
        response.set_etag(desk.etag)
        return response.make_conditional(request)
    return response


def _handed_in(kind: type[File], body: bytes) -> tuple[File, MultiDict[str, str]]:
    """The file, and the fields beside it: of the address, and of the form where it is a part of one."""
    fields: MultiDict[str, str] = MultiDict(request.args)
    content, name = body, ""
    if request.mimetype == "multipart/form-data":
        try:
            parser = FormDataParser(silent=False, max_form_memory_size=SMALL)
            _stream, form, files = parser.parse(BytesIO(body), request.mimetype, len(body), request.mimetype_params)
        except ValueError:
            raise BadRequest(_("The form cannot be read.")) from None
        fields.update(form)
        upload = files.get(PART)
        content, name = (upload.read(), upload.filename or "") if upload is not None else (b"", "")
    if not content:
        raise YinxinError(
            Kind.INVALID, _("the request holds no document"), remedy=_("send the PDF as the body, or as part document")
        )
    return kind(content, name), fields


def response_of(reply: BaseModel | File) -> Response:
    """What is sent."""
    if isinstance(reply, File):
        return Response(reply.content, content_type=reply.media_type)
    return Response(reply.model_dump_json(), content_type=JSON)
