"""Keys leave the key-management centre, and are destroyed there, by enough officers: the log alone shows it."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
import sqlalchemy as sa

from audit.findings import Finding, Gravity
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Judge
from ca.kmc.destruction import destroy
from ca.kmc.records import destruction_statements, recovery_statements
from ca.kmc.recovery_rules import Path as RecoveryPath
from core.algorithms import SM3
from core.audit import entries
from core.clock import FixedClock
from core.context import Context
from core.storage import Storage
from tests.support import kmc
from tests.support.ca import NOW
from yinxin.audited import OBJECTS

Log = list[dict[str, Any]]


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Log, dict[str, bytes]]]:
    """A centre in which a key was given back and another destroyed: its log, and its officers' statements."""
    folder = tmp_path_factory.mktemp("escrow")
    storage = Storage(f"sqlite:///{folder / 'books.db'}")
    storage.migrate()
    clock = FixedClock(NOW)
    made = kmc.Centre(Context(storage, clock), folder)
    first = made.allot()
    person = [kmc.party("张三").certificate, kmc.hierarchy().certificate]
    number = made.desk.request(
        made.session("甲"), key=first.number, path=RecoveryPath.HOLDER, recipient=person, reason="遗失"
    )
    for officer in ("乙", "丙"):
        made.desk.approve(made.session(officer), number)
    made.desk.deliver(made.session("甲"), number)
    due = made.allot(days=1)
    from ca.kmc.allotment import revoke_for

    revoke_for(made.context, _reference(storage, due.number), actor="ca")
    clock.advance(timedelta(days=2))
    assert [destroy(made.desk, made.session(one), due.number) for one in ("甲", "乙")] == [False, True]
    with storage.reading() as connection:
        log = [json.loads(one) for one in connection.scalars(sa.select(entries.c.entry).order_by(entries.c.id))]
        messages = list(OBJECTS["statements"](connection))
        assert len(messages) == 6
        stored = [*connection.scalars(sa.select(recovery_statements.c.statement))]
        stored += connection.scalars(sa.select(destruction_statements.c.statement))
    assert set(stored) == set(messages)
    yield log, {SM3.of(one).hex(): one for one in messages}
    storage.close()


def _reference(storage: Storage, number: str) -> str:
    from ca.kmc.records import allotments, keys

    with storage.reading() as connection:
        query = sa.select(allotments.c.reference).join(keys, keys.c.id == allotments.c.key_id)
        return str(connection.scalar(query.where(keys.c.number == number)))


def judged(log: Log, messages: dict[str, bytes]) -> list[Finding]:
    judge = Judge(Evidence(messages=messages))
    for position, entry in enumerate(log):
        judge.take(position, rfc8785.dumps(entry))
    return judge.finish()


def broken(log: Log, messages: dict[str, bytes]) -> list[str]:
    return [one.rule for one in judged(log, messages) if one.gravity is Gravity.BROKEN]


def test_a_centre_that_kept_the_rules(centre: tuple[Log, dict[str, bytes]]) -> None:
    log, messages = centre
    acts = {one["act"] for one in log}
    assert {"kmc.recovery.deliver", "kmc.key.recover", "kmc.destruction.confirm", "kmc.key.destroy"} <= acts
    assert judged(log, messages) == []


def without(act: str) -> Callable[[Log], None]:
    def alter(log: Log) -> None:
        log.remove(next(one for one in log if one["act"] == act))

    return alter


def put(act: str, **values: Any) -> Callable[[Log], None]:
    def alter(log: Log) -> None:
        place = next(at for at, one in enumerate(log) if one["act"] == act)
        log[place] = changed = json.loads(json.dumps(log[place]))
        for name, value in values.items():
            (changed if name in changed else changed["details"])[name] = value

    return alter


@pytest.mark.parametrize(
    "alter",
    [
        without("kmc.recovery.request"),
        without("kmc.recovery.approve"),
        without("kmc.recovery.deliver"),
        without("kmc.destruction.order"),
        without("kmc.destruction.confirm"),
        put("kmc.recovery.approve", actor="甲"),
        put("kmc.recovery.approve", actor="丙"),
        put("kmc.recovery.approve", digest="00" * 32),
        put("kmc.recovery.approve", statement="00" * 32),
        put("kmc.recovery.request", actor="乙"),
        put("kmc.recovery.request", key="K-other"),
        put("kmc.key.recover", reference="KR-other"),
        put("kmc.destruction.confirm", actor="甲"),
        put("kmc.destruction.confirm", digest="00" * 32),
        put("kmc.destruction.order", subject="other"),
    ],
)
def test_a_broken_rule_is_found(centre: tuple[Log, dict[str, bytes]], alter: Callable[[Log], None]) -> None:
    log = list(centre[0])
    alter(log)
    assert "escrow" in broken(log, centre[1])


def test_a_forged_statement_counts_for_nothing(centre: tuple[Log, dict[str, bytes]]) -> None:
    log, messages = centre
    for digest, message in messages.items():
        altered = bytearray(message)
        altered[-1] ^= 1
        assert "escrow" in broken(log, messages | {digest: bytes(altered)})


def test_what_was_not_signed_in_earlier_versions_is_told(centre: tuple[Log, dict[str, bytes]]) -> None:
    log = json.loads(json.dumps(centre[0]))
    for one in log:
        one["details"].pop("statement", None)
    (remark,) = judged(log, centre[1])
    assert remark.rule == "escrow" and remark.what.startswith("6 statements")
    # Two approvals are needed all the same.
    without("kmc.recovery.approve")(log)
    assert "escrow" in broken(log, centre[1])


def test_many_statements_are_read_on_all_cores(
    centre: tuple[Log, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.meaning import many_statements

    monkeypatch.setattr(many_statements, "FEW", 3)
    monkeypatch.setattr(many_statements, "PART", 2)
    good = list(centre[1].values())
    forged = bytes([*good[0][:-1], good[0][-1] ^ 1])
    messages, read = many_statements.divided([*good, forged, b"", b"\x30"])
    assert messages == {} and set(read) == {*centre[1], *(SM3.of(one).hex() for one in (forged, b"", b"\x30"))}
    assert [digest for digest, facts in read.items() if facts is None] == [
        SM3.of(one).hex() for one in (forged, b"", b"\x30")
    ]
    evidence = Evidence(read=read)
    assert judged_by(centre[0], evidence) == []
    assert many_statements.divided(good[:3]) == ({SM3.of(one).hex(): one for one in good[:3]}, {})


def judged_by(log: Log, evidence: Evidence) -> list[Finding]:
    judge = Judge(evidence)
    for position, entry in enumerate(log):
        judge.take(position, rfc8785.dumps(entry))
    return judge.finish()
