"""One connection of HTTP/1.1 (RFC 9112): httptools parses, this keeps order, limits and time.

Replies leave in the order of the requests, also where a client sends several without waiting, and one of them has to be
signed first. What is no HTTP, too large or too slow is told so where that can be, and the connection closed.
"""

import asyncio
from collections import deque
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, NamedTuple, cast

import httptools

from core.server.exchange import Exchange, Reply, Service, reply_head
from core.server.pool import SigningPool

MAXIMUM_HEAD = 64 * 1024
"""Octets of request line and header fields: a GET may carry a whole request, in base64 and percent-encoded."""
MAXIMUM_WAITING = 64
"""Requests that a client may send ahead."""
MAXIMUM_HEADS = 1024
"""Of requests, and of replies, that are kept for a second."""
MAXIMUM_KEPT_HEAD = 1024
"""Octets of one of a request."""
REQUEST_SECONDS = 10
"""From a request's first octet to its last."""
IDLE_SECONDS = 75
"""Between two requests; more than the 60 of nginx, so that it is the proxy that closes."""


_END_OF_HEAD = b"\r\n\r\n"


class Known(NamedTuple):
    """What a head says that the parser has read before, on a connection that stayed."""

    exchange: Exchange
    """But for the body."""
    size: int
    """Octets of the body."""


class Clockwork:
    """What the connections of a process share: the time, the header field that tells it, and who is connected."""

    def __init__(self, service: Service[Any], pool: SigningPool, limit: int) -> None:
        self.service = service
        self.pool = pool
        self.limit = limit
        """Connections at a time."""
        self.connections: set[Connection] = set()
        self.stopping = False
        self.now = 0.0
        """Seconds, monotonic, to the second."""
        self._date = b""
        self._heads: dict[tuple[bytes, int, bool], bytes] = {}
        self._known: dict[bytes, Known] = {}

    def tick(self, now: float) -> None:
        """Once a second: tell the time, and close what took too long."""
        self.now = now
        self._date = f"Date: {formatdate(usegmt=True)}\r\n".encode()
        self._heads.clear()
        self._known.clear()
        for connection in [one for one in self.connections if one.deadline < now]:
            connection.give_up()

    def head(self, beginning: bytes, size: int, stays: bool) -> bytes:
        """A reply up to its body. Few differ within a second."""
        head = self._heads.get((beginning, size, stays))
        if head is None:
            length = b"" if beginning.startswith(b"HTTP/1.1 304 ") else b"Content-Length: %d\r\n" % size
            # Said also where it stays, for clients of HTTP/1.0 that have asked for it (RFC 9112 9.3).
            connection = b"Connection: keep-alive\r\n" if stays else b"Connection: close\r\n"
            head = b"".join((beginning, self._date, length, connection, b"\r\n"))
            if len(self._heads) < MAXIMUM_HEADS:
                self._heads[beginning, size, stays] = head
        return head

    def recognise(self, data: bytes) -> Exchange | None:
        """The one request that `data` is as a whole; None if that has to be parsed.

        Who posts says the same each time before the body. To parse that takes ten times as long as to know it.
        """
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        known = self._known.get(data[:end])
        if known is None or len(data) - end != known.size:
            return None
        return known.exchange.with_body(data[end:])

    def learn(self, data: bytes, exchange: Exchange) -> None:
        """This request was parsed from `data`: remember its head, if only the body follows, and that not in chunks."""
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        if 0 < len(exchange.body) == len(data) - end and end <= MAXIMUM_KEPT_HEAD and len(self._known) < MAXIMUM_HEADS:
            self._known[data[:end]] = Known(exchange.with_body(b""), len(exchange.body))

    def stop(self) -> None:
        """Close what is idle now, and all else after its reply."""
        self.stopping = True
        for connection in list(self.connections):
            connection.close_when_idle()


