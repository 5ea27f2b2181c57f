"""What happens too often for an entry each: the first time of a period is an entry, the others are a number in one.

A stranger who asks a thousand times a second leaves two entries in ten minutes.
"""

import logging
import threading
from dataclasses import dataclass
from multiprocessing.util import Finalize

from core.audit import Event
from core.context import Context
from core.errors import YinxinError

PERIOD_SECONDS = 600
MAXIMUM = 200
"""Different things that are told apart in a period; all others are counted as one."""
OTHERS = "others"


@dataclass(frozen=True)
class Occurrence:
    """What is counted together."""

    act: str
    actor: str
    subject: str
    rule: str = ""
    """Of a refusal."""


class Tally:
    """Counts for one service; threads share it. It begins to count when it is first asked to."""

    def __init__(self, context: Context, period_seconds: float = PERIOD_SECONDS) -> None:
        self._context, self._period = context, period_seconds
        self._lock = threading.Lock()
        self._counts: dict[Occurrence, int] = {}
        self._timer: threading.Timer | None = None
        self._at_end: Finalize | None = None

    def count(self, act: str, actor: str, subject: str, rule: str = "", times: int = 1) -> None:
        """It happened. `YinxinError` if the first of a period cannot be entered: then it must not happen."""
        one = Occurrence(act, actor, subject[:128], rule)
        with self._lock:
            if one not in self._counts and len(self._counts) >= MAXIMUM:
                one = Occurrence(act, OTHERS, OTHERS, rule)
            if one in self._counts:
                self._counts[one] += times
                return
            self._counts[one] = times - 1
            if self._timer is None:
                self._timer = threading.Timer(self._period, self.enter)
                self._timer.daemon = True
                self._timer.start()
                self._at_end = Finalize(None, self.enter, exitpriority=1)  # workers end without `atexit`
        self._append([_event(one, {})])

    def enter(self) -> None:
        """Enter what was counted since, and begin anew."""
        with self._lock:
            counts, self._counts = self._counts, {}
            if self._timer:
                self._timer.cancel()
                self._timer = None
                if self._at_end:
                    self._at_end.cancel()
        try:
            self._append([_event(one, {"again": count}) for one, count in counts.items() if count])
        except YinxinError as error:
            logging.getLogger(__name__).warning("what was counted is not in the audit log: %s", error)

    def _append(self, events: list[Event]) -> None:
        if events:
            with self._context.storage.transaction() as connection:
                self._context.audit.extend(connection, events)


def _event(one: Occurrence, details: dict[str, object]) -> Event:
    return Event(one.act, one.actor, one.subject, details | ({"rule": one.rule} if one.rule else {}))
