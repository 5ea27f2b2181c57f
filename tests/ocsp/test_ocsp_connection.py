"""HTTP as it comes: out of order, in pieces, too large, too slow, or no HTTP at all; and the end of the service."""

import re
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest

from core.algorithms import KeyKind
from core.server.connection import IDLE_SECONDS, MAXIMUM_HEAD, MAXIMUM_WAITING, REQUEST_SECONDS
from ocsp.counters import Count
from ocsp.delegation import Delegation
from ocsp.request import MAXIMUM_SIZE, build_request
from ocsp.responder import Responder
from ocsp.response import Refusal, refusal
from tests.support import ocsp_judges as judges
from tests.support.ocsp_server import Client, desk, served
from tests.support.ocsp_world import HELD, NEVER_ISSUED, REVOKED_PLAIN, TOWNS, VALID, VALIDITY, World, about, delegation

NONCE = b"0123456789abcdef"
MALFORMED = refusal(Refusal.MALFORMED_REQUEST)


@pytest.fixture(scope="module")
def world() -> World:
    """What is tested here does not depend on the algorithm."""
    return World(TOWNS[KeyKind.SM2], TOWNS[KeyKind.RSA_2048])


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    with served(world.clock, {b"": desk(world.responder, world.clock)}) as client:
        yield client


def asked(world: World, serial: int = VALID, nonce: bytes | None = None) -> bytes:
    return build_request([about(world.town.issuing, serial)], nonce)


def post(body: bytes, *fields: str, version: str = "1.1", host: str = "Host: x") -> bytes:
    lines = [f"POST / HTTP/{version}", host, "Content-Type: application/ocsp-request", *fields]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


CLOSE = "Connection: close"


def bodies(said: bytes) -> list[bytes]:
    """The bodies of replies that follow one another."""
    found = []
    while said:
        head, _end, said = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
        (length,) = re.findall(rb"Content-Length: (\d+)", head)
        found.append(said[: int(length)])
        said = said[int(length) :]
    return found


def test_replies_come_in_the_order_of_the_questions(world: World, client: Client) -> None:
    """Sent ahead, of every kind: those that are refused at once must wait for those that are signed."""
    serials = [VALID, HELD, NEVER_ISSUED, REVOKED_PLAIN] * 20
    questions = []
    for place, serial in enumerate(serials):
        questions += [
            post(asked(world, serial, NONCE if place % 3 else None)),
            b"GET /! HTTP/1.1\r\nHost: x\r\n\r\n",
        ]
    said = bodies(client.said_to(b"".join([*questions, post(asked(world), CLOSE)])))
    assert said[1:-1:2] == [MALFORMED] * len(serials)
    words = {VALID: "good", HELD: "revoked certificateHold", NEVER_ISSUED: "unknown", REVOKED_PLAIN: "revoked"}
    assert [judges.statuses(body) for body in said[:-1:2]] == [[words[serial]] for serial in serials]
    assert len(questions) > MAXIMUM_WAITING


def test_octet_by_octet(world: World, client: Client) -> None:
    with client.raw() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in post(asked(world)):
            connection.sendall(bytes([octet]))
        assert judges.statuses(bodies(receive_one(connection))[0]) == ["good"]


def receive_one(connection: socket.socket) -> bytes:
    said = b""
    while b"\r\n\r\n" not in said or len(said.partition(b"\r\n\r\n")[2]) < int(
        re.findall(rb"Content-Length: (\d+)", said)[0]
    ):
        part = connection.recv(65536)
        assert part, said
        said += part
    return said


def test_chunked(world: World, client: Client) -> None:
    question = asked(world)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nTransfer-Encoding: chunked\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (question[:10], question[10:]))
    said = client.said_to(head + b"Connection: close\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert judges.statuses(bodies(said)[0]) == ["good"]


def test_http_1_0(world: World, client: Client) -> None:
    """Closed after the reply, unless it asks to stay, and is then told so."""
    assert len(bodies(client.said_to(post(asked(world), version="1.0", host="User-Agent: old")))) == 1
    with client.raw() as connection:
        for _time in range(2):
            connection.sendall(post(asked(world), "Connection: keep-alive", version="1.0"))
            assert b"Connection: keep-alive\r\n" in receive_one(connection)


def test_expect_continue(world: World, client: Client) -> None:
    head, question = post(asked(world), "Expect: 100-continue", CLOSE).split(b"\r\n\r\n", 1)
    with client.raw() as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(question)
        assert judges.statuses(bodies(receive_one(connection))[0]) == ["good"]


def test_absolute_form_and_query(world: World, client: Client) -> None:
    path = b64encode(asked(world)).decode()
    for target in (f"http://x/{path}", f"/{path}?x=1"):
        said = client.said_to(f"GET {target} HTTP/1.1\r\nHost: x\r\n{CLOSE}\r\n\r\n".encode())
        assert judges.statuses(bodies(said)[0]) == ["good"]


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n X: folded\r\nBad Name: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (MAXIMUM_HEAD + 1), 431),
        (b"GET /" + b"A" * (MAXIMUM_HEAD + 1), 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 501),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_no_http_that_is_spoken_here(client: Client, octets: bytes, status: int) -> None:
    """Told so, closed, and nobody else is disturbed."""
    said = client.said_to(octets)
    assert re.findall(rb"HTTP/1.1 (\d+)", said)[-1:] == [b"%d" % status], said
    assert b"Connection: close\r\n" in said
    assert client.get("/!").data == MALFORMED


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_not_read(client: Client, chunked: bool) -> None:
    """Told at the limit, not at the end."""
    size = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 999999999"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\n%s\r\n\r\n" % size
    start = b"FFFFFFF\r\n" if chunked else b""
    said = client.said_to(head + start + bytes(MAXIMUM_SIZE + 1))
    assert bodies(said) == [MALFORMED]


