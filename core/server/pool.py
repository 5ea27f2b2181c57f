"""The few threads that sign for a loop: signatures let go of the interpreter's lock, the loop goes on meanwhile."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

log = logging.getLogger(__name__)

NICE = 10

Finish = Callable[[], None]
Deliver = Callable[[Finish], None]
Work = Callable[[Deliver], None]
"""Done in a thread. It hands over, then or later, once and in any thread, what is to be called in the loop."""


GATHERING_SECONDS = 0.002
"""Seconds that what is done may wait for more, while there is more to do: to wake the loop for each costs dear."""


class SigningPool:
    """Works in the order of their coming, and no more at a time than can be done soon."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._open = 0
        self._works: SimpleQueue[Work | None] = SimpleQueue()
        self._done: list[Finish] = []
        self._since = 0.0
        """When the first of them was done; seconds, monotonic."""
        self._told = False
        """Whether the loop knows of them."""
        self._handing_over = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"signing-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work, *, here: bool = False) -> bool:
        """Have it done by a thread, or `here` in the loop; False if too much waits already."""
        if self._open >= self._limit:
            return False
        self._open += 1
        if here:
            self._do(work)
        else:
            self._works.put(work)
        return True

    def stop(self) -> None:
        """Finish what was begun, and end the threads."""
        for _thread in self._threads:
            self._works.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        # Where they share a core with the loop, what is read and told goes before what is signed (Linux: by thread).
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while (work := self._works.get()) is not None:
            self._do(work)

    def _do(self, work: Work) -> None:
        try:
            work(self._hand_over)
        except Exception:
            log.exception("a work of the signing pool failed")
            self._hand_over(_nothing)

    def _hand_over(self, finish: Finish) -> None:
        with self._handing_over:
            now = time.monotonic()
            if not self._done:
                self._since, self._told = now, False
            self._done.append(finish)
            # Each work that still waits will be handed over too, and come by here: the loop may be told then.
            tell = not self._told and (self._works.empty() or now - self._since > GATHERING_SECONDS)
            self._told = self._told or tell
        if tell:
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        with self._handing_over:
            done, self._done = self._done, []
        self._open -= len(done)
        for finish in done:
            finish()


def _nothing() -> None:
    pass
