"""`kill -9` for the price of a fork: a child of a process that has everything open does the work, and dies in it.

Two ways to choose the moment. By the clock: the parent kills, wherever that falls, in the middle of a flush too. By
calls: the child counts every call of a function, Python's or C's, and kills itself at one of them; that comes as often
between two quick steps as between two slow ones, and again at the same place.
"""

import gc
import json
import os
import random
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

Told = dict[str, Any]
Tell = Callable[..., None]
"""What the caller of an act has been answered: what was said this way must not be lost any more."""
Work = Callable[[Tell], None]

PATIENCE_SECONDS = 120
_BEGUN, _DONE, _FAILED = "(begun)", "(done)", "(failed)"


@dataclass
class Death:
    """What came of one child."""

    killed: bool
    told: list[Told] = field(default_factory=list)
    failure: str = ""
    """The traceback, if it did not die as it should but failed."""
    calls: int = 0
    """How many it made, if it came to its end."""


def die_by_clock(work: Work, seconds: float) -> Death:
    """Do the work again and again, until killed so long after it began."""

    def body(tell: Tell) -> None:
        while True:
            work(tell)

    return _run(body, after=seconds)


def die_by_calls(work: Work, calls: int) -> Death:
    """Do the work once; killed at this call, unless it makes fewer."""

    def body(tell: Tell) -> None:
        made = 0

        def count(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal made
            if event in ("call", "c_call"):
                made += 1
                if made == calls:
                    os.kill(os.getpid(), signal.SIGKILL)

        threading.setprofile(count)
        sys.setprofile(count)
        try:
            work(tell)
        finally:
            sys.setprofile(None)
        tell(**{_DONE: made})

    return _run(body, after=None)


def undisturbed(work: Work) -> Death:
    """Do the work to its end, counting its calls; AssertionError if it fails."""
    life = die_by_calls(work, 0)
    assert not life.failure, life.failure
    return life


def _run(body: Work, *, after: float | None) -> Death:
    ours, theirs = os.pipe()
    gc.freeze()  # else the child's first look for garbage copies every page of ours
    child = os.fork()
    if child == 0:
        os.close(ours)
        _live(body, theirs)
    gc.unfreeze()
    os.close(theirs)
    said = _listen(ours, child, after)
    os.close(ours)
    status = os.waitpid(child, 0)[1]
    death = Death(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
    for line in said.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            continue  # it died while it spoke: nobody was told
        told = json.loads(line)
        if _FAILED in told:
            death.failure = told[_FAILED]
        elif _DONE in told:
            death.calls = told[_DONE]
        elif _BEGUN not in told:
            death.told.append(told)
    return death


def _live(body: Work, pipe: int) -> None:
    lock = threading.Lock()

    def tell(**what: Any) -> None:
        with lock:
            os.write(pipe, json.dumps(what).encode() + b"\n")

    code = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # not the parent's
    try:
        random.seed()
        tell(**{_BEGUN: True})
        body(tell)
    except BaseException:  # noqa: BLE001 - the parent is told, whatever it is
        sys.setprofile(None)
        tell(**{_FAILED: traceback.format_exc()})
        code = 1
    finally:
        os._exit(code)


def _listen(pipe: int, child: int, after: float | None) -> bytes:
    """All that the child says; so long after its first word it is killed."""
    said, end = b"", time.monotonic() + PATIENCE_SECONDS
    kill_at: float | None = None
    while True:
        now = time.monotonic()
        until = end if kill_at is None else kill_at
        if now >= until:
            os.kill(child, signal.SIGKILL)
            kill_at, end = None, now + PATIENCE_SECONDS
            continue
        if not select.select([pipe], [], [], until - now)[0]:
            continue
        piece = os.read(pipe, 65536)
        if not piece:
            return said
        if not said and after is not None:
            kill_at = time.monotonic() + after
        said += piece
