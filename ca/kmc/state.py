"""The pools of escrowed keys and the moves between them, in one table (GM/T 0038: 备用库, 在用库, 历史库)."""

from enum import StrEnum

from core.errors import Kind, YinxinError
from core.i18n import _


class Pool(StrEnum):
    """Where a key is after its last event."""

    SPARE = "spare"
    ACTIVE = "active"
    HISTORICAL = "historical"
    DESTROYED = "destroyed"
    """Only the public key and the history are left."""


class Move(StrEnum):
    """What can happen to a key."""

    GENERATE = "generate"
    ALLOT = "allot"
    PROLONG = "prolong"
    """The same holder's next certificate: the key is kept longer."""
    REVOKE = "revoke"
    RECOVER = "recover"
    DESTROY = "destroy"
    DISCARD = "discard"
    """A spare key that somebody may have got, in books that were lost."""


MOVES: dict[tuple[Pool | None, Move], Pool] = {
    (None, Move.GENERATE): Pool.SPARE,
    (Pool.SPARE, Move.ALLOT): Pool.ACTIVE,
    (Pool.SPARE, Move.DISCARD): Pool.DESTROYED,
    (Pool.ACTIVE, Move.PROLONG): Pool.ACTIVE,
    (Pool.ACTIVE, Move.RECOVER): Pool.ACTIVE,
    (Pool.ACTIVE, Move.REVOKE): Pool.HISTORICAL,
    (Pool.HISTORICAL, Move.RECOVER): Pool.HISTORICAL,
    (Pool.HISTORICAL, Move.DESTROY): Pool.DESTROYED,
}
"""Pool before (None: no event yet) and move, to the pool after. What is not here cannot happen."""


def pool_after(pool: Pool | None, move: Move, *, subject: str = "") -> Pool:
    """The pool that the move leads to; `YinxinError` (conflict) if it cannot be made."""
    try:
        return MOVES[pool, move]
    except KeyError:
        raise YinxinError(
            Kind.CONFLICT,
            _("the key is in the pool “{pool}”, it cannot be moved by “{move}”").format(pool=pool or "-", move=move),
            subject=subject,
        ) from None
