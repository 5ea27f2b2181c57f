"""OCSP over HTTP: GET and POST, headers for caches, conditional requests, limits, and no bad input that makes a 500."""

import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from asn1crypto import pem
from werkzeug.http import http_date

from core.errors import Kind, YinxinError
from ocsp import http
from ocsp.delegation import Delegation
from ocsp.request import MAXIMUM_SIZE, build_request
from ocsp.responder import Responder
from ocsp.response import Refusal, refusal
from tests.support import ocsp_judges as judges
from tests.support.ocsp_server import Client, desk, served
from tests.support.ocsp_world import HELD, NEVER_ISSUED, NOW, VALID, VALIDITY, Status, World, about, delegation

MALFORMED = refusal(Refusal.MALFORMED_REQUEST)


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    with served(world.clock, {b"": desk(world.responder, world.clock)}) as client:
        yield client


def asked(world: World, serial: int = VALID, nonce: bytes | None = None) -> bytes:
    return build_request([about(world.town.issuing, serial)], nonce)


def path_of(request: bytes) -> str:
    return "/" + quote(b64encode(request), safe="")


def test_post(world: World, client: Client) -> None:
    answer = client.post(asked(world, HELD))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/ocsp-response")
    assert int(answer.headers["Content-Length"]) == len(answer.data)
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
    answer = client.get(write(request))
    assert judges.statuses(answer.data) == ["good"]


def test_another_responder_below_a_path(world: World) -> None:
    """Each desk has its path; all else is the first one's, which a proxy may reach under another name."""
    other = world.town.delegate(world.town.issuing, "Other")
    others = Responder(world.books, [delegation(other)], world.clock, VALIDITY)
    desks = {b"": desk(world.responder, world.clock), b"/oasp": desk(others, world.clock)}
    with served(world.clock, desks) as client:
        for path, signer in (("", world.town.responder), ("/oasp", other)):
            for answer in (client.get(path + path_of(asked(world))), client.post(asked(world), path or "/")):
                assert judges.statuses(answer.data) == ["good"]
                assert signer.certificate in answer.data


def test_headers_for_caches(world: World, client: Client) -> None:
    """RFC 5019 6.2, but for minutes only, so that a revocation shows."""
    answer = client.get(path_of(asked(world)))
    assert answer.headers["Last-Modified"] == http_date(NOW)
    assert answer.headers["Expires"] == http_date(NOW + VALIDITY)
    assert answer.headers["Cache-Control"] == "max-age=300, public, no-transform, must-revalidate"
    assert answer.headers["ETag"].startswith('"')


@pytest.mark.parametrize(
    ("serial", "nonce"), [(VALID, b"0123456789abcdef"), (NEVER_ISSUED, None)], ids=["nonce", "unknown"]
)
def test_not_for_caches(world: World, client: Client, serial: int, nonce: bytes | None) -> None:
    """An answer for one question only; an answer that the next issuance makes wrong."""
    answer = client.get(path_of(asked(world, serial, nonce)))
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