class Connection(asyncio.Protocol):
    """A client."""

    def __init__(self, clockwork: Clockwork) -> None:
        self._clockwork = clockwork
        self._service = clockwork.service
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Exchange | Reply, bool]] = deque()
        """Requests read and not yet answered, and whether the connection stays; a Reply where there is only one."""
        self._signing = False
        self._signed: tuple[Exchange, bool]
        """The request whose answer is being signed, and whether the connection stays."""
        self._closing = False
        self._begun = False
        self._octets = 0
        self._start_afresh()
        self.deadline = clockwork.now + REQUEST_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From the door; once more from asyncio, where it then stays (`move`)."""
        if self in self._clockwork.connections:
            return
        self._transport = cast(asyncio.Transport, transport)
        if len(self._clockwork.connections) >= self._clockwork.limit or self._clockwork.stopping:
            self._closing = True
            transport.close()
            return
        self._clockwork.connections.add(self)

    def move(self, transport: asyncio.Transport) -> None:
        """Write to this one from now on."""
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """From asyncio."""
        self._closing = True
        self._waiting.clear()
        del self._parser  # it holds this connection: so nothing is left for the collector of garbage
        self._clockwork.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """From asyncio."""
        if self._closing:
            return
        if not self._begun:
            exchange = self._clockwork.recognise(data)
            if exchange:
                self.deadline = self._clockwork.now + REQUEST_SECONDS
                self._enter(exchange, not self._clockwork.stopping)
                return
        self._whole = b"" if self._begun else data
        self._octets += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(HTTPStatus.NOT_IMPLEMENTED)  # no other protocol is spoken here
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        else:
            if self._in_head and self._octets > MAXIMUM_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def pause_writing(self) -> None:
        """From asyncio: the client does not take its replies. Until it does, nothing more is read."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """From asyncio."""
        self._transport.resume_reading()

    def _start_afresh(self) -> None:
        self._whole = b""
        """What came at a time, if the request begins with it."""
        self._target = b""
        self._content_type = b""
        self._if_none_match = b""
        self._accept_language = b""
        self._expects = False
        self._body = b""
        self._in_head = True

    def on_message_begin(self) -> None:
        """From httptools, with the first octet."""
        self._begun = True
        self.deadline = self._clockwork.now + REQUEST_SECONDS

    def on_url(self, url: bytes) -> None:
        """From httptools, in parts."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """From httptools."""
        match len(name):
            case 12 if name.lower() == b"content-type":
                self._content_type = value
            case 13 if name.lower() == b"if-none-match":
                self._if_none_match = value
            case 15 if name.lower() == b"accept-language":
                self._accept_language = value
            case 6 if name.lower() == b"expect":
                self._expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """From httptools."""
        self._in_head = False
        if self._expects and not self._waiting and not self._signing and self._parser.get_http_version() == "1.1":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """From httptools, in parts."""
        if not self._closing:
            self._body = self._body + body if self._body else body
            if len(self._body) > self._service.maximum_body:
                self._enter(self._service.too_large, False)

    def on_message_complete(self) -> None:
        """From httptools."""
        if self._closing:
            return
        parser = self._parser
        target = self._target
        if not target.startswith(b"/"):
            target = httptools.parse_url(target).path or b"/"  # absolute form (RFC 9112 3.2.2)
        exchange = Exchange(
            parser.get_method(), target, self._body, self._content_type, self._if_none_match, self._accept_language
        )
        stays = parser.should_keep_alive() and not self._clockwork.stopping
        if self._whole and stays and not self._expects:
            self._clockwork.learn(self._whole, exchange)
        self._octets = 0
        self._begun = False
        self._start_afresh()
        self._enter(exchange, stays)

    def _enter(self, exchange: Exchange | Reply, stays: bool) -> None:
        if not stays:
            self._closing = True  # nothing that comes after it is read
        if self._signing:
            self._waiting.append((exchange, stays))
            if len(self._waiting) >= MAXIMUM_WAITING:
                self._transport.pause_reading()
        else:
            self._begin(exchange, stays)

    def _begin(self, exchange: Exchange | Reply, stays: bool) -> None:
        if isinstance(exchange, Reply):
            self._write(exchange, stays)
            return
        reply = self._service.at_once(exchange)
        if reply is None:
            here = self._service.is_quick(exchange)
            self._signing = self._clockwork.pool.submit(exchange, self._finish, here=here)
            if self._signing:
                self._signed = exchange, stays
                return
            reply = self._service.busy(exchange)
        self._write(reply, stays, body=exchange.method != b"HEAD")

    def _finish(self, answer: Any) -> None:
        exchange, stays = self._signed
        reply = self._service.finish(exchange, answer)
        self._signing = False
        self._write(reply, stays, body=exchange.method != b"HEAD")
        if len(self._waiting) >= MAXIMUM_WAITING:
            self._transport.resume_reading()
        while self._waiting and not self._signing:
            self._begin(*self._waiting.popleft())

    def _write(self, reply: Reply, stays: bool, *, body: bool = True) -> None:
        if self._transport.is_closing():
            return
        head = self._clockwork.head(reply.head, len(reply.body), stays)
        self._transport.write(head + reply.body if body else head)
        self.deadline = self._clockwork.now + IDLE_SECONDS
        if not stays:
            self._transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        self._enter(Reply(reply_head(status, []), b""), False)

    def give_up(self) -> None:
        """Time is up."""
        if self._begun and not self._signing and not self._closing:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._transport.abort()

    def abort(self) -> None:
        """Close without a word."""
        self._transport.abort()

    def close_when_idle(self) -> None:
        """The service stops."""
        if not (self._begun or self._signing or self._waiting):
            self._transport.close()
