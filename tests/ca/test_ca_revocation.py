"""Rule 5: the state is the last event of a history that only grows; a hold can be lifted, a revocation cannot."""

import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ca.history import advance, steps_of
from ca.records import events
from ca.revocation import Reason, hold, resume, revoke
from ca.state import MOVES, Move, State, state_after
from ca.status import StatusReader
from core.audit import entries
from core.certificates import serial_text
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from core.storage import Storage
from tests.support.ca import TestCentre

REASONS: list[Reason] = [
    reason for reason in Reason if reason not in (Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL, Reason.AA_COMPROMISE)
]


def issuer_id(reader: StatusReader) -> int:
    return next(issuer.id for issuer in reader.issuers() if issuer.name == "sm2-issuing")


def test_revoked_is_final_and_reachable() -> None:
    assert not [move for (state, move) in MOVES if state is State.REVOKED]
    for state in (State.VALID, State.PRESUMED, State.HELD):
        assert state_after(state, Move.REVOKE) is State.REVOKED
    assert [after for (state, move), after in MOVES.items() if move is Move.RESUME] == [State.VALID]


def test_codes_are_those_of_rfc_5280() -> None:
    assert {reason.value: reason.code for reason in Reason} == {
        "unspecified": 0,
        "keyCompromise": 1,
        "cACompromise": 2,
        "affiliationChanged": 3,
        "superseded": 4,
        "cessationOfOperation": 5,
        "certificateHold": 6,
        "removeFromCRL": 8,
        "privilegeWithdrawn": 9,
        "aACompromise": 10,
    }


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_seen_at_once(centre: TestCentre, reason: Reason) -> None:
    issued = centre.issue()
    reader = StatusReader(centre.context.storage)
    revoke(centre.context, "sm2-issuing", issued.serial, reason, actor="operator")
    status = reader.status(issuer_id(reader), issued.serial)
    assert status
    assert (status.state, status.reason, status.revoked_at) == (
        State.REVOKED,
        reason,
        centre.context.clock.now(),
    )


@pytest.mark.parametrize("reason", [Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL, Reason.AA_COMPROMISE])
def test_some_reasons_are_none(centre: TestCentre, reason: Reason) -> None:
    issued = centre.issue()
    with pytest.raises(YinxinError) as caught:
        revoke(centre.context, "sm2-issuing", issued.serial, reason, actor="operator")
    assert caught.value.kind is Kind.INVALID


def test_hold_resume_revoke(each_centre: TestCentre, clock: FixedClock) -> None:
    context, serial = each_centre.context, each_centre.issue().serial
    reader = StatusReader(context.storage)
    issuer = issuer_id(reader)

    def state() -> tuple[State, Reason | None]:
        status = reader.status(issuer, serial)
        assert status
        return status.state, status.reason

    hold(context, "sm2-issuing", serial, actor="operator")
    assert state() == (State.HELD, Reason.CERTIFICATE_HOLD)
    with pytest.raises(YinxinError, match="held"):
        hold(context, "sm2-issuing", serial, actor="operator")
    clock.advance(timedelta(hours=1))
    resume(context, "sm2-issuing", serial, actor="operator")
    assert state() == (State.VALID, None)
    with pytest.raises(YinxinError, match="valid"):
        resume(context, "sm2-issuing", serial, actor="operator")
    revoke(context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="operator")
    for act in (hold, resume):
        with pytest.raises(YinxinError, match="revoked") as caught:
            act(context, "sm2-issuing", serial, actor="operator")
        assert caught.value.kind is Kind.CONFLICT
    with pytest.raises(YinxinError, match="revoked"):
        revoke(context, "sm2-issuing", serial, Reason.KEY_COMPROMISE, actor="operator")
    assert state() == (State.REVOKED, Reason.SUPERSEDED)
    with context.storage.reading() as connection:
        steps = steps_of(connection, issuer, serial)
    assert [step.sequence for step in steps] == [1, 2, 3, 4]
    assert [step.state for step in steps] == [State.VALID, State.HELD, State.VALID, State.REVOKED]


@pytest.mark.parametrize(("authority", "serial"), [("sm2-issuing", 12345), ("sm2-issuing", 0), ("nobody", 1)])
def test_what_was_never_issued_cannot_be_revoked(centre: TestCentre, authority: str, serial: int) -> None:
    with pytest.raises(YinxinError) as caught:
        revoke(centre.context, authority, serial, Reason.UNSPECIFIED, actor="operator")
    assert caught.value.kind is Kind.NOT_FOUND


def test_another_authoritys_serial_is_none_of_ours(centre: TestCentre) -> None:
    issued = centre.issue()
    with pytest.raises(YinxinError):
        revoke(centre.context, "sm2-root", issued.serial, Reason.UNSPECIFIED, actor="operator")


