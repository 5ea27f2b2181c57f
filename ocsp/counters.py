"""What the worker processes of the service have done, counted in memory that they share."""

from enum import IntEnum
from mmap import mmap

_OCTETS = 8


class Count(IntEnum):
    """What is counted: what became of each question."""

    CACHED = 0
    """Answered with what was signed before."""
    SIGNED = 1
    """Signed, and kept."""
    SIGNED_ONCE = 2
    """Signed for this question only: it had a nonce, or was about several certificates."""
    LIMITED = 3
    """Told to try later: too many of the kind before."""
    BUSY = 4
    """Told to try later: too many waited for a signature."""
    REFUSED = 5
    """Told another error of the protocol."""


class Counters:
    """Made before the processes part. Each has a row, and only its own thread of HTTP writes to it."""

    def __init__(self, workers: int = 1) -> None:
        self._memory = memoryview(mmap(-1, workers * len(Count) * _OCTETS)).cast("Q")
        self._row = 0

    def use_row(self, worker: int) -> None:
        """Count for this process from now on."""
        self._row = worker * len(Count)

    def add(self, what: Count) -> None:
        """Once more."""
        self._memory[self._row + what] += 1

    def total(self, what: Count) -> int:
        """By all processes."""
        return sum(self._memory[what :: len(Count)])

    def exposition(self) -> str:
        """In the text format of Prometheus."""
        name = "yinxin_ocsp_questions_total"
        lines = [f"# HELP {name} Questions by what became of them.", f"# TYPE {name} counter"]
        lines += [f'{name}{{outcome="{what.name.lower()}"}} {self.total(what)}' for what in Count]
        return "\n".join(lines) + "\n"
