"""What the worker processes of the responder have done."""

from enum import IntEnum

from core.server import counters


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


class Counters(counters.Counters[Count]):
    """Those of the responder."""

    def __init__(self, workers: int = 1) -> None:
        super().__init__(Count, workers)

    def exposition(self) -> str:
        """In the text format of Prometheus."""
        samples = ((f'{{outcome="{what.name.lower()}"}}', self.total(what)) for what in Count)
        return counters.metric("yinxin_ocsp_questions_total", "counter", "Questions by what became of them.", samples)