def test_not_modified_as_long_as_the_same_would_be_said(world: World, client: Client) -> None:
    path = path_of(asked(world))
    tag = before = client.get(path).headers["ETag"]
    while tag == before:  # until a half of its validity has begun
        world.clock.advance(timedelta(minutes=5))
        tag = client.get(path).headers["ETag"]
    world.clock.advance(timedelta(minutes=10))
    again = client.get(path, If_None_Match=f'"other", {tag}')
    assert (again.status, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert "Expires" not in again.headers
    world.books.statuses[2, VALID] = Status("held", world.clock.now())
    changed = client.get(path, If_None_Match=tag)
    assert changed.status == 200
    assert judges.statuses(changed.data) == ["revoked certificateHold"]


def test_what_is_not_modified_is_not_outdated(world: World, client: Client) -> None:
    """Whenever a cache is told 304, its copy holds for longer than it will be kept unasked."""
    path = path_of(asked(world))
    start = world.clock.now()
    tag = client.get(path).headers["ETag"]
    confirmed = 0
    while client.get(path, If_None_Match=tag).status == 304:
        assert start + VALIDITY - world.clock.now() >= VALIDITY / 2 > timedelta(seconds=http.CACHE_SECONDS)
        confirmed += 1
        world.clock.advance(timedelta(minutes=7))
    assert confirmed


def test_not_beyond_the_responders_certificate(world: World) -> None:
    """Neither nextUpdate nor a cache outlives the right to answer."""
    short = world.town.delegate(world.town.issuing, "Short", days=401)
    end = delegation(short).certificate.not_after
    world.clock.moment = end - timedelta(seconds=90)
    responder = Responder(world.books, [delegation(short)], world.clock, VALIDITY)
    with served(world.clock, {b"": desk(responder, world.clock)}) as client:
        answer = client.get(path_of(asked(world)))
        assert answer.headers["Expires"] == http_date(end)
        assert answer.headers["Cache-Control"].startswith("max-age=90,")
        world.clock.moment = end + timedelta(seconds=1)
        assert client.get(path_of(asked(world))).data == refusal(Refusal.TRY_LATER)


@pytest.mark.parametrize(
    "path", ["/", "/favicon.ico", "/%00%ff", "/MDww", "/" + "A" * 60_000, "/%E5%8D%B0%E4%BF%A1", "/MA==x", "/%zz"]
)
def test_get_of_something_else(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status, answer.data) == (200, MALFORMED)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"\x30\x00", bytes(MAXIMUM_SIZE + 1), b"\xff" * 100])
def test_post_of_something_else(client: Client, body: bytes) -> None:
    answer = client.post(body)
    assert (answer.status, answer.data) == (200, MALFORMED)


def test_other_methods_and_types(world: World, client: Client) -> None:
    refused = client.ask("PUT", "/", asked(world), Content_Type=http.REQUEST_TYPE)
    assert refused.status == 405
    assert "POST" in refused.headers["Allow"]
    wrong = client.post(asked(world), content_type="application/x-www-form-urlencoded")
    assert (wrong.status, wrong.headers["Content-Type"]) == (415, "application/problem+json")
    assert client.post(asked(world), content_type="Application/OCSP-Request; x=1").status == 200


def test_head(world: World, client: Client) -> None:
    answer = client.ask("HEAD", path_of(asked(world)))
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
    with served(world.clock, {b"": desk(responder, world.clock)}) as client:
        for answer in (client.get(path_of(asked(world))), client.post(asked(world))):
            assert (answer.status, answer.data) == (200, refusal(expected))
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
    with served(world.clock, {b"": desk(responder, world.clock)}) as client:
        answer = client.get(path_of(asked(world)))
    assert answer.data == refusal(Refusal.INTERNAL_ERROR)
    assert answer.headers["Cache-Control"] == "no-store"


def test_openssl_asks(world: World, client: Client, tmp_path: Path) -> None:
    """`openssl ocsp` as a client: it reads the SM2 answer too, though it cannot check its signature."""
    town = world.town
    (tmp_path / "issuer.pem").write_bytes(pem.armor("CERTIFICATE", town.issuing.certificate))
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", town.root.certificate))
    options = f"-issuer issuer.pem -serial {HELD} -url {client.url} -CAfile root.pem -attime {int(NOW.timestamp())}"
    options += " -validity_period 1000000000"  # -attime does not reach the times of the answer
    done = subprocess.run(["openssl", "ocsp", *options.split()], cwd=tmp_path, capture_output=True, text=True)
    assert f"{HELD}: revoked" in done.stdout
    assert "Reason: certificateHold" in done.stdout
    if town.kind.startswith("rsa"):
        assert "Response verify OK" in done.stderr


def test_curl_gets(world: World, client: Client) -> None:
    url = f"{client.url}{path_of(asked(world))}"
    done = subprocess.run(["curl", "--silent", "--fail", url], capture_output=True, check=True)
    assert judges.statuses(done.stdout) == ["good"]
