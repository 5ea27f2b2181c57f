"""The OpenAPI 3.1 document, written from the table of operations and the models' own JSON schemas."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ra.http_models import PATH_TEXT, ProblemDocument
from ra.http_operation import Operation

_REFERENCE = "#/components/schemas/{model}"
_SECURITY = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature-Input",
        "description": "RFC 9421, keyid: the operator's name, tag: yinxin-ra; body by Content-Digest (RFC 9530).",
    },
    "certificate": {"type": "mutualTLS", "description": "The operator's certificate, at the edge."},
}


def describe(prefix: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """The document."""
    table = list(operations)
    models: dict[type[BaseModel], None] = {ProblemDocument: None}
    for one in table:
        models |= {model: None for model in (one.body, one.reply) if model is not None}
    schemas, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REFERENCE)
    references: dict[Any, Any] = {model: schema for (model, _mode), schema in schemas.items()}
    paths: dict[str, dict[str, Any]] = {}
    for one in table:
        paths.setdefault(prefix + one.path, {})[one.method.lower()] = _operation(one, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Yinxin registration authority",
            "version": "1",
            "description": "Every act is a statement signed with the operator's own key (docs/api.md).",
        },
        "paths": paths,
        "components": {"schemas": definitions.get("$defs", {}), "securitySchemes": _SECURITY},
        "security": [{"signature": []}, {"certificate": []}],
    }


def _operation(one: Operation, references: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*_path_parameters(one), *_query_parameters(one), *_header_parameters(one)],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": references[one.reply]}}},
            "default": {
                "description": "A problem document (RFC 9457).",
                "content": {"application/problem+json": {"schema": references[ProblemDocument]}},
            },
        },
    }
    if one.method == "GET":
        described["responses"]["304"] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    if one.body is not None:
        content = {"application/json": {"schema": references[one.body]}}
        described["requestBody"] = {"required": True, "content": content}
    return described


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
    if not one.writes:
        return []
    key = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": key}]