def test_the_slow_are_let_go_and_others_are_served(world: World, client: Client) -> None:
    """Octets that trickle in do not prolong the time for a request; nor does silence."""
    with client.raw() as slow, client.raw() as silent, client.raw() as served_well:
        slow.sendall(b"POST / HTTP/1.1\r\n")
        served_well.sendall(post(asked(world)))
        assert receive_one(served_well)
        until(lambda: len(client.clockwork.connections) == 3)  # the silent one is let in later
        tick(client, REQUEST_SECONDS - 1)
        slow.sendall(b"X: y\r\n")
        tick(client, REQUEST_SECONDS + 1)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")
        assert silent.recv(1000) in (b"",)
        served_well.sendall(post(asked(world)))
        assert receive_one(served_well)
        tick(client, REQUEST_SECONDS + 2 + IDLE_SECONDS)
        assert served_well.recv(1000) == b""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tick(client: Client, now: float) -> None:
    """The server's clock, in its own thread."""
    done = threading.Event()
    client.ask("GET", "/metrics")  # whatever was sent before has been read

    def work() -> None:
        client.clockwork.tick(now)
        done.set()

    client.clockwork.pool._loop.call_soon_threadsafe(work)
    assert done.wait(10)


def test_those_who_take_no_replies_stop_the_reading(world: World, client: Client) -> None:
    """Memory for replies is bounded: a client that only sends is read no further."""
    question = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 500
    with client.raw() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200_000_000:
                sent += connection.send(question)
    assert client.get("/!").data == MALFORMED


def test_too_many_connections_are_closed_at_once(world: World) -> None:
    with served(world.clock, {b"": desk(world.responder, world.clock)}, connections=2) as client:
        assert client.get("/!").data == MALFORMED
        with client.raw() as second, client.raw() as third:
            second.sendall(post(asked(world)))
            assert receive_one(second)
            assert third.recv(1000) == b""


def test_a_client_that_leaves_before_its_answer(world: World, client: Client) -> None:
    for _time in range(20):
        with client.raw() as connection:
            connection.sendall(post(asked(world, nonce=NONCE)) * 5)
    assert judges.statuses(client.post(asked(world)).data) == ["good"]


def test_too_many_waiting_for_a_signature(world: World) -> None:
    """Told to try later at once, while those before them are served."""
    going_on = threading.Event()
    party = world.town.responder

    class Slow:
        algorithm, public_key_info = party.key.algorithm, party.key.public_key_info

        def sign(self, data: bytes) -> bytes:
            going_on.wait(20)
            return party.key.sign(data)

    slow = Responder(world.books, [Delegation(Slow(), delegation(party).certificate)], world.clock, VALIDITY)
    with served(world.clock, {b"": desk(slow, world.clock)}, threads=1, waiting=2) as client:
        with client.raw() as first, client.raw() as second:
            for connection in (first, second):
                connection.sendall(post(asked(world)))
            client.get("/!")
            while client.clockwork.pool._open < 2:
                client.get("/!")
            assert client.post(asked(world)).data == refusal(Refusal.TRY_LATER)
            going_on.set()
            assert judges.statuses(bodies(receive_one(first))[0]) == ["good"]
            assert judges.statuses(bodies(receive_one(second))[0]) == ["good"]
        assert (client.count(Count.BUSY), client.count(Count.SIGNED)) == (1, 2)


def test_metrics(world: World, client: Client) -> None:
    client.post(asked(world))
    client.post(asked(world, nonce=NONCE))
    client.get("/!")
    client.post(b"nonsense")
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert b'\nyinxin_ocsp_questions_total{outcome="signed"} 1\n' in answer.data
    assert b'\nyinxin_ocsp_questions_total{outcome="signed_once"} 1\n' in answer.data
    assert b'\nyinxin_ocsp_questions_total{outcome="refused"} 2\n' in answer.data
