"""Over HTTP: our client against our server, against servers that misbehave, and the server against wrong clients."""

import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from core.algorithms import SHA1, SHA256, SM3
from core.errors import Kind, YinxinError
from tests.support.tsa import Stamps, make_stamps, read_response
from tests.support.tsa_server import Server, served
from tsa.authority import TimeStampAuthority
from tsa.client import Timestamper
from tsa.request import MAXIMUM_SIZE, QUERY, MessageImprint, TimeStampRequest, parse_request
from tsa.response import REPLY, PKIFailureInfo, granted, rejected, token_of
from tsa.verification import read_token

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

VALUE = SM3.of(b"document")
REQUEST = TimeStampRequest(MessageImprint.of(SM3, VALUE), nonce=1, wants_certificates=True).encode()


@pytest.fixture
def server(authority: TimeStampAuthority) -> Iterator[Server]:
    with served(authority) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/", "sm2"),
        ("/tsa", "sm2"),
        ("/tsa/", "sm2"),
        ("/tsa/sm2", "sm2"),
        ("/tsa/rsa?x=y", "rsa"),
        ("/tsa/p256", "p256"),
    ],
)
def test_each_address_has_its_unit(server: Server, stamps: Stamps, path: str, unit: str) -> None:
    answer = server.post(path, REQUEST)
    assert (answer.status, answer.headers["Content-Type"]) == (200, REPLY)
    assert answer.headers["Cache-Control"] == "no-store"
    assert read_token(token_of(answer.data)).certificate == stamps.hierarchies[unit].tsa.certificate


@pytest.mark.parametrize(
    ("path", "method", "kind", "status"),
    [
        ("/tsa/dsa", "POST", QUERY, 404),
        ("/tsa/sm2/x", "POST", QUERY, 404),
        ("/tsa/%FF", "POST", QUERY, 404),
        ("/", "GET", QUERY, 405),
        ("/", "PUT", QUERY, 405),
        ("/healthz", "POST", QUERY, 405),
        ("/", "POST", "application/json", 415),
        ("/", "POST", "", 415),
    ],
)
def test_what_is_no_query_gets_a_problem_document(
    server: Server, path: str, method: str, kind: str, status: int
) -> None:
    answer = server.ask(method, path, REQUEST, **({"Content_Type": kind} if kind else {}))
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("body", [b"", b"hello", b"\x30" * MAXIMUM_SIZE, bytes(MAXIMUM_SIZE + 1), bytes(60_000)])
def test_what_is_posted_as_a_query_is_answered_in_the_protocol(server: Server, body: bytes) -> None:
    answer = server.post("/", body, f"{QUERY}; charset=binary")
    assert (answer.status, answer.headers["Content-Type"]) == (200, REPLY)
    assert read_response(answer.data) == (2, {"bad_data_format"}, None)


def test_a_refusal_speaks_the_clients_language(server: Server) -> None:
    answer = server.post("/", b"", Accept_Language="en")
    with pytest.raises(YinxinError, match="not a time-stamp request"):
        token_of(answer.data)
    with pytest.raises(YinxinError, match="时间戳"):
        token_of(server.post("/", b"", Accept_Language="zh-CN,zh;q=0.9").data)


class Misbehaving:
    """A WSGI application on a port of its own."""

    def __init__(self, application: "WSGIApplication") -> None:
        self._server = make_server("127.0.0.1", 0, application, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/tsa"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_our_client_at_our_server(server: Server, stamps: Stamps) -> None:
    token = Timestamper(server.url, anchors=stamps.anchors).stamp(SM3, VALUE)
    assert read_token(token).imprint == VALUE
    rsa = Timestamper(server.url, policy=stamps.policy("rsa")).stamp(SHA256, SHA256.of(b"document"))
    assert read_token(rsa).policy == stamps.policy("rsa")
    with pytest.raises(YinxinError, match="refused: unaccepted_policy"):
        Timestamper(server.url, policy="1.2.3").stamp(SM3, VALUE)
    with pytest.raises(YinxinError, match="HTTP status 404"):
        Timestamper(f"{server.url}/nobody").stamp(SM3, VALUE)
    with pytest.raises(YinxinError, match="no trusted issuer"):
        Timestamper(server.url, anchors=make_stamps().anchors).stamp(SM3, VALUE)


def test_what_cannot_be_asked_is_not_sent() -> None:
    for url in ("file:///etc/passwd", "ftp://example.org", "localhost:8082", ""):
        with pytest.raises(YinxinError, match="not the address"):
            Timestamper(url)
    nobody = Timestamper("http://127.0.0.1:9/")
    with pytest.raises(YinxinError, match="not given over sha1"):
        nobody.stamp(SHA1, bytes(20))
    with pytest.raises(YinxinError, match="has 32 octets"):
        nobody.stamp(SM3, bytes(31))
    with pytest.raises(YinxinError, match="does not answer") as caught:
        nobody.stamp(SM3, VALUE)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert caught.value.subject == "http://127.0.0.1:9/"


def misbehaving(authority: TimeStampAuthority) -> dict[str, tuple[Response, str]]:
    def reply(token: bytes) -> Response:
        return Response(granted(token), content_type=REPLY)

    replayed = authority.stamp(SM3, VALUE, nonce=4)
    return {
        "an-old-answer": (reply(replayed), "nonces differ"),
        "no-nonce": (reply(authority.stamp(SM3, VALUE)), "nonces differ"),
        "a-forged-token": (reply(replayed[:-1] + bytes((replayed[-1] ^ 1,))), "not good"),
        "a-refusal": (
            Response(rejected(PKIFailureInfo.SYSTEM_FAILURE, "busy"), content_type=REPLY),
            "system_failure - busy",
        ),
        "a-web-page": (Response("<html>", content_type="text/html"), "but text/html"),
        "rubbish": (Response(b"rubbish", content_type=REPLY), "not a time-stamp response"),
        "endless": (Response(bytes(2 * 1024 * 1024), content_type=REPLY), "longer than"),
        "down": (Response(status=503), "HTTP status 503"),
    }


def test_misbehaving_servers_are_not_believed(authority: TimeStampAuthority) -> None:
    cases = misbehaving(authority)
    server = Misbehaving(lambda environ, start: cases[environ["QUERY_STRING"]][0](environ, start))
    for name, (_answer, words) in cases.items():
        url = f"{server.url}?{name}"
        with pytest.raises(YinxinError, match=words) as caught:
            Timestamper(url).stamp(SM3, VALUE)
        assert caught.value.subject == url
    server.close()


def test_an_answer_about_something_else_is_not_believed(authority: TimeStampAuthority) -> None:
    """The right nonce, another imprint."""

    def swap(environ: dict[str, object], start_response: object) -> object:
        asked = parse_request(environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"]))))  # type: ignore[attr-defined]
        token = authority.stamp(SM3, SM3.of(b"other"), nonce=asked.nonce)
        return Response(granted(token), content_type=REPLY)(environ, start_response)  # type: ignore[arg-type]

    server = Misbehaving(swap)  # type: ignore[arg-type]
    with pytest.raises(YinxinError, match="imprints differ"):
        Timestamper(server.url).stamp(SM3, VALUE)
    server.close()


def test_a_silent_server_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(YinxinError, match="does not answer: timed out"):
            Timestamper(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2).stamp(SM3, VALUE)
