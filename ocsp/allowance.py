"""How often something costly may be done: so many times a second, and a second's worth at once."""

import threading
import time
from collections.abc import Callable


class Allowance:
    """Threads share it."""

    def __init__(self, per_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._left = per_second
        self._counted_at = monotonic()
        self._taking = threading.Lock()

    def take(self) -> bool:
        """Whether it may be done once more now."""
        with self._taking:
            now = self._monotonic()
            self._left = min(self._per_second, self._left + (now - self._counted_at) * self._per_second)
            self._counted_at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True
