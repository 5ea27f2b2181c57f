"""What the worker processes of the time-stamping authority have done."""

from enum import IntEnum

from core.server import counters
from tsa.response import PKIFailureInfo

_GROUP_SIZES = (1, 4, 16, 64)


class Count(IntEnum):
    """What is counted: requests by what became of them, and groups of tokens by their size."""

    GRANTED = 0
    REFUSED = 1
    """For what was asked: an unknown policy, a damaged request."""
    NO_TIME = 2
    """The clock was not to be trusted."""
    FAILED = 3
    """Not recorded, or another failure; it was logged."""
    BUSY = 4
    """Told to ask again: too many waited."""
    COME = 5
    """Read, and all of the above sooner or later."""
    TOKENS = 6
    """Recorded."""
    GROUPS = 7
    """Transactions that recorded them."""
    GROUPS_TO_1 = 8
    GROUPS_TO_4 = 9
    GROUPS_TO_16 = 10
    GROUPS_TO_64 = 11


OUTCOMES = (Count.GRANTED, Count.REFUSED, Count.NO_TIME, Count.FAILED, Count.BUSY)
_BY_FAILURE = {
    None: Count.GRANTED,
    PKIFailureInfo.TIME_NOT_AVAILABLE: Count.NO_TIME,
    PKIFailureInfo.SYSTEM_FAILURE: Count.FAILED,
}


def outcome(failure: PKIFailureInfo | None) -> Count:
    """What became of a request that was answered with this failure, or with none."""
    return _BY_FAILURE.get(failure, Count.REFUSED)


class Counters(counters.Counters[Count]):
    """Those of the authority: groups are counted by the recorder's thread, all else by that of HTTP."""

    def __init__(self, workers: int = 1) -> None:
        super().__init__(Count, workers)

    def add_group(self, size: int) -> None:
        """So many tokens were recorded together."""
        self.add(Count.TOKENS, size)
        self.add(Count.GROUPS)
        for limit in _GROUP_SIZES:
            if size <= limit:
                self.add(Count[f"GROUPS_TO_{limit}"])

    def exposition(self) -> str:
        """In the text format of Prometheus."""
        answered = sum(self.total(what) for what in OUTCOMES)
        # The counts change while they are read: none is below zero for that.
        waiting = max(0, self.total(Count.COME) - answered)
        groups = [(f'_bucket{{le="{size}"}}', self.total(Count[f"GROUPS_TO_{size}"])) for size in _GROUP_SIZES]
        groups += [('_bucket{le="+Inf"}', self.total(Count.GROUPS))]
        groups += [("_sum", self.total(Count.TOKENS)), ("_count", self.total(Count.GROUPS))]
        return "".join(
            (
                counters.metric(
                    "yinxin_tsa_requests_total",
                    "counter",
                    "Requests by what became of them.",
                    ((f'{{outcome="{what.name.lower()}"}}', self.total(what)) for what in OUTCOMES),
                ),
                counters.metric("yinxin_tsa_waiting", "gauge", "Requests not yet answered.", [("", waiting)]),
                counters.metric("yinxin_tsa_group_tokens", "histogram", "Tokens recorded together.", groups),
            )
        )
