"""Batches: every document is sealed once or fails with words, whatever happens to the workers in between."""

import base64
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from core.algorithms import ECDSA_P256_SHA256, Digest, KeyKind
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import speaking
from core.storage import Storage
from seals import records
from seals.api import api_keys
from seals.batches.webhooks import MOST_ATTEMPTS, verify_notice
from seals.batches.work import LEASE, Worker
from seals.client import SealServer
from seals.contracts import SealingSupport, SupportSource
from seals.levels import Level
from seals.pades import timestamper
from seals.terms import SealingTerms
from seals.verification.report import Verdict
from tests.support.seal_people import Crew, OfficeSupport, bureau_of
from tests.support.seal_service import Service, service_of
from tests.support.sealing import Office

PLAIN = SealingTerms(page=1, x_mm=100, y_mm=100, level=Level.B_B)
STAMPED = PLAIN.model_copy(update={"level": Level.B_T})
NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
WEBHOOK = "https://oa.example.gov.cn/sealed?x=1"


@pytest.fixture(scope="module")
def moving_office() -> Office:
    """An office whose clock each test may move on."""
    return Office(KeyKind.P256, FixedClock(NOW))


@pytest.fixture(scope="module")
def filled(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, moving_office: Office) -> Path:
    """A database with the seal `office`; not to be changed."""
    file = tmp_path_factory.mktemp("batches") / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    storage = Storage(f"sqlite:///{file}")
    bureau_of(Context(storage, moving_office.clock), moving_office, _crew(moving_office)).seal()
    storage.close()
    return file


_crews: dict[int, Crew] = {}


def _crew(office: Office) -> Crew:
    return _crews.setdefault(id(office), Crew(office))


@pytest.fixture
def service(filled: Path, tmp_path: Path, moving_office: Office) -> Iterator[Service]:
    shutil.copy(filled, tmp_path / "yinxin.db")
    storage = Storage(f"sqlite:///{tmp_path / 'yinxin.db'}")
    moment = moving_office.clock.now()
    bureau = bureau_of(Context(storage, moving_office.clock), moving_office, _crew(moving_office))
    yield Service(bureau, tmp_path / "home", OfficeSupport(moving_office))
    assert isinstance(moving_office.clock, FixedClock)
    moving_office.clock.moment = moment
    storage.close()


@pytest.fixture
def server(service: Service) -> SealServer:
    return service.server(service.key(webhook=WEBHOOK))


def started(server: SealServer, documents: list[bytes], terms: SealingTerms = PLAIN) -> str:
    number = server.open_batch("office", terms).number
    for position, document in enumerate(documents, 1):
        assert server.add(number, document, f"{position}.pdf") == position
    assert server.start(number).state.value == "started"
    return number


def uses(service: Service) -> list[str]:
    with service.context.storage.reading() as connection:
        return list(connection.scalars(sa.select(records.seal_uses.c.sha256_before)))


def advance(service: Service, by: timedelta) -> None:
    clock = service.context.clock
    assert isinstance(clock, FixedClock)
    clock.advance(by)


def variants(plain: bytes, count: int) -> list[bytes]:
    """Documents that differ after their end."""
    return [plain + b"\n%% %d\n" % number for number in range(count)] if count > 1 else [plain]


def test_a_batch_from_beginning_to_end(service: Service, server: SealServer, plain: bytes) -> None:
    number = started(server, [plain, b"%PDF-not really", plain], STAMPED)
    assert service.work() == 4
    batch = server.batch(number)
    assert (batch.state.value, batch.counts) == ("finished", {"sealed": 2, "failed": 1})
    first, second, third = server.documents(number)
    assert [one.name for one in (first, second, third)] == ["1.pdf", "2.pdf", "3.pdf"]
    assert second.problem is not None and second.problem["kind"] == "invalid"
    sealed = server.fetch(number, 1)
    assert hashlib.sha256(sealed).hexdigest() == first.sha256_after
    assert service.bureau.office.report(sealed, status=True).verdict is Verdict.VALID
    assert uses(service) == [first.sha256_before, third.sha256_before]
    for position, words in ((2, "failed"), (4, "no such document")):
        with pytest.raises(YinxinError, match=words):
            server.fetch(number, position)


def test_problems_are_told_in_the_language_of_who_asked(service: Service, server: SealServer) -> None:
    with speaking("zh_CN"):
        number = started(server, [b"not a document"], PLAIN)
    assert service.work() == 2
    (failed,) = server.documents(number)
    assert failed.problem is not None and failed.problem["what"] == "不是 PDF 文档"


