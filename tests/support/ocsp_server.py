"""The responder behind its own server, in a thread of the test, and a client that is not ours (`http.client`)."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection

import uvloop

from core.clock import Clock
from core.server.connection import Clockwork
from core.server.door import Door
from core.server.pool import SigningPool
from ocsp.allowance import Allowance
from ocsp.cache import AnswerCache
from ocsp.counters import Count, Counters
from ocsp.desk import Desk
from ocsp.feed import Feed
from ocsp.http import REQUEST_TYPE, Service
from ocsp.responder import Responder

PLENTY = 1_000_000


@dataclass(frozen=True)
class Answered:
    """What came back over HTTP."""

    status: int
    headers: Message
    data: bytes


@dataclass
class Client:
    """Asks one server."""

    port: int
    clockwork: Clockwork
    counters: Counters
    connection: HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answered:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, named)
        answer = self.connection.getresponse()
        return Answered(answer.status, answer.headers, answer.read())

    def post(self, body: bytes, path: str = "/", content_type: str = REQUEST_TYPE) -> Answered:
        return self.ask("POST", path, body, Content_Type=content_type)

    def get(self, path: str, **headers: str) -> Answered:
        return self.ask("GET", path, None, **headers)

    def raw(self) -> socket.socket:
        """A connection for whatever is no proper HTTP."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def said_to(self, octets: bytes) -> bytes:
        """Everything that the server says to these octets until it closes the connection."""
        with self.raw() as connection:
            connection.sendall(octets)
            said = b""
            while part := connection.recv(65536):
                said += part
            return said

    def count(self, what: Count) -> int:
        return self.counters.total(what)


def desk(
    responder: Responder,
    clock: Clock,
    *,
    feed: Feed | None = None,
    cache: AnswerCache | None = None,
    rate: int = PLENTY,
) -> Desk:
    """A desk, by default one that keeps nothing."""
    return Desk(responder, clock, Allowance(rate), cache or AnswerCache(PLENTY), feed)


@contextmanager
def served(
    clock: Clock, desks: dict[bytes, Desk], *, threads: int = 2, waiting: int = 256, connections: int = 100
) -> Iterator[Client]:
    """A server on a port of its own."""
    counters = Counters()
    loop = uvloop.new_event_loop()
    service = Service(desks, clock, counters)
    pool = SigningPool(loop, service.answer, threads, waiting)
    clockwork = Clockwork(service, pool, connections)
    clockwork.tick(0)
    listener = socket.create_server(("127.0.0.1", 0))
    door = Door(loop, listener, clockwork)
    door.open(100)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    port = listener.getsockname()[1]
    client = Client(port, clockwork, counters)
    try:
        yield client
    finally:
        client.connection.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        pool.stop()
        door.close()
        clockwork.stop()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
