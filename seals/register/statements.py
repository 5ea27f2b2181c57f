"""What people with seals can state, signed with their own keys (`core.statements`)."""

from enum import StrEnum
from functools import lru_cache

from core import statements
from core.statements import OperatorsWords


class Act(StrEnum):
    """What can be stated about a seal, about one use of it, or about a system that uses seals."""

    APPLY = "apply"
    CHANGE = "change"
    APPROVE = "approve"
    REJECT = "reject"
    MAKE = "make"
    ACTIVATE = "activate"
    FREEZE = "freeze"
    RESUME = "resume"
    HAND_IN = "hand-in"
    DESTROY = "destroy"
    ALLOW_USE = "allow-use"
    WITHDRAW_USE = "withdraw-use"
    ADMIT_SYSTEM = "admit-system"
    ROTATE_KEY = "rotate-key"
    WITHDRAW_SYSTEM = "withdraw-system"


class Statement(OperatorsWords):
    """What is signed.

    The subject is `seal:NAME`, and the digest that of the canonical application for the version that is meant; of the
    acts about a use the subject is `use:NUMBER` and the digest that of the canonical permission, and of those about a
    calling system `system:NAME` and what is granted.
    """

    act: Act


SignedStatement = statements.SignedStatement[Statement]


@lru_cache(maxsize=4096)
def verify_statement(message: bytes) -> SignedStatement:
    """Read a statement and check the signature over its original bytes; `YinxinError` (invalid) if it was changed."""
    return statements.verify_statement(message, Statement)
