"""Operators' statements (`core.statements`): what an operator can state about a request, a certificate or a person."""

from enum import StrEnum
from functools import lru_cache

from core import statements
from core.statements import OperatorsWords, sign_statement

__all__ = ["Act", "SignedStatement", "Statement", "sign_statement", "verify_statement"]


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


class Statement(OperatorsWords):
    """What is signed.

    The subject is the number of the request, `AUTHORITY/SERIAL` of the certificate, `operator:NAME` or `branch:NAME`;
    the digest is of the canonical request or appointment, or of the certificate.
    """

    act: Act


SignedStatement = statements.SignedStatement[Statement]


@lru_cache(maxsize=2048)
def verify_statement(message: bytes) -> SignedStatement:
    """Read a statement and check the signature over its original bytes; `YinxinError` (invalid) if it was changed."""
    return statements.verify_statement(message, Statement)
