"""The moves of a request against a model that knows the rules in other words, walked at random; each rule by name."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.errors import Kind, YinxinError
from ra.moves import MOVES, History, OvertakenError, State, Version
from ra.refusals import RefusedError
from ra.roles import Role
from ra.statements import Act, Statement

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
NUMBER, DIGEST, OTHER = "20261101-7K3M9QX2", "aa" * 32, "bb" * 32
EVERY_ROLE = frozenset(Role)
PEOPLE = ("甲", "乙", "丙", "丁")


def said(act: Act, operator: str, sequence: int, digest: str = DIGEST, subject: str = NUMBER) -> Statement:
    return Statement(act=act, subject=subject, sequence=sequence, digest=digest, at=NOW, operator=operator)


def history(*acts: tuple[Act, str], approvals: int = 1) -> History:
    past = ((said(act, who, place), EVERY_ROLE) for place, (act, who) in enumerate(acts, 1))
    return History.replay(NUMBER, [Version(DIGEST, approvals)], past)


class Walk(RuleBasedStateMachine):
    """The model: a word for the state, the enterer, the set of approvers."""

    @initialize(needed=st.integers(1, 3))
    def begin(self, needed: int) -> None:
        self.needed = needed
        self.versions = [Version(DIGEST, needed)]
        self.history = History(NUMBER, Version(DIGEST, needed))
        self.word = "new"
        self.enterers: set[str] = set()
        self.approvers: set[str] = set()

    @rule(
        act=st.sampled_from(list(Act)),
        who=st.sampled_from(PEOPLE),
        roles=st.one_of(st.just(EVERY_ROLE), st.frozensets(st.sampled_from(Role))),
        slip=st.sampled_from([0, 0, 0, 0, -1, 1]),
        other=st.sampled_from([False, False, False, True]),
    )
    def propose(self, act: Act, who: str, roles: frozenset[Role], slip: int, other: bool) -> None:
        place = len(self.history.statements) + 1 + slip
        amended = Version(f"{len(self.versions):064x}", self.needed) if act is Act.AMEND else None
        digest = OTHER if other else (amended or self.history.version).digest
        allowed = self.allows(act, who, roles) and slip == 0 and not other
        try:
            after = self.history.after(said(act, who, max(place, 1), digest), roles, amended)
        except YinxinError:
            assert not allowed or place < 1
            return
        assert allowed or max(place, 1) == len(self.history.statements) + 1
        assert self.allows(act, who, roles) and not other
        self.history = after
        if amended:
            self.versions.append(amended)
        self.follow(act, who)

    def allows(self, act: Act, who: str, roles: frozenset[Role]) -> bool:
        match act, self.word:
            case Act.ENTER, "new":
                return Role.ENTER in roles
            case Act.AMEND, "entered" | "approved" | "rejected":
                return Role.ENTER in roles
            case Act.APPROVE, "entered":
                return Role.REVIEW in roles and who not in self.enterers and who not in self.approvers
            case Act.REJECT, "entered" | "approved":
                return Role.REVIEW in roles
            case Act.WITHDRAW, "entered" | "approved":
                return Role.ENTER in roles
            case (Act.ISSUE, "approved") | (Act.DELIVER, "issued"):
                return Role.MAKE in roles
            case _:
                return False

    def follow(self, act: Act, who: str) -> None:
        words = {Act.REJECT: "rejected", Act.WITHDRAW: "withdrawn", Act.ISSUE: "issued", Act.DELIVER: "delivered"}
        match act:
            case Act.ENTER:
                self.word = "entered"
                self.enterers.add(who)
            case Act.AMEND:
                self.word = "entered"
                self.enterers.add(who)
                self.approvers.clear()
            case Act.APPROVE:
                self.approvers.add(who)
                self.word = "approved" if len(self.approvers) >= self.needed else "entered"
            case _:
                self.word = words[act]

    @invariant()
    def agree(self) -> None:
        assert (self.history.state or "new") == self.word
        assert set(self.history.approvers) == self.approvers
        assert self.history.enterers.isdisjoint(self.history.approvers)
        if self.word in {"approved", "issued", "delivered"}:
            assert len(self.approvers) >= self.needed

    @invariant()
    def replays(self) -> None:
        past = [(statement, EVERY_ROLE) for statement in self.history.statements]
        assert History.replay(NUMBER, self.versions, past) == self.history


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


def test_every_state_is_reached_and_the_last_ones_are_final() -> None:
    assert {move.result for move in MOVES.values()} == set(State) - {State.EXPIRED}
    origins = {state for move in MOVES.values() for state in move.origins}
    assert set(State) - origins == {State.EXPIRED, State.WITHDRAWN, State.DELIVERED}


def test_nobody_approves_what_they_entered() -> None:
    with pytest.raises(RefusedError) as refusal:
        history((Act.ENTER, "甲")).after(said(Act.APPROVE, "甲", 2), EVERY_ROLE)
    assert refusal.value.rule == "self-approval"


def test_nobody_counts_twice() -> None:
    once = history((Act.ENTER, "甲"), (Act.APPROVE, "乙"), approvals=2)
    assert once.state is State.ENTERED
    with pytest.raises(RefusedError) as refusal:
        once.after(said(Act.APPROVE, "乙", 3), EVERY_ROLE)
    assert refusal.value.rule == "approved-twice"
    assert once.after(said(Act.APPROVE, "丙", 3), EVERY_ROLE).state is State.APPROVED


@pytest.mark.parametrize(("act", "role"), list(product(MOVES, Role)))
def test_each_act_needs_its_own_role(act: Act, role: Role) -> None:
    before = {
        Act.ENTER: (),
        Act.AMEND: ((Act.ENTER, "甲"),),
        Act.APPROVE: ((Act.ENTER, "甲"),),
        Act.REJECT: ((Act.ENTER, "甲"),),
        Act.WITHDRAW: ((Act.ENTER, "甲"),),
        Act.ISSUE: ((Act.ENTER, "甲"), (Act.APPROVE, "乙")),
        Act.DELIVER: ((Act.ENTER, "甲"), (Act.APPROVE, "乙"), (Act.ISSUE, "丙")),
    }[act]
    amended = Version(OTHER, 1) if act is Act.AMEND else None
    proposed = said(act, "丁", len(before) + 1, OTHER if amended else DIGEST)
    if MOVES[act].role is role:
        assert history(*before).after(proposed, frozenset({role}), amended).state is MOVES[act].result
    else:
        with pytest.raises(RefusedError) as refusal:
            history(*before).after(proposed, frozenset({role}), amended)
        assert refusal.value.rule == "role"


def test_an_approval_of_other_content_is_refused() -> None:
    with pytest.raises(RefusedError) as refusal:
        history((Act.ENTER, "甲")).after(said(Act.APPROVE, "乙", 2, OTHER), EVERY_ROLE)
    assert refusal.value.rule == "other-content"


def test_a_statement_about_another_request_is_refused() -> None:
    with pytest.raises(RefusedError) as refusal:
        history((Act.ENTER, "甲")).after(said(Act.APPROVE, "乙", 2, subject="20261101-AAAAAAAA"), EVERY_ROLE)
    assert refusal.value.rule == "other-subject"


def test_a_statement_made_before_the_last_one_comes_too_late() -> None:
    with pytest.raises(OvertakenError) as error:
        history((Act.ENTER, "甲"), (Act.APPROVE, "乙"), approvals=2).after(said(Act.APPROVE, "丙", 2), EVERY_ROLE)
    assert error.value.kind is Kind.CONFLICT


@pytest.mark.parametrize(
    "past",
    [
        [said(Act.ENTER, "甲", 1), said(Act.APPROVE, "甲", 2)],
        [said(Act.ENTER, "甲", 1), said(Act.APPROVE, "乙", 3)],
        [said(Act.ENTER, "甲", 1), said(Act.APPROVE, "乙", 2, OTHER)],
        [said(Act.ENTER, "甲", 1, OTHER)],
        [said(Act.APPROVE, "乙", 1)],
        [said(Act.ENTER, "甲", 1), said(Act.ISSUE, "乙", 2)],
        [said(Act.ENTER, "甲", 1), said(Act.REJECT, "乙", 2), said(Act.APPROVE, "丙", 3)],
        [said(Act.ENTER, "甲", 1), said(Act.APPROVE, "乙", 2, subject="another")],
        [said(Act.ENTER, "甲", 1), said(Act.REVOKE, "乙", 2)],
    ],
)
def test_a_stored_history_that_breaks_a_rule_was_altered(past: list[Statement]) -> None:
    with pytest.raises(RefusedError) as refusal:
        History.replay(NUMBER, [Version(DIGEST, 1)], ((statement, EVERY_ROLE) for statement in past))
    assert refusal.value.rule == "altered"


def test_approvals_by_operators_without_the_role_do_not_count_when_replayed() -> None:
    past = [(said(Act.ENTER, "甲", 1), EVERY_ROLE), (said(Act.APPROVE, "乙", 2), frozenset({Role.ENTER}))]
    with pytest.raises(RefusedError) as refusal:
        History.replay(NUMBER, [Version(DIGEST, 1)], past)
    assert refusal.value.rule == "altered"
