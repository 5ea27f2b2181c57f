"""The time-stamping service behind its own server, in a thread of the test."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection

import uvloop

from core.health import Checks, Health
from core.server.connection import Clockwork
from core.server.door import Door
from core.server.pool import SigningPool
from tsa import health
from tsa.authority import TimeStampAuthority
from tsa.counters import Counters
from tsa.http import TimeStampService
from tsa.request import QUERY
from tsa.watch import ClockWatch


@dataclass(frozen=True)
class Answered:
    """What came back over HTTP."""

    status: int
    headers: Message
    data: bytes


@dataclass(frozen=True)
class Server:
    """Where it listens."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/tsa"

    def post(self, path: str, body: bytes, kind: str = QUERY, **headers: str) -> Answered:
        return self.ask("POST", path, body, **({"Content_Type": kind} if kind else {}), **headers)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            answer = connection.getresponse()
            return Answered(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@contextmanager
def served(
    authority: TimeStampAuthority,
    watch: ClockWatch | None = None,
    *,
    threads: int = 1,
    waiting: int = 256,
    counters: Counters | None = None,
) -> Iterator[Server]:
    """A server on a port of its own."""
    loop = uvloop.new_event_loop()
    checks: Checks = {"clock": lambda: health.clock(authority, watch), "units": lambda: health.units(authority)}
    service = TimeStampService(authority, Health(checks, seconds=0), counters)
    pool = SigningPool(loop, service.answer, threads, waiting)
    clockwork = Clockwork(service, pool, 100)
    clockwork.tick(0)
    listener = socket.create_server(("127.0.0.1", 0))
    door = Door(loop, listener, clockwork)
    door.open(100)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Server(listener.getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        pool.stop()
        door.close()
        clockwork.stop()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
