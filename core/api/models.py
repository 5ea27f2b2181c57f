"""The words that models of every interface are written in."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

PATH_TEXT = "^[^\\x00-\\x1f\\x7f/]+$"


def _from_base64(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None


_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
Octets = Annotated[
    bytes,
    BeforeValidator(_from_base64),
    PlainSerializer(lambda octets: base64.b64encode(octets).decode(), return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "pattern": _BASE64,
        }
    ),
]
Text = Annotated[str, Field(pattern="^[^\\x00]*$", max_length=1000)]
Label = Annotated[str, Field(pattern=PATH_TEXT, min_length=1, max_length=64)]


class Model(BaseModel):
    """Knows all of its fields, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = ""
    kind: str = ""
    subject: str = ""
    remedy: str = ""
