"""Heads of requests that are known again: nothing is read otherwise than the parser would read it."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.server import connection as server
from core.server.connection import Clockwork, Connection
from core.server.exchange import Exchange, Reply, reply_head

OK = reply_head(HTTPStatus.OK, [])


class Echo:
    """Answers at once, and remembers what it was asked."""

    maximum_body = 100
    too_large = Reply(reply_head(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, []), b"")

    def __init__(self) -> None:
        self.asked: list[Exchange] = []

    def at_once(self, exchange: Exchange) -> Reply:
        self.asked.append(exchange)
        return Reply(OK, exchange.body)


class Wire(asyncio.Transport):
    """What a client hears."""

    def __init__(self) -> None:
        super().__init__()
        self.said, self.closed = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class Client:
    """A connection, and the service that it asks."""

    def __init__(self, clockwork: Clockwork | None = None) -> None:
        service: Any = Echo()
        nothing_is_signed: Any = None
        self.clockwork = clockwork or Clockwork(service, nothing_is_signed, 100)
        self.service: Any = self.clockwork.service
        self.wire = Wire()
        self.connection = Connection(self.clockwork)
        self.connection.connection_made(self.wire)

    def say(self, *parts: bytes) -> tuple[list[Exchange], bytes, bool]:
        for part in parts:
            self.connection.data_received(part)
        return self.service.asked, self.wire.said, self.wire.closed


def post(body: bytes, *fields: str, target: str = "/a", version: str = "1.1") -> bytes:
    lines = [f"POST {target} HTTP/{version}", "Host: x", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*chunks: bytes) -> bytes:
    head = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


class NoParser:
    def feed_data(self, data: bytes) -> None:
        raise AssertionError(f"parsed again: {data!r}")


def test_what_was_read_once_is_known_on_every_connection() -> None:
    fields = ("Content-Type: a/b", "Accept-Language: zh", 'If-None-Match: "x"')
    first = Client()
    first.say(post(b"one", *fields))
    second = Client(first.clockwork)
    second.connection._parser = NoParser()  # type: ignore[assignment]
    asked, said, _closed = second.say(post(b"two", *fields))
    assert asked[-1] == Exchange(b"POST", b"/a", b"two", b"a/b", b'"x"', b"zh")
    assert said.endswith(b"\r\n\r\ntwo") and said.startswith(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(AssertionError, match="parsed again"):
        second.say(post(b"two", *fields, target="/b"))


@pytest.mark.parametrize(
    "said",
    [
        post(b"0\r\n\r\n", "Expect: 100-continue"),
        post(b"old", version="1.0"),
        post(b"end", "Connection: close"),
        post(b"long", "X: " + "y" * server.MAXIMUM_KEPT_HEAD),
        post(b""),
        post(b"a") + post(b"b"),
        chunked(b"one"),
        chunked(b"0\r\n\r\n"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_more_than_a_head_and_a_body_is_not_learned(said: bytes) -> None:
    client = Client()
    client.say(said)
    assert client.service.asked
    assert client.clockwork._known == {}


def test_there_is_an_end_to_what_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAXIMUM_HEADS", 3)
    client = Client()
    client.say(*(post(b"x", target=f"/{number}") for number in range(5)))
    assert len(client.clockwork._known) == 3
    client.clockwork.tick(1)
    assert client.clockwork._known == {}


REQUESTS = st.sampled_from(
    [
        post(b"one"),
        post(b"two"),
        post(b"three"),
        post(b"\r\n\r\n" + b"GET / HTTP/1.1\r\n\r\n"),
        post(b"one", "Accept-Language: zh"),
        post(b"one", target="http://x/a"),
        post(b"one", "Connection: close"),
        post(b"one", "Connection: keep-alive", version="1.0"),
        post(b"x" * 101),
        post(b""),
        chunked(b"one"),
        chunked(b"0\r\n\r\n"),
        chunked(b"on", b"e"),
        b"GET /g HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n" + post(b"one"),
        post(b"one").replace(b"Host: x\r\n", b"Host: x\r\nContent-Length: 3\r\n"),
        b"GARBAGE\r\n\r\none",
    ]
)


class Unlearning(Clockwork):
    def learn(self, data: bytes, exchange: Exchange) -> None:
        pass


@given(st.lists(REQUESTS, min_size=2, max_size=8), st.lists(st.integers(1, 300), max_size=12), st.booleans())
def test_it_makes_no_difference(requests: list[bytes], cuts: list[int], whole: bool) -> None:
    """Whole requests, or the same octets in other pieces: asked and answered as by one who learns nothing."""
    parts, octets = list(requests), b"".join(requests)
    if not whole:
        parts = []
        for cut in cuts:
            parts, octets = [*parts, octets[:cut]], octets[cut:]
        parts = [part for part in (*parts, octets) if part]
    service: Any = Echo()
    nothing_is_signed: Any = None
    learned, unlearned = Client(), Client(Unlearning(service, nothing_is_signed, 100))
    assert learned.say(*parts) == unlearned.say(*parts)


def test_a_request_begun_is_not_taken_for_another() -> None:
    """A body that looks like a known request, after its head has come alone."""
    client = Client()
    inner = post(b"a", target="/")
    client.say(inner, post(inner)[: -len(inner)])
    asked, _said, _closed = client.say(inner)
    assert [exchange.target for exchange in asked] == [b"/", b"/a"]
    assert asked[1] == replace(asked[0], target=b"/a", body=inner)


def test_more_or_less_than_the_body_is_parsed() -> None:
    client = Client()
    one, two = post(b"one"), post(b"two")
    asked, _said, closed = client.say(one, one + two, two[:-1], two[-1:])
    assert [exchange.body for exchange in asked] == [b"one", b"one", b"two", b"two"]
    assert not closed


def test_the_end_of_a_head_is_none() -> None:
    whole = post(b"one")
    begin, end = whole[:20], whole[20:]
    client = Client()
    client.say(begin, end)
    assert client.clockwork._known == {}
    asked, said, closed = client.say(end)
    assert len(asked) == 1 and closed
    assert b"HTTP/1.1 400 Bad Request" in said


class Slow(Echo):
    """Has everything signed elsewhere."""

    def at_once(self, exchange: Exchange) -> Reply | None:  # type: ignore[override]
        self.asked.append(exchange)
        return None

    def is_quick(self, _exchange: Exchange) -> bool:
        return False

    def finish(self, exchange: Exchange, answer: bytes) -> Reply:
        return Reply(OK, exchange.body + answer)


class Signing:
    """A pool that signs when it is told to."""

    def __init__(self) -> None:
        self.finish: Any = None

    def submit(self, _exchange: Exchange, finish: Any, *, here: bool) -> bool:
        self.finish = finish
        return not here


def test_who_is_known_after_a_long_silence_has_as_much_time_as_others() -> None:
    service: Any = Slow()
    pool: Any = Signing()
    client = Client(Clockwork(service, pool, 100))
    other = Client(client.clockwork)
    client.say(post(b"one"))
    pool.finish(b"!")
    now = server.IDLE_SECONDS - 1.0
    client.clockwork.tick(now)
    other.connection.data_received(post(b"parsed"))  # what was known has been forgotten
    client.say(post(b"known!"))
    assert client.service.asked[-1].body == b"known!"
    client.clockwork.tick(now + 2)
    assert not client.wire.closed
    pool.finish(b"!")
    assert client.wire.said.endswith(b"known!!")
    client.say(post(b"late!!"))
    client.clockwork.tick(now + 2 + server.REQUEST_SECONDS + 1)
    assert client.wire.closed
