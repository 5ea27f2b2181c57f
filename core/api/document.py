"""The OpenAPI 3.1 document, written from the table of operations and the models' own JSON schemas."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.api.models import PATH_TEXT, ProblemDocument
from core.api.operation import JSON, File, Operation

_REFERENCE = "#/components/schemas/{model}"
PART = "document"
"""The part of a form in which a file is handed in."""


@dataclass(frozen=True)
class Interface:
    """What the document says of the interface as a whole."""

    title: str
    description: str
    security: Mapping[str, Any]
    """Security schemes by name: either will do."""


def describe(interface: Interface, prefix: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """The document."""
    table = list(operations)
    models: dict[Any, None] = {ProblemDocument: None}
    for one in table:
        models |= {model: None for model in (one.body, one.reply) if _is_model(model)}
    schemas, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    references: dict[Any, Any] = {model: schema for (model, _mode), schema in schemas.items()}
    paths: dict[str, dict[str, Any]] = {}
    for one in table:
        paths.setdefault(prefix + one.path, {})[one.method.lower()] = _operation(one, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": interface.title,
            "version": "1",
            "description": interface.description,
        },
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {}), "securitySchemes": dict(interface.security)},
        "security": [{scheme: []} for scheme in interface.security],
    }


def _operation(one: Operation, references: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*_path_parameters(one), *_query_parameters(one), *_header_parameters(one)],
        "responses": {
            "200": {"description": "Done.", "content": _reply(one, references)},
            "default": {
                "description": "A problem document (RFC 9457).",
                "content": {"application/problem+json": {"schema": references[ProblemDocument]}},
            },
        },
    }
    if one.method == "GET":
        described["responses"]["304"] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    if one.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": references[one.body]}}}
    if one.file is not None:
        octets = {"type": "string", "format": "binary"}
        form = {"type": "object", "properties": {PART: octets}, "required": [PART]}
        content = {one.file.media_type: {"schema": octets}, "multipart/form-data": {"schema": form}}
        described["requestBody"] = {"required": True, "content": content}
    if one.open:
        described["security"] = []
    return described


def _is_model(kind: type[Any] | None) -> bool:
    return kind is not None and issubclass(kind, BaseModel)


def _reply(one: Operation, references: dict[Any, Any]) -> dict[str, Any]:
    if issubclass(one.reply, File):
        return {one.reply.media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {JSON: {"schema": references[one.reply]}}


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    schema = {"type": "string", "pattern": PATH_TEXT, "minLength": 1, "maxLength": 64}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in one.parameters]


def _query_parameters(one: Operation) -> list[dict[str, Any]]:
    if one.query is None:
        return []
    schema = one.query.model_json_schema()
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _inlined(field, definitions)}
        for name, field in schema["properties"].items()
    ]


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with the definitions that it refers to in their places, and without null, which no query can say."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kept = {key: _inlined(value, definitions) for key, value in schema.items() if value is not None}
    choices = [one for one in kept.get("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1:
        del kept["anyOf"]
        kept |= choices[0]
    return kept


def _header_parameters(one: Operation) -> list[dict[str, Any]]:
    headers = dict(one.headers)
    if one.writes:
        headers["Idempotency-Key"] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    return [{"name": name, "in": "header", "required": False, "schema": schema} for name, schema in headers.items()]
