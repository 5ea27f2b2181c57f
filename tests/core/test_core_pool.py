"""The pool of threads that sign: what waits is handed in together, and each is told once, whatever fails."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from core.server.exchange import Deliver, Exchange
from core.server.pool import TOGETHER, TOGETHER_HERE, SigningPool

Asked = Sequence[tuple[Exchange, Deliver[Any]]]


class Bench:
    """A pool with its loop, and a service that begins when it is let."""

    def __init__(self, answer: Callable[[Asked], None], threads: int, limit: int) -> None:
        self.let, self.begun = threading.Event(), threading.Event()
        self.batches: list[list[bytes]] = []
        self.told: list[Any] = []
        self._answer = answer
        self.loop = asyncio.new_event_loop()
        self.pool = SigningPool(self.loop, self._work, threads, limit)

    def _work(self, asked: Asked) -> None:
        self.begun.set()
        assert self.let.wait(20)
        self.batches.append([exchange.target for exchange, _deliver in asked])
        self._answer(asked)

    def submit(self, name: bytes, *, here: bool = False) -> bool:
        return self.pool.submit(Exchange(b"POST", name), self.told.append, here=here)

    def run_until_told(self, count: int) -> None:
        """Whatever is handed over reaches the loop without anybody's asking for it."""

        async def all_told() -> None:
            while len(self.told) < count:
                await asyncio.sleep(0.001)

        self.loop.run_until_complete(asyncio.wait_for(all_told(), 20))


@contextmanager
def bench(answer: Callable[[Asked], None], threads: int = 1, limit: int = 256) -> Iterator[Bench]:
    made = Bench(answer, threads, limit)
    try:
        yield made
    finally:
        made.let.set()
        made.pool.stop()
        made.loop.close()


def echo(asked: Asked) -> None:
    for exchange, deliver in asked:
        deliver(exchange.target)


NAMES = [b"/%d" % number for number in range(2 * TOGETHER + 5)]


def test_what_waits_is_handed_in_together() -> None:
    with bench(echo) as made:
        assert made.submit(b"/first") and made.begun.wait(20)
        assert all(map(made.submit, NAMES))
        made.let.set()
        made.run_until_told(1 + len(NAMES))
        assert made.told == [b"/first", *NAMES]
        assert [len(batch) for batch in made.batches] == [1, TOGETHER, TOGETHER, 5]


def test_what_the_loop_has_read_in_one_turn_is_answered_there_together() -> None:
    names = [b"/%d" % number for number in range(2 * TOGETHER_HERE + 5)]
    where: set[threading.Thread] = set()

    def answer(asked: Asked) -> None:
        where.add(threading.current_thread())
        echo(asked)

    with bench(answer) as made:
        made.let.set()
        assert all(made.submit(name, here=True) for name in names)
        assert not made.begun.is_set()
        made.run_until_told(len(names))
        assert made.told == names
        assert [len(batch) for batch in made.batches] == [TOGETHER_HERE, TOGETHER_HERE, 5]
    assert where == {threading.current_thread()}


def test_a_failure_in_the_loop_leaves_room_for_others(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_asked: Asked) -> None:
        raise OSError("broken")

    with bench(fail, limit=2) as made:
        made.let.set()
        for _time in range(3):
            assert made.submit(b"/a", here=True) and made.submit(b"/b", here=True)
            assert not made.submit(b"/too-many", here=True)
            made.loop.run_until_complete(asyncio.sleep(0.01))
        assert made.told == []
    assert [record.message for record in caplog.records] == ["the signing pool failed"] * 3


def test_threads_share_what_waits() -> None:
    with bench(echo, threads=2) as made:
        made.submit(b"/first")
        made.submit(b"/second")
        assert made.begun.wait(20)
        for name in NAMES[:6]:
            made.submit(name)
        made.let.set()
        made.run_until_told(8)
        assert sorted(made.told) == sorted([b"/first", b"/second", *NAMES[:6]])
        assert max(len(batch) for batch in made.batches) <= 4


def test_answers_that_come_later_and_from_elsewhere() -> None:
    kept: list[Deliver[Any]] = []
    with bench(lambda asked: kept.extend(deliver for _exchange, deliver in asked)) as made:
        made.let.set()
        made.submit(b"/a")
        made.submit(b"/b")
        while len(kept) < 2:
            time.sleep(0.001)
        threading.Thread(target=lambda: [deliver(place) for place, deliver in enumerate(kept)]).start()
        made.run_until_told(2)
        kept[0]("twice")
        made.loop.run_until_complete(asyncio.sleep(0.01))
        assert made.told == [0, 1]


def test_a_failure_leaves_room_for_others(caplog: pytest.LogCaptureFixture) -> None:
    def fail(asked: Asked) -> None:
        asked[0][1]("told before")
        raise OSError("broken")

    with bench(fail, limit=3) as made:
        assert made.submit(b"/first") and made.begun.wait(20)
        assert made.submit(b"/a") and made.submit(b"/b") and not made.submit(b"/too-many")
        made.let.set()
        made.run_until_told(2)
        made.loop.run_until_complete(asyncio.sleep(0.05))
        assert made.told == ["told before"] * 2
        assert [record.message for record in caplog.records] == ["the signing pool failed"] * 2
        assert all(made.submit(b"/again") for _place in range(3))


def test_what_was_begun_is_finished() -> None:
    with bench(echo) as made:
        assert made.submit(b"/first") and made.begun.wait(20)
        for name in NAMES:
            made.submit(name)
        threading.Timer(0.05, made.let.set).start()
        made.pool.stop()
        made.run_until_told(1 + len(NAMES))
        assert made.told == [b"/first", *NAMES]
