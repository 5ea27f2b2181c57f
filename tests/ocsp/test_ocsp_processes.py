"""Several worker processes: each answers at once from what it keeps, and each knows of a change within a second."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import pem

from ca import crl, revocation
from ca.issuance import IssuedCertificate
from ca.records import authorities, crls
from ca.service import issue_service_certificate
from ca.status import Reason, StatusReader
from core.algorithms import SHA1, KeyKind
from core.context import Context
from core.home import Home
from core.keys import passphrase
from core.storage import Storage
from core.subject import Subject
from ocsp.http import REQUEST_TYPE
from ocsp.request import build_request, cert_id
from tests.support import ocsp_judges as judges
from tests.support.ca import TestCentre
from tests.support.demonstration import free_ports, gone, listens
from tests.support.processes import environment

WORKERS = 3
CONNECTIONS = 30
"""The kernel deals them out; that some worker gets none of so many is a chance of one in a hundred thousand."""


class Installation:
    """A home on a database, and the service in processes of its own."""

    def __init__(self, folder: Path, storage: Storage) -> None:
        home = self.home = Home(folder)
        (self.port,) = free_ports(1)
        storage_url = storage.url.replace("\\", "/")
        (folder / "yinxin.toml").write_text(
            f'[storage]\nurl = "{storage_url}"\n[ocsp]\nport = {self.port}\nworkers = {WORKERS}\n'
        )
        passphrase.create_file(home.passphrase_file("ocsp"))
        self.context: Context = home.context
        self.centre = TestCentre(self.context).activate().build(KeyKind.SM2)
        delegated = issue_service_certificate(
            self.centre.ca,
            authority="sm2-issuing",
            profile="ocsp",
            subject=Subject.of_service("测试中心", "OCSP SM2"),
            signer=home.key_store("ocsp").create("sm2", KeyKind.SM2),
            actor="keeper",
            reference="ceremony ocsp",
        )
        file = home.certificates("ocsp") / "sm2.pem"
        file.parent.mkdir(parents=True)
        file.write_bytes(pem.armor("CERTIFICATE", delegated.certificate))
        (self.issuer,) = (one for one in StatusReader(home.storage).issuers() if one.name == "sm2-issuing")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ocsp.server"], env=environment(YINXIN_HOME=str(folder)), stdin=subprocess.DEVNULL
        )
        while not listens(self.port):
            assert self.process.poll() is None
            time.sleep(0.05)
        time.sleep(0.5)  # the others listen too by then
        self.connections = [HTTPConnection("127.0.0.1", self.port, timeout=10) for _place in range(CONNECTIONS)]

    def answers(self, issued: IssuedCertificate) -> set[str]:
        """What is said on all connections."""
        question = build_request([cert_id(self.issuer, issued.serial, SHA1)])
        said: set[str] = set()
        for connection in self.connections:
            connection.request("POST", "/", question, {"Content-Type": REQUEST_TYPE})
            said.update(judges.statuses(connection.getresponse().read()))
        return said

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children]


@contextmanager
def installed(folder: Path, storage: Storage) -> Iterator[Installation]:
    folder.mkdir()
    made = Installation(folder, storage)
    yield made
    for connection in made.connections:
        connection.close()
    made.process.terminate()
    made.process.wait(20)
    made.home.storage.close()


@pytest.fixture
def installation(each_storage: Storage, tmp_path: Path) -> Iterator[Installation]:
    with installed(tmp_path / "home", each_storage) as made:
        yield made


def test_a_change_is_answered_by_every_process_within_a_second(installation: Installation) -> None:
    issued = installation.centre.issue()
    context, certificate = installation.context, (issued.authority, issued.serial)
    assert installation.answers(issued) == {"good"}
    moves: list[tuple[Callable[..., None], list[Reason], str]] = [
        (revocation.hold, [], "revoked certificateHold"),
        (revocation.resume, [], "good"),
        (revocation.revoke, [Reason.KEY_COMPROMISE], "revoked keyCompromise"),
    ]
    for move, reasons, expected in moves:
        move(context, *certificate, *reasons, actor="operator")
        time.sleep(1)
        assert installation.answers(issued) == {expected}
        assert installation.answers(issued) == {expected}  # from what is kept now
    metrics = HTTPConnection("127.0.0.1", installation.port, timeout=10)
    metrics.request("GET", "/metrics")
    told = metrics.getresponse().read().decode()
    metrics.close()
    counts = {line.split('"')[1]: int(line.split()[-1]) for line in told.splitlines() if "{" in line}
    assert sum(counts.values()) == 7 * CONNECTIONS
    # Each process signs each state once, but for those that learn of a change at the very moment of asking.
    assert counts["cached"] > 4 * CONNECTIONS
    children = installation.workers()
    assert len(children) == WORKERS
    installation.process.send_signal(signal.SIGTERM)
    assert installation.process.wait(15) == 0
    assert gone(children)


def test_the_service_ends_with_any_of_its_processes(storage: Storage, tmp_path: Path) -> None:
    """So that whoever watches over it starts it anew."""
    with installed(tmp_path / "home", storage) as installation:
        children = installation.workers()
        os.kill(children[1], signal.SIGKILL)
        assert installation.process.wait(15) == 1
        assert gone(children)


def test_events_are_numbered_in_the_order_of_their_commits(each_storage: Storage) -> None:
    """Whoever has seen a number has seen all below it: a later transaction waits with its number."""
    centre = TestCentre(Context(each_storage)).activate().build(KeyKind.SM2)
    first, second = centre.issue(), centre.issue()
    reader = StatusReader(each_storage)
    start = reader.position()
    numbered, go_on = threading.Event(), threading.Event()

    def slowly(_connection: sa.Connection) -> None:
        numbered.set()
        go_on.wait(10)

    def hold(issued: IssuedCertificate, recording: object) -> None:
        revocation.hold(
            centre.context,
            issued.authority,
            issued.serial,
            actor="operator",
            recording=recording,  # type: ignore[arg-type]
        )

    slow = threading.Thread(target=hold, args=(first, slowly))
    slow.start()
    assert numbered.wait(10)
    quick = threading.Thread(target=hold, args=(second, None))
    quick.start()
    quick.join(0.3)
    assert reader.changes(start) == (start, [])
    go_on.set()
    slow.join()
    quick.join()
    position, changed = reader.changes(start)
    assert [serial for _issuer, serial in changed] == [first.serial, second.serial]
    assert reader.changes(position) == (position, [])


def test_the_crl_in_force_is_read_from_the_books(each_storage: Storage) -> None:
    centre = TestCentre(Context(each_storage)).activate().build(KeyKind.SM2)
    reader = StatusReader(each_storage)
    (issuer,) = (one for one in reader.issuers() if one.name == "sm2-issuing")
    assert reader.next_crl(issuer.id) is None
    for hours in (24, 6):
        crl.publish(centre.context, centre.keys, "sm2-issuing", hours)
        assert reader.next_crl(issuer.id) == crl.latest_published(centre.context, "sm2-issuing").next_update
    with each_storage.transaction() as connection:  # reserved, not published
        moment = centre.context.clock.now()
        connection.execute(
            sa.insert(crls).values(
                authority_id=sa.select(authorities.c.id).where(authorities.c.name == "sm2-issuing").scalar_subquery(),
                number=99,
                this_update=moment,
                next_update=moment,
                shard=0,
                last_event=0,
                entries=0,
                size=0,
                packed_size=0,
            )
        )
    assert reader.next_crl(issuer.id) == crl.latest_published(centre.context, "sm2-issuing").next_update
