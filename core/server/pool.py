"""The few threads that sign for a loop: signatures let go of the interpreter's lock, the loop goes on meanwhile."""

import asyncio
import ctypes
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from core.server.exchange import Deliver, Exchange

log = logging.getLogger(__name__)

TOGETHER = 16
"""Exchanges that a thread takes at a time, if so many wait."""
TOGETHER_HERE = 64
"""As many as the loop takes at a time."""
GATHERING_SECONDS = 0.002
"""Seconds that what a thread of the pool has done may wait for more, while it has more to do: waking the loop costs."""

Work = Callable[[Sequence[tuple[Exchange, Deliver[Any]]]], None]
Finish = Callable[[Any], None]
"""Is called in the loop with the answer."""

# That of `os` keeps the interpreter's lock (Python 3.11), which those who are to go first may need.
_let_others_go_first = ctypes.CDLL(None).sched_yield


class SigningPool:
    """Answers in the order of their coming, and takes on no more at a time than can be done soon."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Work, threads: int, limit: int) -> None:
        """`work`: the service's `answer`."""
        self._loop = loop
        self._work = work
        self._limit = limit
        self._open = 0
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._here: list[_Job] = []
        self._done: deque[_Job] = deque()
        self._since = 0.0
        """When the first of them was done; seconds, monotonic."""
        self._told = False
        """Whether the loop knows of them."""
        self._own: set[int] = set()
        """The threads, by their identifiers."""
        self._threads = [
            threading.Thread(target=self._run, name=f"signing-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, exchange: Exchange, finish: Finish, *, here: bool = False) -> bool:
        """Have it answered by a thread, or `here` in the loop; False if too much waits already."""
        if self._open >= self._limit:
            return False
        self._open += 1
        job = _Job(self, exchange, finish)
        if not here:
            self._waiting.put(job)
            return True
        self._here.append(job)
        if len(self._here) == 1:
            # When the loop has read what else has come.
            self._loop.call_soon(self._answer_here)
        return True

    def _answer_here(self) -> None:
        jobs, self._here = self._here[:TOGETHER_HERE], self._here[TOGETHER_HERE:]
        if self._here:
            self._loop.call_soon(self._answer_here)
        self._answer(jobs)

    def stop(self) -> None:
        """Finish what was begun, and end the threads."""
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        self._own.add(threading.get_ident())
        while jobs := self._take():
            self._answer(jobs)
            self._tell()
            # On a shared core, what is to be read, recorded and told goes before the next signatures: the scheduler
            # (Linux 6.6 and later) would let a thread that computes use up its slice of some ms.
            _let_others_go_first()

    def _take(self) -> "list[_Job]":
        """This thread's share of what waits, once there is something; none if it is to end."""
        jobs = []
        job = self._waiting.get()
        share = min(TOGETHER, 1 + self._waiting.qsize() // len(self._threads))
        while job is not None:
            jobs.append(job)
            if len(jobs) >= share:
                break
            try:
                job = self._waiting.get_nowait()
            except Empty:
                break
        if job is None and jobs:
            self._waiting.put(None)  # the end is for later
        return jobs

    def _answer(self, jobs: "Sequence[_Job]") -> None:
        try:
            self._work([(job.exchange, job.deliver) for job in jobs])
        except Exception:
            log.exception("the signing pool failed")
            for job in jobs:
                job.give_up()

    def hand_over(self, job: "_Job") -> None:
        """Have it told in the loop what its answer is. From any thread."""
        # Without a lock: the loop forgets that it was told before it looks, so that it misses nothing.
        self._done.append(job)
        if self._told:
            return
        if threading.get_ident() in self._own:
            now = time.monotonic()
            if len(self._done) == 1:
                self._since = now
            if now - self._since < GATHERING_SECONDS:
                return  # the thread tells of it when it has done what it has taken
        self._tell()

    def _tell(self) -> None:
        if self._done and not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._told = False
        for _answer in range(len(self._done)):
            job = self._done.popleft()
            self._open -= 1
            job.finish(job.answer)


class _Job:
    """An exchange and who waits for it, to be told once."""

    __slots__ = ("_over", "_pool", "answer", "exchange", "finish")

    def __init__(self, pool: SigningPool, exchange: Exchange, finish: Finish) -> None:
        self._pool = pool
        self._over = False
        self.exchange = exchange
        self.finish = finish
        self.answer: Any = None

    def deliver(self, answer: Any) -> None:
        """Hand the answer over."""
        if not self._over:
            self._over = True
            self.answer = answer
            self._pool.hand_over(self)

    def give_up(self) -> None:
        """There will be no answer."""
        if not self._over:
            self.finish = _nothing
            self.deliver(None)


def _nothing(_answer: Any) -> None:
    pass
