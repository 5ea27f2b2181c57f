"""How often the responder's keys signed is an entry of the audit log every ten minutes, and at the end.

An entry for each answer would be more than all else together; what was given out is in the answers themselves, signed.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from core.audit import Event
from core.context import Context
from core.errors import YinxinError
from ocsp.counters import Count, Counters

PERIOD_SECONDS = 600
ACT = "ocsp.answers.sign"


class SigningLog:
    """One for all processes of the responder, whose counters they share."""

    def __init__(self, context: Context, counters: Counters, keys: Callable[[], Sequence[str]]) -> None:
        """`keys`: gives the names of the keys that sign now."""
        self._context, self._counters, self._keys = context, counters, keys
        self._entered = (0, 0)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="signing-log", daemon=True)

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        self._thread.start()

    def stop(self) -> None:
        """Enter what was signed since the last entry, and end."""
        self._stopped.set()
        self._thread.join()

    def enter(self) -> None:
        """Enter what was signed since the last entry; nothing, if nothing was."""
        kept, once = self._counters.total(Count.SIGNED), self._counters.total(Count.SIGNED_ONCE)
        done = {"kept": kept - self._entered[0], "once": once - self._entered[1]}
        if not any(done.values()):
            return
        event = Event(ACT, "ocsp", "answers", done | {"keys": sorted(self._keys())})
        with self._context.storage.transaction() as connection:
            self._context.audit.append(connection, event)
        self._entered = (kept, once)

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._stopped.wait(PERIOD_SECONDS)
            try:
                self.enter()
            except YinxinError as error:
                logging.getLogger(__name__).warning("what was signed is not in the audit log yet: %s", error)
