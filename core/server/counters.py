"""What the worker processes of a service have done, counted in memory that they share, and told to Prometheus."""

from collections.abc import Iterable
from enum import IntEnum
from mmap import mmap
from typing import Generic, TypeVar

_OCTETS = 8
METRICS = "/metrics"
METRICS_FIELDS = [("Content-Type", "text/plain; version=0.0.4"), ("Cache-Control", "no-store")]

Count = TypeVar("Count", bound=IntEnum)


class Counters(Generic[Count]):
    """Made before the processes part. Each has a row; each of its places is written to by one thread only."""

    def __init__(self, counts: type[Count], workers: int = 1) -> None:
        """`counts`: what is counted, from 0 on."""
        self._size = len(counts)
        self._memory = memoryview(mmap(-1, workers * self._size * _OCTETS)).cast("Q")
        self._row = 0

    def use_row(self, worker: int) -> None:
        """Count for this process from now on."""
        self._row = worker * self._size

    def add(self, what: Count, by: int = 1) -> None:
        """Once more, or so many."""
        self._memory[self._row + what] += by

    def total(self, what: Count) -> int:
        """By all processes."""
        return sum(self._memory[what :: self._size])


def metric(name: str, kind: str, help_text: str, samples: Iterable[tuple[str, int]]) -> str:
    """One metric in the text format of Prometheus; a sample is what follows the name, and its value."""
    lines = [
        f"# HELP {name} {help_text}",
        f"# TYPE {name} {kind}",
        *(f"{name}{rest} {value}" for rest, value in samples),
    ]
    return "\n".join(lines) + "\n"
