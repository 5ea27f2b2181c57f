"""OCSP over HTTP: GET and POST, headers for caches, conditional requests, limits, and no bad input that makes a 500."""

import io
import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, unquote
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest
from asn1crypto import pem
from werkzeug.http import http_date
from werkzeug.test import Client, TestResponse

from core.errors import Kind, YinxinError
from ocsp import http
from ocsp.delegation import Delegation
from ocsp.request import MAXIMUM_SIZE, build_request
from ocsp.responder import Responder
from ocsp.response import Refusal, refusal
from tests.support import ocsp_judges as judges
from tests.support.ocsp_world import HELD, NEVER_ISSUED, NOW, VALID, VALIDITY, Status, World, about, delegation

MALFORMED = refusal(Refusal.MALFORMED_REQUEST)


@pytest.fixture
def client(world: World) -> Client:
    return Client(http.application(world.responder))


def asked(world: World, serial: int = VALID, nonce: bytes | None = None) -> bytes:
    return build_request([about(world.town.issuing, serial)], nonce)


def path_of(request: bytes) -> str:
    return "/" + quote(b64encode(request), safe="")


def get(client: Client, path: str, **headers: str) -> TestResponse:
    """As a server hands it on: PATH_INFO decoded once."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(headers=named, environ_overrides={"PATH_INFO": unquote(path, "latin-1")})


def test_post(world: World, client: Client) -> None:
    answer = client.post("/", data=asked(world, HELD), content_type=http.REQUEST_TYPE)
    assert (answer.status_code, answer.content_type) == (200, "application/ocsp-response")
    assert answer.content_length == len(answer.data)
    assert answer.headers["Cache-Control"] == "no-store"
    assert judges.statuses(answer.data) == ["revoked certificateHold"]


@pytest.mark.parametrize(
    "write",
    [
        path_of,
        lambda request: "/" + b64encode(request).decode(),  # '+', '/' and '=' as they are
        lambda request: "//" + b64encode(request).decode(),  # an address that ended in a slash
        lambda request: "/" + quote(quote(b64encode(request), safe=""), safe=""),  # encoded twice
    ],
    ids=["percent-encoded", "plain", "two slashes", "encoded twice"],
)
def test_get(world: World, client: Client, write: Callable[[bytes], str]) -> None:
    # A serial number that makes base64 with '+' and '/'.
    serial = 0x3EFBEFBEFFFFFFBEFBEFBF
    world.books.statuses[2, serial] = Status("valid")
    request = asked(world, serial)
    assert {"+", "/"} <= set(b64encode(request).decode())
    answer = get(client, write(request))
    assert judges.statuses(answer.data) == ["good"]


def test_mounted_below_a_path(world: World) -> None:
    path = path_of(asked(world))
    answer = Client(http.application(world.responder)).get(path, base_url="http://localhost/ocsp")
    assert judges.statuses(answer.data) == ["good"]


def test_headers_for_caches(world: World, client: Client) -> None:
    """RFC 5019 6.2, but for minutes only, so that a revocation shows."""
    answer = get(client, path_of(asked(world)))
    assert answer.headers["Last-Modified"] == http_date(NOW)
    assert answer.headers["Expires"] == http_date(NOW + VALIDITY)
    assert answer.headers["Cache-Control"] == "max-age=300, public, no-transform, must-revalidate"
    assert answer.headers["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("serial", "nonce"), [(VALID, b"0123456789abcdef"), (NEVER_ISSUED, None)], ids=["nonce", "unknown"]
)
def test_not_for_caches(world: World, client: Client, serial: int, nonce: bytes | None) -> None:
    """An answer for one question only; an answer that the next issuance makes wrong."""
    answer = get(client, path_of(asked(world, serial, nonce)))
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


def test_not_modified_as_long_as_the_same_would_be_said(world: World, client: Client) -> None:
    path = path_of(asked(world))
    tag = get(client, path).headers["ETag"]
    world.clock.advance(timedelta(minutes=10))
    again = get(client, path, If_None_Match=f'"other", {tag}')
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert "Expires" not in again.headers
    world.books.statuses[2, VALID] = Status("held", world.clock.now())
    changed = get(client, path, If_None_Match=tag)
    assert changed.status_code == 200
    assert judges.statuses(changed.data) == ["revoked certificateHold"]


def test_what_is_not_modified_is_not_outdated(world: World, client: Client) -> None:
    """Whenever a cache is told 304, its copy holds for longer than it will be kept unasked."""
    path = path_of(asked(world))
    start = world.clock.now()
    tag = get(client, path).headers["ETag"]
    confirmed = 0
    while get(client, path, If_None_Match=tag).status_code == 304:
        assert start + VALIDITY - world.clock.now() >= VALIDITY / 2 > http.CACHE_TIME
        confirmed += 1
        world.clock.advance(timedelta(minutes=7))
    assert confirmed


def test_not_beyond_the_responders_certificate(world: World) -> None:
    """Neither nextUpdate nor a cache outlives the right to answer."""
    short = world.town.delegate(world.town.issuing, "Short", days=401)
    end = delegation(short).certificate.not_after
    world.clock.moment = end - timedelta(seconds=90)
    responder = Responder(world.books, [delegation(short)], world.clock, VALIDITY)
    answer = Client(http.application(responder)).get(path_of(asked(world)))
    assert answer.headers["Expires"] == http_date(end)
    assert answer.headers["Cache-Control"].startswith("max-age=90,")
    world.clock.moment = end + timedelta(seconds=1)
    assert Client(http.application(responder)).get(path_of(asked(world))).data == refusal(Refusal.TRY_LATER)


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/%00%ff", "/MDww", "/" + "A" * 100_000, "/%E5%8D%B0%E4%BF%A1", "/MA==x", "/%zz"]
)
def test_get_of_something_else(client: Client, path: str) -> None:
    answer = get(client, path)
    assert (answer.status_code, answer.data) == (200, MALFORMED)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"\x30\x00", bytes(MAXIMUM_SIZE + 1), b"\xff" * 100])
def test_post_of_something_else(client: Client, body: bytes) -> None:
    answer = client.post("/", data=body, content_type=http.REQUEST_TYPE)
    assert (answer.status_code, answer.data) == (200, MALFORMED)


@pytest.mark.parametrize("length", ["-1", "many", "1e3", "999999999999999999999"])
def test_content_length_that_lies(world: World, client: Client, length: str) -> None:
    environ = {"wsgi.input": io.BytesIO(asked(world)), "CONTENT_LENGTH": length}
    answer = client.open("/", method="POST", environ_overrides=environ, content_type=http.REQUEST_TYPE)
    assert (answer.status_code, answer.data) == (200, MALFORMED)


def test_a_body_that_never_ends_is_not_read(client: Client) -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            self.taken += len(buffer)
            return len(buffer)

        def readable(self) -> bool:
            return True

    endless = Endless()
    environ = {"wsgi.input": endless, "wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    assert client.open("/", method="POST", environ_overrides=environ, content_type=http.REQUEST_TYPE).data == MALFORMED
    assert endless.taken < 4 * MAXIMUM_SIZE


def test_other_methods_and_types(world: World, client: Client) -> None:
    refused = client.put("/", data=asked(world), content_type=http.REQUEST_TYPE)
    assert refused.status_code == 405
    assert "POST" in refused.headers["Allow"]
    wrong = client.post("/", data=asked(world), content_type="application/x-www-form-urlencoded")
    assert (wrong.status_code, wrong.content_type) == (415, "application/problem+json")
    assert client.post("/", data=asked(world), content_type="Application/OCSP-Request; x=1").status_code == 200


def test_head(world: World, client: Client) -> None:
    answer = client.head(path_of(asked(world)))
    assert answer.data == b""
    assert int(answer.headers["Content-Length"]) > 500


class BrokenBooks:
    """Status that cannot be read now."""

    def __init__(self, world: World, error: Exception) -> None:
        self.issuers = world.books.issuers
        self._error = error

    def status(self, issuer_id: int, serial: int) -> Status | None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (YinxinError(Kind.UNAVAILABLE, "the database does not answer"), Refusal.TRY_LATER),
        (RuntimeError("secret words"), Refusal.INTERNAL_ERROR),
    ],
)
def test_our_own_trouble(world: World, error: Exception, expected: Refusal, caplog: pytest.LogCaptureFixture) -> None:
    responder = Responder(BrokenBooks(world, error), [delegation(world.town.responder)], world.clock, VALIDITY)
    client = Client(http.application(responder))
    for answer in (
        client.get(path_of(asked(world))),
        client.post("/", data=asked(world), content_type=http.REQUEST_TYPE),
    ):
        assert (answer.status_code, answer.data) == (200, refusal(expected))
        assert answer.headers["Cache-Control"] == "no-store"
    assert str(error) in caplog.text


def test_a_signer_that_fails_is_not_cached(world: World) -> None:
    class Broken:
        algorithm = world.town.responder.key.algorithm
        public_key_info = world.town.responder.key.public_key_info

        def sign(self, data: bytes) -> bytes:
            raise OSError("the device is gone")

    broken = Delegation(Broken(), delegation(world.town.responder).certificate)
    responder = Responder(world.books, [broken], world.clock, VALIDITY)
    answer = Client(http.application(responder)).get(path_of(asked(world)))
    assert answer.data == refusal(Refusal.INTERNAL_ERROR)
    assert answer.headers["Cache-Control"] == "no-store"


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """A real server, which also checks that we keep to WSGI (PEP 3333)."""
    server = make_server("127.0.0.1", 0, validator(http.application(world.responder)), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_openssl_asks(world: World, address: str, tmp_path: Path) -> None:
    """`openssl ocsp` as a client: it reads the SM2 answer too, though it cannot check its signature."""
    town = world.town
    (tmp_path / "issuer.pem").write_bytes(pem.armor("CERTIFICATE", town.issuing.certificate))
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", town.root.certificate))
    options = f"-issuer issuer.pem -serial {HELD} -url {address} -CAfile root.pem -attime {int(NOW.timestamp())}"
    options += " -validity_period 1000000000"  # -attime does not reach the times of the answer
    done = subprocess.run(["openssl", "ocsp", *options.split()], cwd=tmp_path, capture_output=True, text=True)
    assert f"{HELD}: revoked" in done.stdout
    assert "Reason: certificateHold" in done.stdout
    if town.kind.startswith("rsa"):
        assert "Response verify OK" in done.stderr


def test_curl_gets(world: World, address: str) -> None:
    url = f"{address}{path_of(asked(world))}"
    done = subprocess.run(["curl", "--silent", "--fail", url], capture_output=True, check=True)
    assert judges.statuses(done.stdout) == ["good"]
