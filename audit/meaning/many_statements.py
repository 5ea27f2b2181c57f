"""Signatures of a whole house, on all cores: a million entries rest on half a million, of a millisecond each."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from multiprocessing import get_context

from audit.meaning.statement import StatementFacts, read_statement
from core.algorithms import SM3
from core.errors import YinxinError

FEW = 2000
"""Are looked at when an entry names them: to part the work would take longer."""
PART = 500
"""Statements that a process is handed at once."""

Read = list[tuple[str, StatementFacts | None]]
"""By SM3, hexadecimal; None: the signature is not good."""


def divided(messages: Iterable[bytes]) -> tuple[dict[str, bytes], dict[str, StatementFacts | None]]:
    """A few statements as they are; or many, read: by their digests."""
    source = iter(messages)
    first = list(islice(source, FEW + 1))
    if len(first) <= FEW:
        return {SM3.of(one).hex(): one for one in first}, {}
    return {}, dict(chain.from_iterable(_read_on_all_cores(chain(first, source))))


def _read_on_all_cores(messages: Iterator[bytes]) -> Iterator[Read]:
    cores = len(os.sched_getaffinity(0))
    waiting: deque[Future[Read]] = deque()
    with ProcessPoolExecutor(cores, get_context("fork")) as pool:
        while part := list(islice(messages, PART)):
            waiting.append(pool.submit(_read_all, part))
            if len(waiting) > 2 * cores:  # what is read from the file waits in it, not in memory
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read_all(messages: list[bytes]) -> Read:
    return [(SM3.of(one).hex(), _facts(one)) for one in messages]


def _facts(message: bytes) -> StatementFacts | None:
    try:
        return read_statement(message)
    except YinxinError:
        return None
