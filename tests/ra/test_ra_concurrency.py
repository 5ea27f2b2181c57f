"""Two at once, on both storages: what one transaction decides, the other finds decided. And crashes in between."""

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

import ca.issuance
from ca.activation import activate
from ca.issuance import IssuedCertificate
from ca.profiles import load_profile
from ca.records import certificates as ca_certificates
from core.context import Context
from core.errors import Kind, YinxinError
from core.storage import Storage
from ra import issuance, records, requests
from ra.issuance import CLAIM, issue
from ra.moves import State
from ra.register import find_request
from ra.statements import Act
from tests.support.office import PROFILES, UNIT, Office

Outcome = object | YinxinError


def at_once(office: Office, *attempts: Callable[[Context], object]) -> list[Outcome]:
    """Each attempt in a thread of its own, with connections of its own, as processes have them."""
    barrier = Barrier(len(attempts))

    def run(attempt: Callable[[Context], object]) -> Outcome:
        storage = Storage(office.storage.url)
        try:
            barrier.wait()
            return attempt(Context(storage, office.clock))
        except YinxinError as error:
            return error
        finally:
            storage.close()

    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(run, attempts))


def acts(office: Office, number: str) -> list[Act]:
    return [signed.statement.act for signed in find_request(office.context, number).statements]


def test_what_two_do_at_once_happens_one_after_the_other(each_office: Office) -> None:
    office = each_office
    shen, he, lu, zhi = (office.sessions[name] for name in ("shen.review", "he.review", "lu.enter", "zhi.make"))

    # Two reviewers where one is enough: one of them decides, the other is told.
    number = office.enter()
    outcomes = at_once(office, lambda c: requests.approve(c, shen, number), lambda c: requests.approve(c, he, number))
    assert sum(outcome is State.APPROVED for outcome in outcomes) == 1
    (late,) = [outcome for outcome in outcomes if isinstance(outcome, YinxinError)]
    assert late.kind is Kind.CONFLICT
    assert acts(office, number) == [Act.ENTER, Act.APPROVE]

    # The same reviewer twice, where two are asked for: counts once.
    stricter = load_profile(PROFILES / "unit.toml").model_copy(update={"approvals": 2, "encryption": ""})
    activate(office.context, [stricter], actor="ceremony")
    number = office.enter(profile="unit", subject=UNIT)
    outcomes = at_once(office, lambda c: requests.approve(c, shen, number), lambda c: requests.approve(c, shen, number))
    assert sum(outcome is State.ENTERED for outcome in outcomes) == 1
    assert find_request(office.context, number).entry.state is State.ENTERED

    # Two reviewers where two are asked for: both count, whoever came first.
    number = office.enter(profile="unit", subject=UNIT)
    outcomes = at_once(office, lambda c: requests.approve(c, shen, number), lambda c: requests.approve(c, he, number))
    assert sorted(str(outcome) for outcome in outcomes) == ["approved", "entered"]

    # Approval against withdrawal: any order, but one after the other.
    number = office.enter()
    at_once(office, lambda c: requests.approve(c, shen, number), lambda c: requests.withdraw(c, lu, number))
    assert acts(office, number) in ([Act.ENTER, Act.WITHDRAW], [Act.ENTER, Act.APPROVE, Act.WITHDRAW])
    assert find_request(office.context, number).intact

    # Two makers: one certificate.
    numbers = [office.approved() for _count in range(3)]
    before = len(office.rows(ca_certificates))
    outcomes = at_once(
        office,
        lambda c: issue(c, office.authority, zhi, numbers),
        lambda c: issue(c, office.authority, zhi, reversed(numbers)),
    )
    assert sum(isinstance(outcome, list) for outcome in outcomes) == 1, outcomes
    assert len(office.rows(ca_certificates)) == before + 3
    for number in numbers:
        record = find_request(office.context, number)
        assert (record.entry.state, len(record.certificates)) == (State.ISSUED, 1)


def test_two_processes_cannot_both_decide(office: Office) -> None:
    fork = multiprocessing.get_context("fork")
    number = office.enter()
    barrier = fork.Barrier(2)

    def approve(who: str) -> None:
        context = Context(Storage(office.storage.url), office.clock)
        barrier.wait()
        try:
            requests.approve(context, office.sessions[who], number)
        except YinxinError as error:
            sys.exit(3 if error.kind is Kind.CONFLICT else 4)

    processes = [fork.Process(target=approve, args=(who,)) for who in ("shen.review", "he.review")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert sorted(process.exitcode or 0 for process in processes) == [0, 3]
    assert acts(office, number) == [Act.ENTER, Act.APPROVE]


def test_after_a_failure_between_signature_and_result_the_request_is_issued_again(
    each_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = each_office
    number = office.approved()

    def broken(*_arguments: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(issuance, "_record", broken)
        with pytest.raises(YinxinError) as error:
            issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    assert error.value.kind is Kind.UNAVAILABLE
    assert find_request(office.context, number).entry.state is State.APPROVED
    assert find_request(office.context, number).certificates == []
    (issued,) = issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    assert [one.serial for one in find_request(office.context, number).certificates] == [issued.serial]
    # Both that may exist are in the books.
    assert len([row for row in office.rows(ca_certificates) if row.approval_reference == number]) == 2


def test_after_a_crash_the_claim_lapses(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    number = office.approved()
    with monkeypatch.context() as patch:
        patch.setattr(issuance, "_release", lambda *_arguments: None)  # as if the process were gone
        patch.setattr(ca.issuance.CertificateAuthority, "issue", _die)
        with pytest.raises(KeyboardInterrupt):
            issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    for attempt in (
        lambda: issue(office.context, office.authority, office.sessions["zhi.make"], [number]),
        lambda: requests.withdraw(office.context, office.sessions["lu.enter"], number),
    ):
        with pytest.raises(YinxinError) as error:
            attempt()
        assert error.value.kind is Kind.CONFLICT
    office.clock.advance(CLAIM + timedelta(seconds=1))
    issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    assert find_request(office.context, number).entry.state is State.ISSUED


def _die(*_arguments: object, **_options: object) -> Sequence[IssuedCertificate]:
    raise KeyboardInterrupt


def test_a_batch_is_issued_whole_or_not_at_all(office: Office) -> None:
    approved, waiting = office.approved(), office.enter()
    with pytest.raises(YinxinError) as error:
        issue(office.context, office.authority, office.sessions["zhi.make"], [approved, waiting])
    assert (error.value.kind, error.value.subject) == (Kind.CONFLICT, waiting)
    assert office.rows(records.request_certificates) == []
    issue(office.context, office.authority, office.sessions["zhi.make"], [approved])
