"""Random walks of random people through the life of a seal, against a model that knows the rules in other words.

Whatever the rules refuse, the model refuses, and the reverse; what was written before stays as it was.
"""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from core.audit import entries
from core.context import Context
from core.errors import YinxinError
from core.storage import Storage
from seals import records
from seals.contracts import Duty
from seals.register.dossiers import read_dossier
from seals.register.life import MOVES, History, State, Version
from seals.register.statements import Act, Statement
from tests.support.seal_people import AUDITOR, CUSTODIAN, DUTIES, MANAGERS, Bureau, Crew, bureau_of, order_of
from tests.support.sealing import Office

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PEOPLE = (*MANAGERS, CUSTODIAN, "ma.hao", AUDITOR)
ACTS = [act for act in Act if act in MOVES]
OPENING = (Act.APPLY, Act.CHANGE)
LIVING = {"active", "frozen"}


class Model:
    """A seal as somebody who has read the regulations has it: one paper in force, one on the desk at most."""

    def __init__(self) -> None:
        self.in_force: dict[str, Any] | None = None
        self.desk: dict[str, Any] | None = None
        self.rejected = False
        self.count = 0

    def allows(self, act: Act, who: str, keeper: str) -> bool:
        manager, in_force, desk = who in MANAGERS, self.in_force, self.desk
        match act:
            case Act.APPLY:
                return manager and in_force is None and desk is None
            case Act.CHANGE:
                return manager and in_force is not None and in_force["state"] in LIVING and desk is None
            case Act.APPROVE:
                waits = desk is not None and desk["state"] == "applied"
                return manager and waits and desk is not None and who not in (desk["by"], *desk["approved"])
            case Act.REJECT:
                return manager and desk is not None
            case Act.MAKE:
                return manager and desk is not None and desk["state"] == "approved"
            case Act.ACTIVATE:
                ended = in_force is not None and in_force["state"] not in LIVING
                return desk is not None and desk["state"] == "made" and who == desk["keeper"] and not ended
            case Act.FREEZE:
                mine = in_force is not None and (manager or who == in_force["keeper"])
                return mine and in_force is not None and in_force["state"] == "active"
            case Act.RESUME:
                return manager and in_force is not None and in_force["state"] == "frozen"
            case Act.HAND_IN:
                return manager and in_force is not None and in_force["state"] in LIVING
            case Act.DESTROY:
                handed_in = in_force is not None and in_force["state"] == "handed-in"
                return manager and handed_in and in_force is not None and who != in_force["taken by"]
        raise AssertionError(act)

    def do(self, act: Act, who: str, keeper: str) -> None:
        match act:
            case Act.APPLY | Act.CHANGE:
                self.count += 1
                self.desk = {"number": self.count, "state": "applied", "by": who, "approved": [], "keeper": keeper}
            case Act.REJECT:
                self.desk = None
            case Act.ACTIVATE:
                assert self.desk
                self.in_force, self.desk = {**self.desk, "state": "active"}, None
            case Act.APPROVE | Act.MAKE:
                assert self.desk
                self.desk["approved"] += [who] if act is Act.APPROVE else []
                two = len(self.desk["approved"]) == 2
                self.desk["state"] = "made" if act is Act.MAKE else "approved" if two else "applied"
            case _:
                assert self.in_force
                self.in_force["taken by"] = who
                after = {Act.FREEZE: "frozen", Act.RESUME: "active", Act.HAND_IN: "handed-in"}
                self.in_force["state"] = after.get(act, "destroyed")

    @property
    def state(self) -> str | None:
        if self.in_force:
            return str(self.in_force["state"])
        if self.desk:
            return str(self.desk["state"])
        return "rejected" if self.count else None

    def number_meant(self, act: Act) -> int:
        paper = self.desk if act in (Act.APPROVE, Act.REJECT, Act.MAKE, Act.ACTIVATE) else self.in_force
        return int(paper["number"]) if paper else 0


def digest(number: int) -> str:
    return f"{number:064x}"


def duties(who: str) -> frozenset[Duty]:
    return frozenset({DUTIES[who]})


def statement(history: History, act: Act, who: str, number: int, sequence: int | None = None) -> Statement:
    return Statement(
        act=act,
        subject="seal:s",
        sequence=sequence or len(history.statements) + 1,
        digest=digest(number),
        at=NOW,
        operator=who,
    )


Step = tuple[Act, str, str]
"""Act, who, and the custodian of the version that is applied for."""

FIRST, SECOND, THIRD = MANAGERS
APPROVED: list[Step] = [(Act.APPROVE, SECOND, CUSTODIAN), (Act.APPROVE, THIRD, CUSTODIAN)]
MADE: list[Step] = [*APPROVED, (Act.MAKE, SECOND, CUSTODIAN)]
IN_USE: list[Step] = [(Act.APPLY, FIRST, CUSTODIAN), *MADE, (Act.ACTIVATE, CUSTODIAN, CUSTODIAN)]
BEGINNINGS: list[list[Step]] = [
    [],
    [(Act.APPLY, FIRST, CUSTODIAN), *MADE],
    IN_USE,
    [*IN_USE, (Act.HAND_IN, THIRD, CUSTODIAN)],
    [*IN_USE, (Act.CHANGE, FIRST, "ma.hao"), *MADE],
    [*IN_USE, (Act.CHANGE, FIRST, "ma.hao"), *MADE, (Act.HAND_IN, THIRD, CUSTODIAN)],
]
steps = st.tuples(st.sampled_from(ACTS), st.sampled_from(PEOPLE), st.sampled_from((CUSTODIAN, "ma.hao")))
walks = st.tuples(st.sampled_from(BEGINNINGS), st.lists(steps, max_size=8)).map(lambda parts: [*parts[0], *parts[1]])


