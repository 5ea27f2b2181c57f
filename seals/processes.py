"""Work on many things in processes of their own. The death of one costs the thing that it worked on, and is told."""

import gc
import multiprocessing
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""So many things are with a worker, so that it never waits for us: the one that it works on, and the next."""
_END_SECONDS = 5


@dataclass(frozen=True)
class Died:
    """The process died over it, or was ended because it took too long."""

    exit_code: int | None
    """Negative: the signal; None: it took too long."""


@dataclass
class _Worker(Generic[Item]):
    process: BaseProcess
    connection: Connection
    waiting: deque[Item]
    """What it has not answered about; the first is what it works on."""
    since: float


# Forked, because what is open here need not be opened again.
_FORK = multiprocessing.get_context("fork")


def in_processes(
    begin: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    workers: int,
    *,
    seconds: float | None = None,
    memory_mib: int | None = None,
) -> Iterator[tuple[Item, Result | Died]]:
    """Each item with what the function gave for it, as it is known; at most `AHEAD` items a worker are taken early.

    `begin`: called once in each process, gives the function. `seconds`: longest time for one item; `memory_mib`: what
    a process may take beside what it began with; beyond it, it gets MemoryError.
    """
    # What lives here now is not looked through in the children, and so stays shared with them.
    gc.freeze()
    source, crew = iter(items), list[_Worker[Item]]()
    try:
        again = deque[Item]()
        for _number in range(workers):
            crew.append(_hire(begin, memory_mib, crew))
        while True:
            for worker in crew:
                _supply(worker, again, source)
            busy = {worker.connection: worker for worker in crew if worker.waiting}
            if not busy:
                return
            ready = wait(list(busy), timeout=seconds and _patience(busy.values(), seconds))
            for connection in ready:
                worker = busy[connection]  # type: ignore[index]  # only connections are waited for
                try:
                    result = worker.connection.recv()
                except (EOFError, ConnectionResetError):
                    worker.process.join(_END_SECONDS)
                    yield worker.waiting.popleft(), Died(worker.process.exitcode)
                    _replace(worker, begin, memory_mib, crew, again)
                else:
                    worker.since = time.monotonic()
                    yield worker.waiting.popleft(), result
            for worker in busy.values() if seconds else ():
                if worker.waiting and time.monotonic() - worker.since > (seconds or 0):
                    worker.process.kill()
                    yield worker.waiting.popleft(), Died(None)
                    _replace(worker, begin, memory_mib, crew, again)
    finally:
        # Without their connection they end, after what they are at.
        for worker in crew:
            worker.connection.close()
        for worker in crew:
            worker.process.join(_END_SECONDS)
            worker.process.kill()
            worker.process.join()
        gc.unfreeze()


def _supply(worker: _Worker[Item], again: deque[Item], source: Iterator[Item]) -> None:
    while len(worker.waiting) < AHEAD:
        if again:
            item = again.popleft()
        else:
            try:
                item = next(source)
            except StopIteration:
                return
        if not worker.waiting:
            worker.since = time.monotonic()
        worker.waiting.append(item)
        try:
            worker.connection.send(item)
        except OSError:
            # It has died; that is found out when its answer is waited for.
            return


def _patience(crew: Iterable[_Worker[Any]], seconds: float) -> float:
    """How long until the first of them has taken too long."""
    return max(0.0, min(worker.since for worker in crew) + seconds - time.monotonic())


def _hire(
    begin: Callable[[], Callable[[Item], Any]], memory_mib: int | None, crew: list[_Worker[Item]]
) -> _Worker[Item]:
    ours, theirs = _FORK.Pipe()
    # Whatever of ours stays open in a child, it would take for us when we have died.
    foreign = [ours, *(worker.connection for worker in crew if not worker.connection.closed)]
    process = _FORK.Process(target=_work, args=(begin, theirs, foreign, memory_mib), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours, deque(), time.monotonic())


def _replace(
    worker: _Worker[Item],
    begin: Callable[[], Callable[[Item], Any]],
    memory_mib: int | None,
    crew: list[_Worker[Item]],
    again: deque[Item],
) -> None:
    worker.connection.close()
    worker.process.join(_END_SECONDS)
    again.extend(worker.waiting)
    fresh = _hire(begin, memory_mib, crew)
    worker.process, worker.connection = fresh.process, fresh.connection
    worker.waiting, worker.since = fresh.waiting, fresh.since


def _work(
    begin: Callable[[], Callable[[Any], Any]], connection: Connection, foreign: list[Connection], memory_mib: int | None
) -> None:
    # Who interrupts us at a terminal interrupts the parent too, which ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for one in foreign:
        one.close()
    if memory_mib is not None:
        limit = _address_space() + memory_mib * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # What work leaves behind is mostly gone by itself: looking for the rest so often takes a fifth of the time.
    gc.set_threshold(50_000, 20, 100)
    function = begin()
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        result = function(item)
        try:
            connection.send(result)
        except BrokenPipeError:
            return


def _address_space() -> int:
    """Octets of address space that this process has, by what Linux says (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
