"""An office whose certificates say where their status is to be had, and the servers there: our responder, and files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from core.algorithms import KeyKind
from core.clock import FixedClock
from ocsp.desk import Desk
from ocsp.responder import Responder
from tests.support import pki
from tests.support.ocsp_server import desk, served
from tests.support.ocsp_world import VALIDITY, Books, Status, delegation
from tests.support.sealing import NAME, Office, _serial


@dataclass
class OnlineOffice(Office):
    """`base`: where its files are; `ocsp_url`: its responder. Addresses that are empty stand in no certificate."""

    base: str = ""
    with_lists: bool = True

    def _pointers(self, issuer: str) -> dict[str, str]:
        lists = {"crl_url": f"{self.base}/{issuer}.crl"} if self.with_lists else {}
        return {"ocsp_url": self.ocsp_url, "issuer_url": f"{self.base}/{issuer}.cer", **lists}

    @cached_property
    def issuing(self) -> pki.Party:
        usages = (pki.KEY_CERT_SIGN, pki.CRL_SIGN)
        whole = {"authority": True, "usages": usages, "kind": self.kind, "not_before": self.start, "days": 7000}
        pointers: dict[str, Any] = self._pointers("root") | {"ocsp_url": ""}
        if not self.with_lists:
            pointers["ocsp_url"] = self.ocsp_url
        return self.root.issue(f"Issuing {self.kind}", **whole, **pointers)  # type: ignore[arg-type]

    @cached_property
    def unit(self) -> pki.Party:
        pointers: dict[str, Any] = self._pointers("issuing")
        return self.issuing.issue(NAME, kind=self.kind, not_before=self.start, days=self.unit_days, **pointers)

    @cached_property
    def tsa(self) -> pki.Party:
        pointers: dict[str, Any] = self._pointers("issuing")
        extended = (pki.TIME_STAMPING,)
        return self.issuing.issue("TSA", kind=self.kind, not_before=self.start, extended=extended, **pointers)

    def responder_of(self, books: Books) -> Responder:
        """Ours, delegated by both authorities, with certificates that nobody need ask about."""
        parties = []
        for issuer in (self.issuing, self.root):
            books.add(issuer)
            party = issuer.issue(
                "Responder",
                usages=(pki.DIGITAL_SIGNATURE,),
                extended=(pki.OCSP_SIGNING,),
                kind=self.kind,
                nocheck=True,
                not_before=self.start,
            )
            parties.append(delegation(party))
        for number, party in ((1, self.unit), (1, self.tsa), (2, self.issuing)):
            books.statuses[number, _serial(party)] = Status("valid", not_after=self.start)
        return Responder(books, parties, self.clock, VALIDITY)


@dataclass
class Files:
    """What a file server gives, by path; and what it was asked for."""

    port: int
    content: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def file_server() -> Iterator[Files]:
    """Serves octets over HTTP at a port of its own. `/endless` never ends; `/elsewhere` sends on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.asked.append(self.path)
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", f"{files.url}/root.cer")
                self.end_headers()
                return
            if self.path == "/endless":
                self.send_response(200)
                self.end_headers()
                try:
                    while True:
                        self.wfile.write(bytes(65536))
                except OSError:
                    return
            content = files.content.get(self.path)
            self.send_response(404 if content is None else 200)
            if self.path.endswith(".gz"):
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    files = Files(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Town:
    """An office and its servers."""

    office: OnlineOffice
    files: Files
    books: Books


class _Later:
    """A desk that is set up when its address is known."""

    desk: Desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self.desk, name)


@contextmanager
def online_town(kind: KeyKind, clock: FixedClock, *, with_lists: bool = True) -> Iterator[Town]:
    """An office whose certificates point at servers that answer."""
    books = Books()
    with file_server() as files:
        # The responder's address is in the certificates that it has to know: so the server comes first.
        later = _Later()
        with served(clock, {b"": cast(Desk, later)}) as client:
            office = OnlineOffice(kind, clock, ocsp_url=client.url, base=files.url, with_lists=with_lists)
            later.desk = desk(office.responder_of(books), clock)
            issuing, root = office.crls()
            files.content |= {
                "/issuing.cer": office.issuing.certificate,
                "/root.cer": office.root.certificate,
                "/issuing.crl": issuing,
                "/root.crl": root,
            }
            yield Town(office, files, books)
