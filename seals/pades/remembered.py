"""Results that are kept in this process by all that they follow from: thousands of documents ask the same questions."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Remembered(Generic[Result]):
    """Results by their questions. When there are too many, it begins anew: nothing is owed to an old one."""

    def __init__(self, most: int) -> None:
        """`most`: how many are kept. Questions name long octets by a digest, so that these are not kept with them."""
        self._most = most
        self._kept: dict[Hashable, Result] = {}

    def result(self, question: Hashable, find: Callable[[], Result]) -> Result:
        """The result of before, or what is found now. Threads may share it: at worst both find it."""
        known = self._kept.get(question)
        if known is None:
            known = find()
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[question] = known
        return known
