"""Rule 1: whatever dies, wherever: every serial number that was signed is in the books, and can be revoked."""

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ca import revocation
from ca.issuance import CertificateAuthority
from ca.reconciliation import reconcile
from ca.records import SERIAL_OCTETS, certificates, events
from ca.register import Filter, page
from ca.state import Move, State
from ca.status import Reason, StatusReader
from core.algorithms import Algorithm, KeyKind
from core.audit import entries
from core.certificates import serial_text
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.private_key import Sm2Key, generate
from core.keys.signer import Signer
from core.storage import Storage
from tests.support import bulk_issuer
from tests.support.ca import URLS, MemoryKeyStore, TestCentre, make_subject

KILLS = 12


class FailingStorage(Storage):
    """A database that goes away at a certain write transaction: at its beginning, or at its commit."""

    def __init__(self, storage: Storage, fail_at: int, *, at_commit: bool = False) -> None:
        vars(self).update(vars(storage))
        self.fail_at, self.at_commit, self.transactions = fail_at, at_commit, 0

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        self.transactions += 1
        fails = self.transactions == self.fail_at
        error = sa.exc.OperationalError("COMMIT", {}, Exception("disk I/O error"))
        with self._reachable():
            if fails and not self.at_commit:
                raise error
            with super().transaction() as connection:
                yield connection
                if fails:
                    raise error


class DyingSigner:
    """A device that breaks down at a certain signature."""

    def __init__(self, signer: Signer, survives: int) -> None:
        self.signer, self.survives = signer, survives

    @property
    def algorithm(self) -> Algorithm:
        return self.signer.algorithm

    @property
    def public_key_info(self) -> bytes:
        return self.signer.public_key_info

    def sign(self, data: bytes) -> bytes:
        if self.survives == 0:
            raise RuntimeError("the device is gone")
        self.survives -= 1
        return self.signer.sign(data)


def with_storage(centre: TestCentre, storage: Storage) -> CertificateAuthority:
    return CertificateAuthority(Context(storage, centre.context.clock), centre.keys, URLS)


def unfinished(storage: Storage) -> list[int]:
    with storage.reading() as connection:
        return list(connection.scalars(sa.select(certificates.c.serial).where(certificates.c.certificate.is_(None))))


def issuer_id(reader: StatusReader) -> int:
    return next(issuer.id for issuer in reader.issuers() if issuer.name == "sm2-issuing")


@pytest.mark.parametrize("at_commit", [False, True])
def test_database_fails_after_the_signature(each_centre: TestCentre, at_commit: bool) -> None:
    context = each_centre.context
    failing = with_storage(each_centre, FailingStorage(context.storage, 2, at_commit=at_commit))
    requests = [each_centre.request() for _ in range(3)]
    with pytest.raises(YinxinError, match="3 certificates were signed") as caught:
        failing.issue(requests, actor="operator")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert "reconcile" in caught.value.remedy
    serials = unfinished(context.storage)
    assert len(serials) == 3

    reader = StatusReader(context.storage)
    issuer = issuer_id(reader)
    assert all(reader.status(issuer, serial) is None for serial in serials)
    presumed = reconcile(context)
    assert sorted(one.serial for one in presumed) == sorted(serials)
    assert {one.approval_reference for one in presumed} == {request.approval.reference for request in requests}
    for serial in serials:
        status = reader.status(issuer, serial)
        assert status
        assert status.state is State.VALID
    assert reconcile(context) == []

    revocation.revoke(context, "sm2-issuing", serials[0], Reason.SUPERSEDED, actor="operator")
    status = reader.status(issuer, serials[0])
    assert status
    assert (status.state, status.reason) == (State.REVOKED, Reason.SUPERSEDED)