def test_log_and_callers_rows_commit_with_the_revocation(centre: TestCentre) -> None:
    serial = centre.issue().serial

    def refuse(connection: sa.Connection) -> None:
        raise YinxinError(Kind.CONFLICT, "no")

    with pytest.raises(YinxinError, match="no"):
        revoke(centre.context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="operator", recording=refuse)
    reader = StatusReader(centre.context.storage)
    status = reader.status(issuer_id(reader), serial)
    assert status
    assert status.state is State.VALID
    revoke(centre.context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="operator")
    with centre.context.storage.reading() as connection:
        row = connection.execute(sa.select(entries).where(entries.c.act == "ca.certificate.revoke")).one()
    assert row.subject == serial_text(serial)


def test_an_act_that_cannot_be_logged_does_not_happen(centre: TestCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    serial = centre.issue().serial

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("core.audit.AuditLog.append", full)
        patch.setattr("core.audit.AuditLog.extend", full)
        with pytest.raises(OSError, match="no space"):
            revoke(centre.context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="operator")
        with pytest.raises(OSError, match="no space"):
            centre.issue()
    reader = StatusReader(centre.context.storage)
    status = reader.status(issuer_id(reader), serial)
    assert status
    assert status.state is State.VALID


def test_two_at_once_make_one_revocation(each_centre: TestCentre) -> None:
    context, serial = each_centre.context, each_centre.issue().serial
    outcomes: list[str] = []
    barrier = threading.Barrier(6)

    def attempt(reason: Reason) -> None:
        barrier.wait()
        try:
            revoke(context, "sm2-issuing", serial, reason, actor="operator")
            outcomes.append("done")
        except YinxinError as error:
            outcomes.append(error.kind)

    threads = [threading.Thread(target=attempt, args=(reason,)) for reason in REASONS[:6]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 5 + ["done"]
    with context.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events).where(events.c.serial == serial)) == 2


def test_the_database_itself_keeps_one_event_for_each_step(each_centre: TestCentre) -> None:
    serial = each_centre.issue().serial
    with each_centre.context.storage.reading() as connection:
        row = connection.execute(sa.select(events).where(events.c.serial == serial)).one()
    twice = {key: value for key, value in row._asdict().items() if key != "id"}
    with pytest.raises(sa.exc.IntegrityError), each_centre.context.storage.transaction() as connection:
        connection.execute(sa.insert(events).values(twice))


def test_every_process_sees_it_within_a_second(each_centre: TestCentre) -> None:
    """Another process is another engine on the same database, its connection held since before the revocation."""
    context, serial = each_centre.context, each_centre.issue().serial
    elsewhere = Storage(context.storage.engine.url.render_as_string(hide_password=False))
    reader = StatusReader(elsewhere)
    issuer = issuer_id(reader)
    before = reader.status(issuer, serial)
    assert before
    assert before.state is State.VALID
    revoke(context, "sm2-issuing", serial, Reason.KEY_COMPROMISE, actor="operator")
    begin = time.monotonic()
    after = reader.status(issuer, serial)
    assert time.monotonic() - begin < 1
    assert after
    assert after.state is State.REVOKED
    elsewhere.close()


def test_any_sequence_of_moves(centre: TestCentre) -> None:
    """A random life beside a model of it: the table of moves alone."""
    context = centre.context
    reader = StatusReader(context.storage)
    issuer = issuer_id(reader)

    class Life(RuleBasedStateMachine):
        @initialize()
        def issue(self) -> None:
            self.serial = centre.issue().serial
            self.state = State.VALID

        @rule(move=st.sampled_from([Move.HOLD, Move.RESUME, Move.REVOKE, Move.ISSUE, Move.PRESUME]))
        def move(self, move: Move) -> None:
            after = MOVES.get((self.state, move))
            try:
                with context.storage.transaction() as connection:
                    advance(connection, issuer, [self.serial], move, at=context.clock.now(), actor="x", reason=None)
                assert after is not None
                self.state = after
            except YinxinError:
                assert after is None

        @invariant()
        def status_is_the_models(self) -> None:
            if hasattr(self, "serial"):
                status = reader.status(issuer, self.serial)
                assert status
                assert status.state is self.state

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=15, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_batches_move_together_or_not_at_all(centre: TestCentre) -> None:
    issued = centre.ca.issue([centre.request() for _ in range(3)], actor="operator")
    context = centre.context
    hold(context, "sm2-issuing", issued[1].serial, actor="operator")
    reader = StatusReader(context.storage)
    issuer = issuer_id(reader)
    with pytest.raises(YinxinError), context.storage.transaction() as connection:
        advance(connection, issuer, [one.serial for one in issued], Move.HOLD, at=context.clock.now(), actor="x")
    states = [reader.status(issuer, one.serial) for one in issued]
    assert [status and status.state for status in states] == [State.VALID, State.HELD, State.VALID]
