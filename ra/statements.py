"""Operators' statements: who decided what about which object, signed with the operator's own key.

A statement is CMS SignedData (RFC 5652) over canonical JSON (RFC 8785), with the operator's certificate inside, so that
anybody can check it years later: `openssl cms -verify` for RSA, any GM library for SM2.
"""

import json
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal

import rfc8785
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from core import cms
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer


class Act(StrEnum):
    """What an operator can state."""

    ENTER = "enter"
    AMEND = "amend"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    ISSUE = "issue"
    DELIVER = "deliver"
    REVOKE = "revoke"
    HOLD = "hold"
    RESUME = "resume"
    FOUND = "found"
    APPOINT = "appoint"
    CHANGE = "change"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    REMOVE = "remove"
    RENEW = "renew"
    ESTABLISH = "establish"


class Statement(BaseModel):
    """What is signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    act: Act
    subject: Annotated[str, Field(min_length=1, max_length=128)]
    """The number of the request, `AUTHORITY/SERIAL` of the certificate, `operator:NAME`, `branch:NAME`."""
    sequence: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Its place among the statements about this subject, so that none can be repeated or put elsewhere."""
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SM3 of the canonical request or appointment, or of the certificate: of exactly what was decided."""
    decision: Annotated[str, Field(max_length=1000)] = ""
    """What was decided beyond the act: why a request was rejected, for what reason a certificate is revoked."""
    at: AwareDatetime
    operator: Annotated[str, Field(min_length=1, max_length=64)]

    def canonical(self) -> bytes:
        """Canonical JSON; the moment in UTC to the microsecond."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return rfc8785.dumps(self.model_dump(mode="json") | {"at": at})


@dataclass(frozen=True)
class SignedStatement:
    """A statement with the signature over it checked. Whose certificate it is, `ra.operators` knows."""

    statement: Statement
    certificate: bytes
    """The signer's, DER."""
    message: bytes
    """The SignedData as it came."""

    @property
    def digest(self) -> str:
        """SM3 of the SignedData, hexadecimal: its name in the audit log."""
        return SM3.of(self.message).hex()


def sign_statement(statement: Statement, signer: Signer, certificate: bytes) -> SignedStatement:
    """The statement signed by the operator's key."""
    message = cms.sign(statement.canonical(), signer, certificate, signed_at=statement.at)
    return SignedStatement(statement, certificate, message)


@lru_cache(maxsize=2048)
def verify_statement(message: bytes) -> SignedStatement:
    """Read a statement and check the signature over its original bytes; `YinxinError` (invalid) if it was changed."""
    signed = cms.check(message)
    try:
        statement = Statement.model_validate(json.loads(signed.content))
        canonical = statement.canonical() == signed.content
    except (ValidationError, ValueError):
        canonical = False
    if signed.content_type != cms.DATA or not canonical:
        raise YinxinError(Kind.INVALID, _("a signed message, but not an operator's statement"))
    return SignedStatement(statement, signed.certificate, message)