def test_what_cannot_be_asked_of_a_batch(service: Service, server: SealServer, plain: bytes) -> None:
    with pytest.raises(YinxinError, match="may not use"):
        server.open_batch("none", PLAIN)
    with pytest.raises(YinxinError, match="in one way"):
        server.open_batch("office", SealingTerms(keyword="（盖章）", field="Seal1"))
    empty = server.open_batch("office", PLAIN).number
    with pytest.raises(YinxinError, match="no documents"):
        server.start(empty)
    number = started(server, [plain])
    with pytest.raises(YinxinError, match="is started"):
        server.add(number, plain)
    with pytest.raises(YinxinError, match="no batch"):
        service.server(service.key("stranger")).batch(number)
    without = service.server(service.key("single", scopes=[api_keys.Scope.DOCUMENTS]))
    with pytest.raises(YinxinError, match="not for batches"):
        without.open_batch("office", PLAIN)


def test_a_cancelled_batch_seals_nothing_more(service: Service, server: SealServer, plain: bytes) -> None:
    number = started(server, [plain, plain])
    worker = service.worker()
    worker.step()
    assert server.cancel(number).counts == {"sealed": 1, "cancelled": 1}
    assert service.work() == 0
    assert len(uses(service)) == 1
    assert server.fetch(number, 1)


def test_a_key_that_was_withdrawn_meanwhile(service: Service, server: SealServer, plain: bytes) -> None:
    started(server, [plain])
    api_keys.withdraw(service.context, "oa", actor="tester")
    service.work()
    assert uses(service) == []
    assert service.posted.requests == []


class Refusing(OfficeSupport):
    """A time-stamping authority that cannot be reached."""

    def support(self, algorithm: object) -> SealingSupport:
        return SealingSupport(self, self.office)

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        raise YinxinError(Kind.UNAVAILABLE, "the line is cut")


def test_what_cannot_be_had_now_is_tried_again(service: Service, server: SealServer, plain: bytes) -> None:
    number = started(server, [plain], STAMPED)
    refusing = service.worker(Refusing(service.bureau.office))
    assert refusing.step()
    assert not refusing.step(), "at once"
    advance(service, timedelta(seconds=60))
    assert refusing.step()
    advance(service, timedelta(minutes=10))
    service.work()
    assert server.batch(number).counts == {"sealed": 1}
    assert len(uses(service)) == 1


def test_in_the_end_it_has_failed(service: Service, server: SealServer, plain: bytes) -> None:
    number = started(server, [plain], STAMPED)
    refusing = service.worker(Refusing(service.bureau.office))
    for _attempt in range(20):
        refusing.step()
        advance(service, timedelta(hours=2))
    (document,) = server.documents(number)
    assert document.state.value == "failed"
    assert document.problem is not None and "the line is cut" in document.problem["what"]