@settings(max_examples=400, deadline=None)
@given(walk=walks)
def test_the_rules_allow_what_the_regulations_do(walk: list[Step]) -> None:
    history, model, past = History("s"), Model(), []
    versions: list[Version] = []
    for act, who, keeper in walk:
        allowed = model.allows(act, who, keeper)
        opened = Version(digest(model.count + 1), frozenset({keeper})) if act in OPENING else None
        stated = statement(history, act, who, model.count + 1 if opened else model.number_meant(act))
        try:
            after = history.after(stated, duties(who), opened)
        except YinxinError:
            assert not allowed, stated
            continue
        assert allowed, stated
        assert after.statements[:-1] == history.statements
        model.do(act, who, keeper)
        past.append((stated, duties(who)))
        versions += [opened] if opened else []
        history = after
        assert (history.state.value if history.state else None) == model.state
        assert sum(version.state in (State.ACTIVE, State.FROZEN) for version in history.versions) <= 1
    assert History.replay(History("s"), versions, past) == history


@settings(max_examples=200, deadline=None)
@given(walk=walks, data=st.data())
def test_a_history_with_something_left_out_or_exchanged_is_no_history(walk: list[Step], data: st.DataObject) -> None:
    """But for its end: whoever takes that away goes back to a moment that was."""
    history, model, past = History("s"), Model(), []
    versions: list[Version] = []
    for act, who, keeper in walk:
        if model.allows(act, who, keeper):
            opened = Version(digest(model.count + 1), frozenset({keeper})) if act in OPENING else None
            stated = statement(history, act, who, model.count + 1 if opened else model.number_meant(act))
            history = history.after(stated, duties(who), opened)
            model.do(act, who, keeper)
            past.append((stated, duties(who)))
            versions += [opened] if opened else []
    if len(past) < 2:
        return
    place = data.draw(st.integers(0, len(past) - 2))
    without = past[:place] + past[place + 1 :]
    exchanged = [*past[:place], past[place + 1], past[place], *past[place + 2 :]]
    for other in (without, exchanged):
        with pytest.raises(YinxinError, match="altered"):
            History.replay(History("s"), versions, other)


APPEND_ONLY = (entries, records.seal_events, records.statements)


class Walk(RuleBasedStateMachine):
    """The same through the register: what is in the books is what the model says, and is only ever added to."""

    bureau: Bureau

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.name = f"s{next(NUMBERS)}"
        self.before = self.books()

    @rule(walk=walks)
    def walk(self, walk: list[Step]) -> None:
        for act, who, keeper in walk:
            allowed = self.model.allows(act, who, keeper)
            try:
                self.attempt(act, who, keeper)
            except YinxinError:
                assert not allowed, (act, who)
            else:
                assert allowed, (act, who)
                self.model.do(act, who, keeper)

    def attempt(self, act: Act, who: str, keeper: str) -> None:
        order = order_of(self.bureau.office, self.name, custodians=[keeper])
        match act:
            case Act.APPLY if self.model.count == 0:
                self.bureau.apply(order, who)
            case Act.APPLY | Act.CHANGE:
                # The verb knows itself whether it is one or the other.
                if self.model.count == 0 or (act is Act.APPLY) is not (self.model.in_force is None):
                    raise YinxinError("conflict", "not this one")  # type: ignore[arg-type]
                self.bureau.change(order, who)
            case Act.MAKE:
                self.bureau.make(who, self.name)
            case _:
                self.bureau.decide(act, who, self.name)

    def books(self) -> dict[str, list[Any]]:
        with self.bureau.context.storage.reading() as connection:
            return {
                table.name: list(connection.execute(sa.select(table).order_by(table.c.id)).all())
                for table in APPEND_ONLY
            }

    @invariant()
    def nothing_is_changed_or_lost(self) -> None:
        now = self.books()
        for table, rows in self.before.items():
            assert now[table][: len(rows)] == rows
        self.before = now

    @invariant()
    def the_books_say_what_the_model_says(self) -> None:
        if self.model.count:
            with self.bureau.context.storage.reading() as connection:
                dossier = read_dossier(connection, self.bureau.crew, self.name)
            assert dossier.history.state == self.model.state


def count() -> Iterator[int]:
    number = 0
    while True:
        yield (number := number + 1)


NUMBERS = count()


def test_a_walk_through_the_register(migrated_sqlite: Path, tmp_path: Path, sm2_office: Office) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "yinxin.db")
    storage = Storage(f"sqlite:///{tmp_path / 'yinxin.db'}")
    context = Context(storage, sm2_office.clock)
    Walk.bureau = bureau_of(context, sm2_office, Crew(sm2_office))
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Walk, settings=settings(max_examples=6, stateful_step_count=4, deadline=None, suppress_health_check=checks)
    )
    storage.close()
