"""Signed statements: who decided what about which object, signed with that person's own key.

A statement is CMS SignedData (RFC 5652) over canonical JSON (RFC 8785), with the signer's certificate inside, so that
anybody can check it years later: `openssl cms -verify` for RSA, any GM library for SM2. Each module says which acts
there are and what it calls the signer; whose certificate may sign what is for the module to know.
"""

import json
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Generic, Literal, TypeVar

import rfc8785
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from core import cms
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer


def _unhex(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


Hexadecimal = Annotated[bytes, BeforeValidator(_unhex), PlainSerializer(bytes.hex)]
"""Octets in what is signed about, written in hexadecimal."""

Name = Annotated[str, Field(min_length=1, max_length=64)]
"""What a module calls a signer."""


class SignedWords(BaseModel):
    """What is signed; a module adds its acts (a StrEnum) and a field with the signer's `Name`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    act: str
    subject: Annotated[str, Field(min_length=1, max_length=128)]
    """The object that is decided about."""
    sequence: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Its place among the statements about this subject, so that none can be repeated or put elsewhere."""
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SM3 of exactly what was decided, in a canonical form."""
    decision: Annotated[str, Field(max_length=1000)] = ""
    """What was decided beyond the act: why something was rejected, for what reason a certificate is revoked."""
    at: AwareDatetime

    def canonical(self) -> bytes:
        """Canonical JSON; the moment in UTC to the microsecond."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return rfc8785.dumps(self.model_dump(mode="json") | {"at": at})


class OperatorsWords(SignedWords):
    """What an operator of the registration authority signs, for it or for another module."""

    operator: Name


Words = TypeVar("Words", bound=SignedWords)


@dataclass(frozen=True)
class SignedStatement(Generic[Words]):
    """A statement with the signature over it checked. Whose certificate it is, the module knows."""

    statement: Words
    certificate: bytes
    """The signer's, DER."""
    message: bytes
    """The SignedData as it came."""

    @property
    def digest(self) -> str:
        """SM3 of the SignedData, hexadecimal: its name in the audit log."""
        return SM3.of(self.message).hex()


def sign_statement(statement: Words, signer: Signer, certificate: bytes) -> SignedStatement[Words]:
    """The statement signed; `certificate`: the signer's, DER."""
    message = cms.sign(statement.canonical(), signer, certificate, signed_at=statement.at)
    return SignedStatement(statement, certificate, message)


def verify_statement(message: bytes, kind: type[Words]) -> SignedStatement[Words]:
    """Read a statement of a module and check the signature over its original bytes.

    `YinxinError` (invalid) if it was changed, or is something else.
    """
    signed = cms.check(message)
    try:
        statement = kind.model_validate(json.loads(signed.content))
        canonical = statement.canonical() == signed.content
    except (ValidationError, ValueError):
        canonical = False
    if signed.content_type != cms.DATA or not canonical:
        raise YinxinError(Kind.INVALID, _("a signed message, but not a statement as is expected here"))
    return SignedStatement(statement, signed.certificate, message)
