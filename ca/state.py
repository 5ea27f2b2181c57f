"""The states of a certificate and the moves between them, in one table. A hold can be lifted; revoked is final."""

from enum import StrEnum

from core.errors import Kind, YinxinError
from core.i18n import _


class State(StrEnum):
    """Where a certificate stands after its last event."""

    VALID = "valid"
    PRESUMED = "presumed"
    """The process died between intent and result: a signature may exist, so the certificate counts as issued."""
    HELD = "held"
    REVOKED = "revoked"


class Move(StrEnum):
    """What can happen to a certificate."""

    ISSUE = "issue"
    IMPORT = "import"
    """Issued elsewhere, before its authority was taken over (`ca.importing`)."""
    PRESUME = "presume"
    HOLD = "hold"
    RESUME = "resume"
    REVOKE = "revoke"


class Reason(StrEnum):
    """CRLReason (RFC 5280 5.3.1)."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    CA_COMPROMISE = "cACompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    CERTIFICATE_HOLD = "certificateHold"
    REMOVE_FROM_CRL = "removeFromCRL"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"
    AA_COMPROMISE = "aACompromise"

    @property
    def code(self) -> int:
        """The ENUMERATED value; 7 is not used."""
        return _CODES[self]


_CODES = {reason: code for code, reason in zip((0, 1, 2, 3, 4, 5, 6, 8, 9, 10), Reason, strict=True)}

MOVES: dict[tuple[State | None, Move], State] = {
    (None, Move.ISSUE): State.VALID,
    (None, Move.IMPORT): State.VALID,
    (None, Move.PRESUME): State.PRESUMED,
    (State.PRESUMED, Move.ISSUE): State.VALID,
    (State.PRESUMED, Move.HOLD): State.HELD,
    (State.PRESUMED, Move.REVOKE): State.REVOKED,
    (State.VALID, Move.HOLD): State.HELD,
    (State.VALID, Move.REVOKE): State.REVOKED,
    (State.HELD, Move.RESUME): State.VALID,
    (State.HELD, Move.REVOKE): State.REVOKED,
}
"""State before (None: no event yet) and move, to the state after. What is not here cannot happen."""


def state_after(state: State | None, move: Move, *, subject: str = "") -> State:
    """The state that the move leads to; `YinxinError` (conflict) if it cannot be made."""
    try:
        return MOVES[state, move]
    except KeyError:
        raise YinxinError(Kind.CONFLICT, _refusal(state, move), subject=subject, remedy=_remedy(state)) from None


def _refusal(state: State | None, move: Move) -> str:
    if state is None:
        return _("no such certificate was issued")
    return _("the certificate is {state}, it cannot be moved by “{move}”").format(state=state, move=move)


def _remedy(state: State | None) -> str:
    match state:
        case None:
            return _("check the serial number and the authority")
        case State.REVOKED:
            return _("a revocation is final; apply for a new certificate")
        case _:
            return ""
