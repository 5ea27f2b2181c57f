"""The life of a request as a table of moves, and the rules that nobody gets round. Pure: no storage, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import Kind, YinxinError
from core.i18n import _
from core.refusals import OvertakenError as OvertakenError
from core.refusals import again_if_overtaken as again_if_overtaken
from ra.refusals import RefusedError
from ra.roles import Role, require_role
from ra.statements import Act, Statement


class State(StrEnum):
    """Where a request stands."""

    ENTERED = "entered"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    """Entered, and not decided in time: nobody states it, the request itself says until when."""
    ISSUED = "issued"
    DELIVERED = "delivered"


PENDING = frozenset({State.ENTERED, State.APPROVED})
"""Under way: their key is theirs alone."""


@dataclass(frozen=True)
class Move:
    """Who may do it, from which states, and where it leads."""

    role: Role
    origins: frozenset[State | None]
    result: State


MOVES = {
    Act.ENTER: Move(Role.ENTER, frozenset({None}), State.ENTERED),
    # A rejected request goes back to whoever enters, as one that is approved does when it is amended.
    Act.AMEND: Move(Role.ENTER, frozenset({State.ENTERED, State.APPROVED, State.REJECTED}), State.ENTERED),
    # Approved only when as many persons have approved as the profile asks; entered until then.
    Act.APPROVE: Move(Role.REVIEW, frozenset({State.ENTERED}), State.APPROVED),
    Act.REJECT: Move(Role.REVIEW, frozenset({State.ENTERED, State.APPROVED}), State.REJECTED),
    Act.WITHDRAW: Move(Role.ENTER, frozenset({State.ENTERED, State.APPROVED}), State.WITHDRAWN),
    Act.ISSUE: Move(Role.MAKE, frozenset({State.APPROVED}), State.ISSUED),
    Act.DELIVER: Move(Role.MAKE, frozenset({State.ISSUED}), State.DELIVERED),
}


def altered(number: str) -> RefusedError:
    """The refusal to touch a request that is not what its statements say."""
    return RefusedError(
        "altered",
        _("the stored request is not what its statements say: it was altered in the database"),
        subject=number,
        remedy=_("tell the auditor, and enter the request anew"),
    )


@dataclass(frozen=True)
class Version:
    """What of a request's content the rules look at; each amendment makes another."""

    digest: str
    """SM3 of the canonical request."""
    approvals_needed: int
    """How many persons must approve, by the profile when it was entered or amended."""
    decide_by: datetime | None = None


@dataclass(frozen=True)
class History:
    """A request as its verified statements tell it, in their order."""

    number: str
    version: Version
    """In force: the last one stated."""
    statements: Sequence[Statement] = ()

    @classmethod
    def replay(
        cls, number: str, versions: Sequence[Version], past: Iterable[tuple[Statement, frozenset[Role]]]
    ) -> "History":
        """The history of stored statements and their operators' roles, every rule applied to each again.

        `versions`: of the stored contents, the present one last. `RefusedError` if a rule is broken: then somebody
        wrote to the database past these rules.
        """
        first, *amendments = versions
        history = cls(number, first)
        try:
            for statement, roles in past:
                amended = amendments.pop(0) if statement.act is Act.AMEND and amendments else None
                history = history.after(statement, roles, amended)
        except YinxinError as error:
            raise altered(number) from error
        if amendments:
            raise altered(number)
        return history

    @property
    def digest(self) -> str:
        """SM3 of the content in force."""
        return self.version.digest

    @property
    def enterers(self) -> frozenset[str]:
        """Who entered or amended it."""
        return frozenset(one.operator for one in self.statements if one.act in (Act.ENTER, Act.AMEND))

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved exactly what is in force: each once, never who entered or amended it."""
        names: dict[str, None] = {}
        for statement in self.statements:
            if statement.act is Act.AMEND:
                names.clear()
            if statement.act is Act.APPROVE and statement.digest == self.digest:
                names[statement.operator] = None
        return tuple(name for name in names if name not in self.enterers)

    @property
    def state(self) -> State | None:
        """Where the request stands by what was stated; None before it is entered."""
        state = None
        for statement in self.statements:
            if statement.act is not Act.APPROVE:
                state = MOVES[statement.act].result
            elif len(self.approvers) >= self.version.approvals_needed:
                state = State.APPROVED
        return state

    def state_at(self, moment: datetime) -> State | None:
        """Where it stands at a moment: expired, if it ought to have been decided before."""
        late = self.version.decide_by is not None and moment > self.version.decide_by
        return State.EXPIRED if self.state is State.ENTERED and late else self.state

    def after(self, proposed: Statement, roles: frozenset[Role], amended: Version | None = None) -> "History":
        """The history with this statement, by an operator who has these roles, added to it.

        `amended`: the version that an amendment makes. `RefusedError` where a rule forbids it, `YinxinError` (conflict)
        where the state does not allow it, `OvertakenError` where the statement was made before the last one.
        """
        move = MOVES.get(proposed.act)
        if move is None or proposed.subject != self.number or (proposed.act is Act.AMEND) is (amended is None):
            raise RefusedError("other-subject", _("the statement is about something else"), subject=self.number)
        require_role(roles, move.role, proposed.operator, self.number)
        state = self.state_at(proposed.at)
        if state not in move.origins:
            raise YinxinError(
                Kind.CONFLICT,
                _("the request is {state}; this cannot be done with it: {act}").format(
                    state=state.value if state else _("new"), act=proposed.act.value
                ),
                subject=self.number,
            )
        if proposed.sequence != len(self.statements) + 1:
            raise OvertakenError(self.number)
        version = amended or self.version
        if proposed.digest != version.digest:
            raise RefusedError(
                "other-content",
                _("the statement is about another content than the request has"),
                subject=self.number,
                remedy=_("look at the request as it is now, and decide anew"),
            )
        if proposed.act is Act.APPROVE:
            self._check_approver(proposed.operator)
        return History(self.number, version, (*self.statements, proposed))

    def _check_approver(self, operator: str) -> None:
        if operator in self.enterers:
            raise RefusedError(
                "self-approval",
                _("whoever entered a request cannot approve it"),
                subject=self.number,
                remedy=_("have it approved by another operator"),
            )
        if operator in self.approvers:
            raise RefusedError(
                "approved-twice",
                _("operator {operator} has approved it already; another person is needed").format(operator=operator),
                subject=self.number,
            )
