"""The client over HTTP: GET and POST, no redirections, bounds, and where it finds the issuer."""

import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest
from asn1crypto import cms, pem

from core.clock import FixedClock
from core.errors import Kind, YinxinError
from ocsp import client
from ocsp.certificate import Certificate
from ocsp.client import explain, fetch, over_http
from ocsp.issuer import find_issuer, known_certificates, leads_to
from ocsp.judgement import judge
from ocsp.request import build_request
from tests.support.ocsp_world import LONG_AGO, NEVER_ISSUED, NOW, VALID, World, about


@dataclass
class Seen:
    """What a server was asked, and what it says."""

    answer: Callable[[str, bytes], tuple[int, dict[str, str], bytes]]
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving(answer: Callable[[str, bytes], tuple[int, dict[str, str], bytes]]) -> Iterator[Seen]:
    seen = Seen(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.asked.append((self.command, self.path, body))
            status, headers, content = seen.answer(self.path, body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - as http.server wants it

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("get", [True, False], ids=["GET", "POST"])
def test_both_methods_bring_the_same_question(world: World, get: bool) -> None:
    request = build_request([about(world.town.issuing, VALID)], b"nonce")

    def respond(path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, world.responder.respond(b64decode(unquote(path.lstrip("/"))) if get else body)

    with serving(respond) as seen:
        response = over_http(f"{seen.url}/", get=get)(request)
    assert judge(response, VALID, Certificate.load(world.town.issuing.certificate), NOW, b"nonce").nonce_returned
    assert [method for method, _path, _body in seen.asked] == ["GET" if get else "POST"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirections_are_refused(status: int) -> None:
    """The second server is never asked."""
    with serving(lambda *_asked: (200, {}, b"")) as elsewhere:
        with serving(lambda *_asked: (status, {"Location": elsewhere.url}, b"")) as seen:
            for get in (True, False):
                with pytest.raises(YinxinError, match="not followed") as raised:
                    over_http(seen.url, get=get)(b"question")
                assert raised.value.kind is Kind.UNAVAILABLE
        assert elsewhere.asked == []


def test_errors_of_http() -> None:
    with serving(lambda *_asked: (503, {}, b"")) as seen, pytest.raises(YinxinError, match="HTTP 503"):
        over_http(seen.url)(b"question")


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAXIMUM_RESPONSE", 1000)
    with serving(lambda *_asked: (200, {}, bytes(1001))) as seen, pytest.raises(YinxinError, match="1000 octets"):
        over_http(seen.url)(b"question")
    with serving(lambda *_asked: (200, {}, bytes(1000))) as seen:
        assert over_http(seen.url)(b"question") == bytes(1000)


def test_an_answer_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every octet comes in time, the whole does not."""
    ticks = iter(range(0, 1000, 6))
    monkeypatch.setattr(client, "monotonic", lambda: next(ticks))
    with serving(lambda *_asked: (200, {}, bytes(300_000))) as seen, pytest.raises(YinxinError, match="takes more"):
        over_http(seen.url)(b"question")


def test_never_issued_in_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A responder with the extended definition of revoked."""
    monkeypatch.setenv("LANGUAGE", "en")
    response = world.open(extended_revoked=True).respond(build_request([about(world.town.issuing, NEVER_ISSUED)]))
    verdict = judge(response, NEVER_ISSUED, Certificate.load(world.town.issuing.certificate), NOW, None)
    assert verdict.never_issued
    assert "never issued" in explain(verdict)


# The issuer


def leaf(world: World) -> Certificate:
    return Certificate.load(world.town.issuing.issue("Leaf", kind=world.town.kind, not_before=LONG_AGO).certificate)


def nothing(address: str) -> bytes:
    raise AssertionError(address)


def test_the_issuer_among_others(world: World) -> None:
    """By its signature, not by its name."""
    namesake = world.town.root.issue(f"{world.town.kind} Issuing", kind=world.town.kind, not_before=LONG_AGO)
    at_hand = [namesake.certificate, world.town.root.certificate, world.town.issuing.certificate]
    assert find_issuer(leaf(world), at_hand, nothing).encoded == world.town.issuing.certificate


def certs_only(certificate: bytes) -> bytes:
    content = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [],
            "encap_content_info": {"content_type": "data"},
            "certificates": [cms.CertificateChoices.load(certificate)],
            "signer_infos": [],
        }
    )
    written: bytes = cms.ContentInfo({"content_type": "signed_data", "content": content}).dump()
    return written


@pytest.mark.parametrize(
    "form",
    [lambda one: one, lambda one: pem.armor("CERTIFICATE", one), certs_only],
    ids=["DER", "PEM", "certs-only CMS"],
)
def test_the_issuer_at_the_address_in_the_certificate(world: World, form: Callable[[bytes], bytes]) -> None:
    with serving(lambda *_asked: (200, {}, form(world.town.issuing.certificate))) as seen:
        asked = _naming(leaf(world), f"{seen.url}/issuer.cer")
        found = find_issuer(asked, [world.town.root.certificate], fetch)
    assert found.encoded == world.town.issuing.certificate
    assert [path for _method, path, _body in seen.asked] == ["/issuer.cer"]


def _naming(certificate: Certificate, address: str) -> Certificate:
    object.__setattr__(certificate, "issuer_addresses", (address,))
    return certificate


@pytest.mark.parametrize("content", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
def test_something_else_at_that_address(world: World, content: bytes) -> None:
    with serving(lambda *_asked: (200, {}, content)) as seen, pytest.raises(YinxinError, match="not at hand") as raised:
        find_issuer(_naming(leaf(world), seen.url), [], fetch)
    assert "--issuer" in raised.value.remedy


def test_a_stranger_at_that_address(world: World) -> None:
    stranger = world.town.stranger.certificate
    with serving(lambda *_asked: (200, {}, stranger)) as seen, pytest.raises(YinxinError, match="not at hand"):
        find_issuer(_naming(leaf(world), seen.url), [], fetch)


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ldap://ca.test/x"])
def test_addresses_that_are_not_asked(world: World, address: str) -> None:
    with pytest.raises(YinxinError, match="not at hand"):
        find_issuer(_naming(leaf(world), address), [], fetch)


def test_whether_the_issuer_is_trusted(world: World, tmp_path: Path) -> None:
    town, clock = world.town, FixedClock(NOW)
    issuer = Certificate.load(town.issuing.certificate)
    assert known_certificates(tmp_path / "missing", tmp_path) == []
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", town.root.certificate))
    anchors = known_certificates(tmp_path)
    assert leads_to(issuer, [], anchors, clock)
    assert not leads_to(issuer, [], [town.stranger.certificate], clock)
