"""The sealing interface over a register with seals, reached as calling systems reach it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx

from core import files
from core.certificates import armour
from core.cli import run
from core.config import FILE_NAME
from core.context import Context
from core.home import Home
from core.keys.signer import Signer
from core.keys.store import KeyStore
from core.storage import Storage
from seals.api import api_keys
from seals.api.api_keys import Scope, Terms
from seals.batches.webhooks import Webhooks
from seals.batches.work import Worker
from seals.cli import group
from seals.client import SealServer
from seals.contracts import PEOPLE, SUPPORT, SupportSource
from seals.http import create_app
from tests.support.seal_people import Bureau, Crew, OfficeSupport, bureau_of
from tests.support.sealing import Office

Seals = Callable[..., int]

EVERYTHING = tuple(Scope)
URL = "http://localhost"


class ServiceKeys(KeyStore):
    """The office's key, under the name `unit`; others as they are made."""

    def __init__(self, folder: Path, office: Office) -> None:
        super().__init__(folder, lambda: b"passphrase")
        self._office = office

    def signer(self, name: str) -> Signer:
        return self._office.unit.key if name == "unit" else super().signer(name)


@dataclass
class Posted:
    """A web server that is told of batches: what it was told, and what it answers."""

    answers: list[Any] = field(default_factory=list)
    """Statuses, or errors, of the next requests; then 204."""
    requests: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self.requests.append((url, body, headers))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return int(answer)


@dataclass
class Service:
    """A seal service, its calling systems and its workers."""

    bureau: Bureau
    folder: Path
    support: SupportSource
    posted: Posted = field(default_factory=Posted)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / FILE_NAME).exists():
            (self.folder / FILE_NAME).touch()
        files.write(self.folder / "trust" / "root.pem", armour([self.bureau.office.root.certificate]))
        self.keys = ServiceKeys(self.folder / "keys", self.bureau.office)
        self.home = Home(self.folder, self.bureau.office.clock)
        vars(self.home)["context"] = self.context
        vars(self.home)["storage"] = self.context.storage
        self.home._key_stores["seals"] = self.keys
        self.app = create_app(self.home, self.support, self.bureau.crew)

    @property
    def context(self) -> Context:
        return self.bureau.context

    def key(self, name: str = "oa", seals: tuple[str, ...] = ("office",), **terms: Any) -> str:
        return api_keys.create(self.context, name, seals, Terms(**{"scopes": EVERYTHING} | terms), actor="tester")

    def server(self, key: str, application: Any = None) -> SealServer:
        """What a calling system has in its hands."""
        transport = httpx.WSGITransport(app=application or self.app)
        return SealServer(URL, key, transport=transport, clock=self.bureau.office.clock)

    def worker(self, support: SupportSource | None = None) -> Worker:
        webhooks = Webhooks(self.context, self.keys, self.posted)
        return Worker(self.context, self.keys, support or self.support, self.bureau.crew, webhooks)

    def work(self) -> int:
        """Do what is due; how many steps."""
        worker, steps = self.worker(), 0
        while worker.step():
            steps += 1
        return steps


def service_of(storage: Storage, folder: Path, office: Office, crew: Crew | None = None) -> Service:
    """A service with the seal `office`."""
    bureau = bureau_of(Context(storage, office.clock), office, crew)
    bureau.seal()
    return Service(bureau, folder, OfficeSupport(office))


def front_door(home: Home, support: Callable[[], SupportSource], crew: Crew) -> Seals:
    """`yinxin seals ARGUMENTS` in that home, as the front door runs it; the exit code."""

    @click.group()
    @click.pass_context
    def door(context: click.Context) -> None:
        context.obj = home
        context.meta[SUPPORT] = lambda _home: support()
        context.meta[PEOPLE] = lambda _home: crew

    door.add_command(group, "seals")
    return lambda *arguments: run(door, ["seals", *map(str, arguments)])


@dataclass
class Overheard:
    """The application, and everything that was sent to it."""

    application: Callable[..., Any]
    bodies: list[bytes] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        from io import BytesIO

        body = environ["wsgi.input"].read()
        self.bodies.append(body)
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        return self.application(environ, start_response)