def in_a_process(work: Callable[[], None]) -> int:
    """Run it in a child; what `waitpid` says."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1]


def worker_of_its_own(service: Service, support: SupportSource) -> Worker:
    """With connections of its own, as in another process."""
    worker = service.worker(support)
    worker.context = worker.webhooks.context = Context(Storage(service.context.storage.url), service.context.clock)
    return worker


class Killing(OfficeSupport):
    """Kills the process in which a time stamp is asked for a second document; for the first, a dry run asks as well."""

    asked = 0

    def support(self, algorithm: object) -> SealingSupport:
        return SealingSupport(self, self.office)

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        self.asked += 1
        if self.asked > 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.office.timestamper.stamp(digest, value, nonce)


def test_a_worker_that_is_killed(service: Service, server: SealServer, plain: bytes) -> None:
    number = started(server, variants(plain, 3), STAMPED)
    service.context.storage.close()

    def work() -> None:
        timestamper.token_octets.clear()
        worker = worker_of_its_own(service, Killing(service.bureau.office))
        while worker.step():
            pass

    assert os.WTERMSIG(in_a_process(work)) == signal.SIGKILL
    assert server.batch(number).counts == {"sealed": 1, "waiting": 2}
    service.work()
    assert server.batch(number).counts == {"sealed": 2, "waiting": 1}, "the killed one's is its own for a while"
    advance(service, LEASE + timedelta(seconds=1))
    service.work()
    assert server.batch(number).counts == {"sealed": 3}
    assert len(uses(service)) == len(set(uses(service))) == 3


def test_dying_between_the_signature_and_the_books(
    service: Service, server: SealServer, plain: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = started(server, [plain])

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("seals.batches.work.finish", die)
        service.worker().step()
    assert uses(service) == []
    advance(service, LEASE + timedelta(seconds=1))
    service.work()
    assert len(uses(service)) == 1
    assert server.batch(number).counts == {"sealed": 1}


def test_a_worker_that_was_too_slow_changes_nothing(service: Service, server: SealServer, plain: bytes) -> None:
    number = started(server, [plain], STAMPED)

    class Slow(OfficeSupport):
        def support(self, algorithm: object) -> SealingSupport:
            advance(service, LEASE + timedelta(seconds=1))
            service.work()
            return super().support(algorithm)

    service.worker(Slow(service.bureau.office)).step()
    assert len(uses(service)) == 1
    (document,) = server.documents(number)
    assert hashlib.sha256(server.fetch(number, 1)).hexdigest() == document.sha256_after


def test_many_workers_at_once(each_storage: Storage, tmp_path: Path, moving_office: Office, plain: bytes) -> None:
    service = service_of(each_storage, tmp_path / "home", moving_office, _crew(moving_office))
    server = service.server(service.key(webhook=WEBHOOK))
    number = started(server, variants(plain, 8))

    def work() -> None:
        worker = service.worker()
        while worker.step():
            pass

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for _worker in range(3)]:
            done.result()
    assert server.batch(number).counts == {"sealed": 8}
    assert len(uses(service)) == len(set(uses(service))) == 8
    assert len(service.posted.requests) == 1


def test_documents_are_forgotten_after_a_time(service: Service, server: SealServer, plain: bytes) -> None:
    from seals.batches.batches import clear

    number = started(server, [plain])
    service.work()
    assert clear(service.context, timedelta(days=7)) == 0
    advance(service, timedelta(days=7, seconds=1))
    assert clear(service.context, timedelta(days=7)) == 1
    with pytest.raises(YinxinError, match="not to be had"):
        server.fetch(number, 1)
    assert server.batch(number).counts == {"sealed": 1}


def test_the_webhook_is_told_and_can_be_believed(service: Service, server: SealServer, plain: bytes) -> None:
    number = started(server, [plain])
    service.work()
    ((url, body, headers),) = service.posted.requests
    assert url == WEBHOOK
    assert f'"batch": "{number}"'.encode() in body
    key = server.webhook_key()
    public = load_pem_public_key(key.public_key.encode())
    assert isinstance(public, ec.EllipticCurvePublicKey) and key.algorithm == "ecdsa-p256-sha256"
    # RFC 9421 2.5 by hand: nothing of ours or of the library that signed.
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert headers["Content-Digest"] == f"sha-256=:{digest}:"
    parameters = headers["Signature-Input"].partition("=")[2]
    values = {
        "@method": "POST",
        "@authority": "oa.example.gov.cn",
        "@path": "/sealed",
        "@query": "?x=1",
        "content-type": "application/json",
        "content-digest": headers["Content-Digest"],
    }
    covered = [name.strip('"') for name in parameters[1 : parameters.index(")")].split()]
    assert set(covered) == values.keys()
    lines = [f'"{name}": {values[name]}' for name in covered]
    base = "\n".join([*lines, f'"@signature-params": {parameters}'])
    raw = base64.b64decode(headers["Signature"].partition("=")[2].strip(":"))
    signature = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(signature, base.encode(), ec.ECDSA(SHA256()))
    info = service.keys.signer("webhooks").public_key_info
    now = service.context.clock.now()
    assert verify_notice(url, headers, body, ECDSA_P256_SHA256, info, now).key_id == key.key_id
    for wrong_url, wrong_body in ((url + "&y=2", body), (url, body + b" ")):
        with pytest.raises(YinxinError):
            verify_notice(wrong_url, headers, wrong_body, ECDSA_P256_SHA256, info, now)


def test_the_webhook_is_told_until_it_listens(service: Service, server: SealServer, plain: bytes) -> None:
    started(server, [plain])
    service.posted.answers = [500, OSError("no route"), 302]
    service.work()
    assert len(service.posted.requests) == 1
    for count in (2, 3, 4):
        advance(service, timedelta(hours=2))
        service.work()
        assert len(service.posted.requests) == count
    advance(service, timedelta(days=2))
    assert service.work() == 0


def test_a_webhook_that_never_listens_is_given_up(service: Service, server: SealServer, plain: bytes) -> None:
    started(server, [plain])
    service.posted.answers = [500] * 100
    for _attempt in range(MOST_ATTEMPTS + 5):
        service.work()
        advance(service, timedelta(hours=2))
    assert len(service.posted.requests) == MOST_ATTEMPTS


def test_a_real_web_server_is_told(service: Service) -> None:
    from seals.batches.webhooks import post
    from tests.support.office_server import serving

    heard: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        heard.append((environ["PATH_INFO"], environ["HTTP_SIGNATURE"], body))
        start_response("204 No Content", [])
        return []

    with serving(application) as address:
        assert post(f"{address}/told", b"{}", {"Signature": "s=:AA==:", "Content-Type": "application/json"}) == 204
    assert heard == [("/told", "s=:AA==:", b"{}")]
