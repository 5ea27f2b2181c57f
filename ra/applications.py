"""What is applied for, in canonical JSON (RFC 8785): stored, digested and approved as these very bytes."""

import json
import secrets
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import rfc8785
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ca.state import Reason
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _
from core.statements import Hexadecimal as Hexadecimal
from core.subject import Subject
from ra.roles import CENTRE

# No I, L, O and U: numbers are read aloud and typed.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_CHARACTERS = 8

Label = Annotated[str, Field(min_length=1, max_length=64)]

# As browsers check it (WHATWG HTML, valid e-mail address): no blanks, no quotes, nothing that ends a header.
Email = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$", max_length=254),
]


class Contact(BaseModel):
    """Where to write about the certificate; never written into it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Email | None = None
    """The holder's."""
    unit_email: Email | None = None
    """Of whoever looks after certificates in the holder's unit."""


class Succession(StrEnum):
    """How a certificate follows another of the same holder (RFC 3647 4.6 to 4.8)."""

    RENEW = "renew"
    """The same holder, the same key, a new term."""
    REKEY = "rekey"
    """The same holder, a new key."""
    CHANGE = "change"
    """Changed data of the holder."""


class Replaced(BaseModel):
    """The certificate that the one applied for succeeds, and what becomes of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Succession
    authority: Label
    serial: Annotated[str, Field(pattern="^([0-9a-f]{2}){1,20}$")]
    """Hexadecimal."""
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SM3 of the certificate."""
    revoke: Literal[Reason.SUPERSEDED, Reason.AFFILIATION_CHANGED] | None = None
    """Revoked for this reason when the successor is issued; none: it holds until its end."""


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
    contact: Contact | None = None
    replaces: Replaced | None = None
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