def test_database_fails_before_the_signature(centre: TestCentre) -> None:
    def refuse(signer: Signer) -> Signer:
        return DyingSigner(signer, 0)

    centre.keys.wrap = refuse
    failing = with_storage(centre, FailingStorage(centre.context.storage, 1, at_commit=True))
    with pytest.raises(YinxinError, match="does not answer"):
        failing.issue([centre.request()], actor="operator")
    assert unfinished(centre.context.storage) == []
    assert reconcile(centre.context) == []


@pytest.mark.parametrize("survives", [0, 1, 2])
def test_signing_dies_in_the_middle_of_a_batch(centre: TestCentre, survives: int) -> None:
    shared = DyingSigner(centre.keys.signer("sm2-issuing"), survives)
    centre.keys.wrap = lambda signer: shared
    with pytest.raises(RuntimeError):
        centre.ca.issue([centre.request() for _ in range(3)], actor="operator")
    assert len(unfinished(centre.context.storage)) == 3
    assert len(reconcile(centre.context)) == 3


def test_callers_recording_fails(centre: TestCentre) -> None:
    def recording(connection: sa.Connection, issued: object) -> None:
        raise YinxinError(Kind.CONFLICT, "the request was withdrawn")

    with pytest.raises(YinxinError, match="withdrawn"):
        centre.ca.issue([centre.request()], actor="operator", recording=recording)
    assert len(unfinished(centre.context.storage)) == 1
    assert len(reconcile(centre.context)) == 1


def test_wrong_signature_is_not_released(centre: TestCentre) -> None:
    good, other = centre.keys.signer("sm2-issuing"), generate(KeyKind.SM2)

    class Faulty:
        algorithm = good.algorithm
        public_key_info = good.public_key_info

        def sign(self, data: bytes) -> bytes:
            return other.sign(data)

    centre.keys.wrap = lambda signer: Faulty()
    with pytest.raises(YinxinError, match="does not verify") as caught:
        centre.ca.issue([centre.request()], actor="operator")
    assert caught.value.kind is Kind.UNAVAILABLE
    # It is in the books all the same: a signature was made.
    assert len(reconcile(centre.context)) == 1


def test_another_key_in_the_store_is_noticed_before_anything_is_written(centre: TestCentre) -> None:
    centre.keys.made["sm2-issuing"] = generate(KeyKind.SM2)
    with pytest.raises(YinxinError, match="not that of the authority") as caught:
        centre.issue()
    assert caught.value.kind is Kind.CONFLICT
    assert unfinished(centre.context.storage) == []


def test_retry_of_the_same_approval(each_centre: TestCentre) -> None:
    key, subject = generate(KeyKind.SM2), make_subject("staff", "张三")
    request = each_centre.request(key=key, subject=subject, reference="R1")
    failing = with_storage(each_centre, FailingStorage(each_centre.context.storage, 2))
    for _attempt in range(2):
        failing.context.storage.transactions = 0  # type: ignore[attr-defined]
        with pytest.raises(YinxinError, match="could not be recorded"):
            failing.issue([request], actor="operator")
        assert len(reconcile(each_centre.context)) == 1
    with pytest.raises(YinxinError, match="certified already"):
        each_centre.issue(key=key, subject=subject, reference="R2")
    with pytest.raises(YinxinError, match="another holder"):
        each_centre.issue(key=key, subject=make_subject("staff", "李四"), reference="R1")
    (issued,) = each_centre.ca.issue([request], actor="operator")
    # The three serial numbers are all known, and all can be revoked.
    records = page(each_centre.context.storage, Filter(approval_reference="R1"))
    assert [record.state for record in records] == [State.PRESUMED, State.PRESUMED, State.VALID]
    assert records[-1].serial == issued.serial
    with pytest.raises(YinxinError, match="certified already"):
        each_centre.ca.issue([request], actor="operator")


