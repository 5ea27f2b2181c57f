"""Words with an order."""

from enum import Enum
from typing import Self


class Ordered(Enum):
    """An enumeration whose members are in the order of their definition, from the first to the last."""

    @property
    def rank(self) -> int:
        """The place in the order; the first is 0."""
        return list(type(self)).index(self)

    def __lt__(self, other: Self) -> bool:
        return self.rank < other.rank

    def __le__(self, other: Self) -> bool:
        return self.rank <= other.rank

    def __gt__(self, other: Self) -> bool:
        return self.rank > other.rank

    def __ge__(self, other: Self) -> bool:
        return self.rank >= other.rank

    def __str__(self) -> str:
        return str(self.value)
