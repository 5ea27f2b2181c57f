"""The steps of the demonstration: each is timed, told to people as it goes, and kept for `summary.json`."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from core.i18n import _


@dataclass
class Step:
    """Something that the demonstration did."""

    name: str
    seconds: float
    outcome: str


class Steps:
    """Runs steps in order; the first that fails ends the demonstration."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self.done: list[Step] = []
        self._tell = tell

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """Time the block; call what it gives with a few words on what came out."""
        outcome = ""

        def came_out(words: str) -> None:
            nonlocal outcome
            outcome = words

        begin = time.perf_counter()
        try:
            yield came_out
        except Exception as error:
            self._finish(Step(name, time.perf_counter() - begin, _("failed: {error}").format(error=error)))
            raise
        self._finish(Step(name, time.perf_counter() - begin, outcome or _("done")))

    def _finish(self, step: Step) -> None:
        step.seconds = round(step.seconds, 3)
        self.done.append(step)
        self._tell(step)

    def summary(self) -> list[dict[str, Any]]:
        """Every step: name, seconds, outcome."""
        return [asdict(step) for step in self.done]