def test_reconciled_while_its_process_lives(each_centre: TestCentre) -> None:
    """A batch under way looks like a crashed one; its result confirms it afterwards."""
    context = each_centre.context
    signer = each_centre.keys.signer("sm2-issuing")

    class Meddled:
        algorithm = signer.algorithm
        public_key_info = signer.public_key_info

        def sign(self, data: bytes) -> bytes:
            reconcile(context)
            return signer.sign(data)

    each_centre.keys.wrap = lambda _signer: Meddled()
    issued = each_centre.issue()
    with context.storage.reading() as connection:
        steps = connection.execute(
            sa.select(events.c.move, events.c.state).where(events.c.serial == issued.serial).order_by(events.c.sequence)
        ).all()
    assert [tuple(step) for step in steps] == [
        (Move.PRESUME, State.PRESUMED),
        (Move.ISSUE, State.VALID),
    ]


def test_revoked_while_its_process_lives(centre: TestCentre) -> None:
    """What was presumed and revoked meanwhile is not handed out."""
    context, signer = centre.context, centre.keys.signer("sm2-issuing")

    class Meddled:
        algorithm = signer.algorithm
        public_key_info = signer.public_key_info

        def sign(self, data: bytes) -> bytes:
            for one in reconcile(context):
                revocation.revoke(context, one.authority, one.serial, Reason.UNSPECIFIED, actor="operator")
            return signer.sign(data)

    centre.keys.wrap = lambda _signer: Meddled()
    with pytest.raises(YinxinError, match="revoked") as caught:
        centre.issue()
    assert caught.value.kind is Kind.CONFLICT


def test_reconciliation_is_in_the_log(centre: TestCentre) -> None:
    centre.keys.wrap = lambda signer: DyingSigner(signer, 0)
    with pytest.raises(RuntimeError):
        centre.issue(reference="R7")
    (one,) = reconcile(centre.context, actor="start-up")
    with centre.context.storage.reading() as connection:
        row = connection.execute(sa.select(entries).where(entries.c.act == "ca.certificate.presume")).one()
    assert row.subject == serial_text(one.serial)
    assert b'"approval":"R7"' in row.entry


def test_killed_at_random_moments(tmp_path: Path) -> None:
    """`kill -9` in the middle of bulk issue, many times; on SQLite as it is used."""
    url, notes = f"sqlite:///{tmp_path / 'yinxin.db'}", tmp_path / "signed"
    storage = Storage(url)
    storage.migrate()
    sa.MetaData.create_all(certificates.metadata, storage.engine)
    context = Context(storage, FixedClock(datetime.now(UTC)))
    centre = TestCentre(context, MemoryKeyStore()).activate().build()
    key = centre.keys.made["sm2-issuing"]
    assert isinstance(key, Sm2Key)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.support.bulk_issuer"])
    luck = random.Random(20260101)
    presumed = 0
    for generation in range(KILLS):
        before = notes.stat().st_size if notes.exists() else 0
        process = processes.Process(target=bulk_issuer.run, args=(url, notes, key.pkcs8(), generation + 1))
        process.start()
        deadline = time.monotonic() + 30
        while not (notes.exists() and notes.stat().st_size > before) and time.monotonic() < deadline:
            assert process.is_alive()
            time.sleep(0.002)
        time.sleep(luck.uniform(0, 0.06))
        process.kill()
        process.join()
        presumed += len(reconcile(context))
    signed = notes.read_bytes()
    assert len(signed) % SERIAL_OCTETS == 0
    serials = {int.from_bytes(signed[at : at + SERIAL_OCTETS], "big") for at in range(0, len(signed), SERIAL_OCTETS)}
    assert len(serials) >= KILLS
    assert presumed > 0, "no kill fell between an intent and its result"
    reader = StatusReader(storage)
    issuer = issuer_id(reader)
    assert all(reader.status(issuer, serial) for serial in serials)
    assert reconcile(context) == []
    for serial in luck.sample(sorted(serials), 10):
        revocation.revoke(context, "sm2-issuing", serial, Reason.CESSATION_OF_OPERATION, actor="operator")
        status = reader.status(issuer, serial)
        assert status
        assert status.state is State.REVOKED
    with storage.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    storage.close()
