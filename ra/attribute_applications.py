"""What is applied for when attributes shall be certified, in canonical JSON (RFC 8785), as `ra.applications` has it."""

import json
from datetime import timedelta
from typing import Annotated, Literal

import rfc8785
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ca.attributes.attributes import Attributes, Uri
from ca.attributes.terms import Terms
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.applications import Hexadecimal, Label
from ra.roles import CENTRE

PREFIX = "AC-"
"""Of the numbers, so that nobody takes one for that of a request for a certificate."""
APPROVALS = 1


class AttributeApplication(BaseModel):
    """A request for one attribute certificate: everything that an approval answers for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    kind: Literal["attribute"] = "attribute"
    number: Annotated[str, Field(pattern="^AC-", max_length=32)]
    decide_by: AwareDatetime
    """UTC, whole seconds. What is not decided until then has expired."""
    branch: Annotated[str, Field(max_length=64)] = CENTRE
    authority: Label
    """The attribute authority that shall issue it."""
    holder_authority: Label
    holder_serial: Annotated[str, Field(pattern="^([0-9a-f]{2}){1,20}$")]
    holder_digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SM3 of the holder's certificate: whoever approves answers for this holder, and no other of the same number."""
    terms: Terms
    hours: Annotated[int, Field(ge=1)]
    """How long it lasts, from when it is issued."""
    attributes: Attributes
    targets: Annotated[tuple[Uri, ...], Field(max_length=16)] = ()
    approvals: Annotated[int, Field(ge=1, le=9)] = APPROVALS
    salt: Hexadecimal

    def canonical(self) -> bytes:
        """The bytes that are stored."""
        return rfc8785.dumps(self.model_dump(mode="json", exclude_none=True))

    @property
    def lasting(self) -> timedelta:
        """How long it lasts."""
        return timedelta(hours=self.hours)


def parse_attribute_application(content: bytes) -> AttributeApplication:
    """Read a stored request; `YinxinError` if it is none."""
    try:
        return AttributeApplication.model_validate(json.loads(content))
    except (ValidationError, ValueError):
        raise YinxinError(Kind.INVALID, _("the stored request cannot be read")) from None
