"""What is applied for, in canonical JSON (RFC 8785): stored, digested and approved as these very bytes."""

import json
import secrets
from datetime import datetime
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Subject
from ra.roles import CENTRE

# No I, L, O and U: numbers are read aloud and typed.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_CHARACTERS = 8


def _unhex(value: Any) -> Any:
    return bytes.fromhex(value) if isinstance(value, str) else value


Hexadecimal = Annotated[bytes, BeforeValidator(_unhex), PlainSerializer(bytes.hex)]
Label = Annotated[str, Field(min_length=1, max_length=64)]


class Application(BaseModel):
    """A request for one certificate: everything that an approval answers for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    number: Label
    revision: Annotated[int, Field(ge=1, le=999)] = 1
    """Counts the amendments: every one is a request to be approved anew."""
    decide_by: AwareDatetime | None = None
    """UTC, whole seconds. What is not decided until then has expired."""
    branch: Annotated[str, Field(max_length=64)] = CENTRE
    """Whose operators enter, review and make it."""
    authority: Label
    profile: Label
    approvals: Annotated[int, Field(ge=1, le=9)]
    """How many persons must approve it: what the profile asks when it is entered."""
    subject: Subject
    csr: Hexadecimal
    """The PKCS#10 request, DER: the holder's key and the proof of its possession."""
    salt: Hexadecimal
    """16 random octets: the digest goes into the audit log, and must not let identity numbers be guessed."""

    def canonical(self) -> bytes:
        """The bytes that are stored."""
        return rfc8785.dumps(self.model_dump(mode="json", exclude_none=True))


def new_number(now: datetime) -> str:
    """A number for a new request: its day (UTC) and 40 random bits, `20261101-7K3M9QX2`."""
    return f"{now:%Y%m%d}-" + "".join(secrets.choice(_ALPHABET) for _place in range(_RANDOM_CHARACTERS))


def new_salt() -> bytes:
    """Random octets for a new request."""
    return secrets.token_bytes(16)


def digest_of(content: bytes) -> str:
    """SM3 of a canonical request, hexadecimal."""
    return SM3.of(content).hex()


def parse_application(content: bytes) -> Application:
    """Read a stored request; `YinxinError` if it is none."""
    try:
        return Application.model_validate(json.loads(content))
    except (ValidationError, ValueError):
        # Not chained: pydantic's message quotes the values, and identity numbers are among them.
        raise YinxinError(Kind.INVALID, _("the stored request cannot be read")) from None
