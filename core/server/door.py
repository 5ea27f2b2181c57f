"""Where clients come in. What has been asked by then is answered there and then; who stays is handed to the loop.

Most who ask for a status ask once and go: taken, read, answered and closed, in four calls of the system. The loop,
which watches over those that stay, would need ten. Those who come together go through each step together: it is in the
processor's caches then, and takes a quarter less time.
"""

import asyncio
import logging
import socket
from collections.abc import Iterator

from core.server.connection import Clockwork, Connection

log = logging.getLogger(__name__)

ENTERING = 16
"""Clients that are let in before others have their turn."""
FIRST_READ = 64 * 1024
"""Octets."""
DEFERRED_SECONDS = 1
"""Who connects and says nothing is let in after that only (TCP_DEFER_ACCEPT)."""
RETRY_SECONDS = 1.0
"""After the system could let nobody in, for want of descriptors or memory."""

# Numbers: to combine and hand over members of an enumeration takes longer than the call itself.
_AT_ONCE = int(socket.MSG_DONTWAIT)
_AT_ONCE_WITH_THE_END = int(socket.MSG_DONTWAIT | socket.MSG_MORE)
"""Where nothing follows, the end of the connection goes in the same segment as the end of what is said."""


class Door:
    """A listening socket, and those who come."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: socket.socket, clockwork: Clockwork) -> None:
        self._loop = loop
        self._listener = listener
        self._clockwork = clockwork
        self._passing: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None

    def open(self, backlog: int) -> None:
        """Let clients in from now on; `backlog` of them may wait for it."""
        self._listener.setblocking(False)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, DEFERRED_SECONDS)
        self._listener.listen(backlog)
        self._watch()

    def close(self) -> None:
        """Let nobody in any more."""
        if self._retry:
            self._retry.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _watch(self) -> None:
        self._loop.add_reader(self._listener, self._let_in)

    def _let_in(self) -> None:
        steps = [Doorstep(client) for client in self._arrivals()]
        heard = [step.receive() for step in steps]
        answered = [(step, self._answer(step, data)) for step, data in zip(steps, heard, strict=True)]
        for step, connection in answered:
            step.send()
            self._part(step, connection)

    def _arrivals(self) -> Iterator[socket.socket]:
        for _client in range(ENTERING):
            try:
                client, _address = self._listener.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError:
                self._loop.remove_reader(self._listener)
                self._retry = self._loop.call_later(RETRY_SECONDS, self._watch)
                return
            yield client

    def _answer(self, step: "Doorstep", data: bytes) -> Connection:
        connection = Connection(self._clockwork)
        connection.connection_made(step)
        try:
            if data:
                connection.data_received(data)
        except Exception:
            log.exception("a client could not be served")
            step.abort()
        return connection

    def _part(self, step: "Doorstep", connection: Connection) -> None:
        if step.is_done:
            connection.connection_lost(None)
            step.client.close()
        else:
            task = self._loop.create_task(self._pass_on(step, connection))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass_on(self, step: "Doorstep", connection: Connection) -> None:
        try:
            transport, _protocol = await self._loop.connect_accepted_socket(lambda: connection, step.client)
        except OSError as error:
            step.client.close()
            connection.connection_lost(error)
        else:
            # Now that the loop reads, and not before, it can be told to pause.
            connection.move(transport)
            step.empty_into(transport)


class Doorstep(asyncio.Transport):
    """What a connection writes to until the loop has it."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self._waiting: list[bytes] = []
        self._closing = False
        self._aborted = False

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do for the client."""
        return self._aborted or (self._closing and not self._waiting)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Octets for the client."""
        self._waiting.append(bytes(data))

    def close(self) -> None:
        """After what was written."""
        self._closing = True

    def abort(self) -> None:
        """Whatever was written."""
        self._closing = self._aborted = True

    def is_closing(self) -> bool:
        """Whether it is to be closed."""
        return self._closing

    def pause_reading(self) -> None:
        """Nothing is read yet."""

    def resume_reading(self) -> None:
        """Nothing was to be paused."""

    def receive(self) -> bytes:
        """What the client has said by now."""
        try:
            said = self.client.recv(FIRST_READ, _AT_ONCE)
        except BlockingIOError:
            return b""
        except OSError:
            said = b""
        if not said:
            self.abort()
        return said

    def send(self) -> None:
        """What was written, as much as goes at once."""
        if not self._waiting or self._aborted:
            return
        written = b"".join(self._waiting)
        try:
            sent = self.client.send(written, _AT_ONCE_WITH_THE_END if self._closing else _AT_ONCE)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        self._waiting = [written[sent:]] if sent < len(written) else []

    def empty_into(self, transport: asyncio.Transport) -> None:
        """Do there what is left to be done."""
        if self._aborted:
            transport.abort()
            return
        if self._waiting and not transport.is_closing():
            transport.write(b"".join(self._waiting))
        if self._closing:
            transport.close()
