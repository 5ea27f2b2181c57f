"""Clients at the door: answered there, or passed on to the loop with whatever is left to be said and done."""

import asyncio
import resource
import socket
import struct
from collections.abc import Iterator

import pytest

from core.algorithms import KeyKind
from core.server import door
from core.server.connection import Connection
from ocsp.request import build_request
from tests.ocsp.test_ocsp_connection import CLOSE, bodies, post, until
from tests.support import ocsp_judges as judges
from tests.support.ocsp_server import Client, desk, served
from tests.support.ocsp_world import HELD, TOWNS, VALID, World, about

ABRUPTLY = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset."""


@pytest.fixture(scope="module")
def world() -> World:
    return World(TOWNS[KeyKind.SM2], TOWNS[KeyKind.RSA_2048])


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    with served(world.clock, {b"": desk(world.responder, world.clock)}) as client:
        yield client


def asked(world: World, serial: int = VALID) -> bytes:
    return build_request([about(world.town.issuing, serial)])


def test_who_asks_once_and_goes_leaves_nothing_behind(world: World, client: Client) -> None:
    for _time in range(3):
        (answer,) = bodies(client.said_to(post(asked(world, HELD), CLOSE)))
        assert judges.statuses(answer) == ["revoked certificateHold"]
    until(lambda: not client.clockwork.connections)


def test_who_stays_goes_on_in_the_loop(world: World, client: Client) -> None:
    """What is asked at the door, on the way to the loop and in it is answered in that order."""
    with client.raw() as connection:
        said = b""
        for serials in ([VALID], [HELD, VALID], [HELD]):
            connection.sendall(b"".join(post(asked(world, serial)) for serial in serials))
            expected = len(bodies(said)) + len(serials)
            while said.count(b"HTTP/1.1 200") < expected or len(bodies(said)) < expected:
                said += connection.recv(65536)
    words = {VALID: ["good"], HELD: ["revoked certificateHold"]}
    assert [judges.statuses(body) for body in bodies(said)] == [words[one] for one in (VALID, HELD, VALID, HELD)]


def test_more_at_once_than_the_client_takes(world: World, client: Client) -> None:
    """Answers that the socket does not hold wait; the connection is closed after the last, not before."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", client.port))
    wrong = b"GET /!%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"x" * 8)
    count = 1500
    with connection:
        connection.sendall(wrong * count + post(asked(world), CLOSE))
        said = b""
        while part := connection.recv(65536):
            said += part
    assert len(bodies(said)) == count + 1
    assert judges.statuses(bodies(said)[-1]) == ["good"]


class Loop(asyncio.Transport):
    """Where a connection is passed on to."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.done.append(bytes(data))

    def close(self) -> None:
        self.done.append("closed")

    def abort(self) -> None:
        self.done.append("aborted")

    def is_closing(self) -> bool:
        return False


def test_what_was_not_sent_at_the_door_is_passed_on() -> None:
    ours, theirs = socket.socketpair()
    said = bytes(range(256)) * 4096
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        step, loop = door.Doorstep(ours), Loop()
        step.write(said)
        step.close()
        step.send()
        assert not step.is_done
        step.empty_into(loop)
        rest, closed = loop.done
        assert isinstance(rest, bytes)
        assert theirs.recv(len(said)) + rest == said
        assert closed == "closed"


def test_who_is_thrown_out_on_the_way_gets_nothing_more() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        step, loop = door.Doorstep(ours), Loop()
        step.write(b"too late")
        step.abort()
        step.send()
        step.empty_into(loop)
        assert loop.done == ["aborted"]
        with pytest.raises(BlockingIOError):
            theirs.recv(1, socket.MSG_DONTWAIT)


def test_who_has_gone_is_not_written_to() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        step = door.Doorstep(ours)
        step.write(b"an answer")
        step.send()
        assert step.is_done


def test_many_who_come_together_are_each_told_their_own(world: World, client: Client) -> None:
    """More than are let in at a time, each about something else; some say nothing, or go before they are answered."""
    serials = [serial for _time in range(20) for serial in (VALID, HELD)]
    strangers = [client.raw() for _time in range(5)]
    connections = [client.raw() for _serial in serials]
    for place, (connection, serial) in enumerate(zip(connections, serials, strict=True)):
        connection.sendall(post(asked(world, serial), CLOSE))
        if place % 8 == 7:
            strangers.pop().close()
    words = {VALID: ["good"], HELD: ["revoked certificateHold"]}
    for connection, serial in zip(connections, serials, strict=True):
        with connection:
            said = b""
            while part := connection.recv(65536):
                said += part
        (answer,) = bodies(said)
        assert judges.statuses(answer) == words[serial]
    until(lambda: not client.clockwork.connections)


@pytest.mark.parametrize("before", [b"", b"POST / HTTP/1.1\r\n"])
def test_who_vanishes_at_the_door_is_forgotten(world: World, client: Client, before: bytes) -> None:
    for abruptly in (False, True):
        connection = client.raw()
        if abruptly:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABRUPTLY)
        connection.sendall(before)
        connection.close()
    assert client.post(asked(world)).status == 200
    until(lambda: len(client.clockwork.connections) == 1)


def test_a_defect_costs_one_client_only(world: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Connection, "data_received", lambda *_given: 1 / 0)
        assert client.said_to(post(asked(world))) == b""
    assert not client.clockwork.connections
    assert client.post(asked(world)).status == 200


def test_the_door_stays_in_use_when_nobody_could_be_let_in(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without descriptors the listening socket would be readable for ever, and the loop never rest."""
    monkeypatch.setattr(door, "RETRY_SECONDS", 0.2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    waiting = client.raw()
    resource.setrlimit(resource.RLIMIT_NOFILE, (waiting.fileno(), hard))
    try:
        waiting.sendall(post(asked(world), CLOSE))
        waiting.settimeout(0.5)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    waiting.settimeout(20)
    with waiting:
        assert waiting.recv(12) == b"HTTP/1.1 200"
