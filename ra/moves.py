"""The life of a request as a table of moves, and the rules that nobody gets round. Pure: no storage, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.errors import Kind, YinxinError
from core.i18n import _
from ra.refusals import RefusedError
from ra.roles import Role, require_role
from ra.statements import Act, Statement


class State(StrEnum):
    """Where a request stands."""

    ENTERED = "entered"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    ISSUED = "issued"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class Move:
    """Who may do it, from which states, and where it leads."""

    role: Role
    origins: frozenset[State | None]
    result: State


MOVES = {
    Act.ENTER: Move(Role.ENTER, frozenset({None}), State.ENTERED),
    # Approved only when as many persons have approved as the profile asks; entered until then.
    Act.APPROVE: Move(Role.REVIEW, frozenset({State.ENTERED}), State.APPROVED),
    Act.REJECT: Move(Role.REVIEW, frozenset({State.ENTERED, State.APPROVED}), State.REJECTED),
    Act.WITHDRAW: Move(Role.ENTER, frozenset({State.ENTERED, State.APPROVED}), State.WITHDRAWN),
    Act.ISSUE: Move(Role.MAKE, frozenset({State.APPROVED}), State.ISSUED),
    Act.DELIVER: Move(Role.MAKE, frozenset({State.ISSUED}), State.DELIVERED),
}


class OvertakenError(YinxinError):
    """Somebody else moved the request between reading and deciding."""

    def __init__(self, number: str) -> None:
        super().__init__(
            Kind.CONFLICT,
            _("somebody else has moved it meanwhile"),
            subject=number,
            remedy=_("look at it again and decide anew"),
        )


def altered(number: str) -> RefusedError:
    """The refusal to touch a request that is not what its statements say."""
    return RefusedError(
        "altered",
        _("the stored request is not what its statements say: it was altered in the database"),
        subject=number,
        remedy=_("tell the auditor, and enter the request anew"),
    )


@dataclass(frozen=True)
class History:
    """A request as its verified statements tell it, in their order."""

    number: str
    digest: str
    """SM3 of the content as it is stored now."""
    approvals_needed: int
    """How many persons must approve, by the profile when it was entered."""
    statements: Sequence[Statement] = ()

    @classmethod
    def replay(
        cls, number: str, digest: str, approvals_needed: int, past: Iterable[tuple[Statement, frozenset[Role]]]
    ) -> "History":
        """The history of stored statements and their operators' roles, every rule applied to each again.

        `RefusedError` if they break one: then somebody wrote to the database past these rules.
        """
        history = cls(number, digest, approvals_needed)
        try:
            for statement, roles in past:
                history = history.after(statement, roles)
        except YinxinError as error:
            raise altered(number) from error
        return history

    @property
    def enterer(self) -> str | None:
        """Who entered it."""
        return self.statements[0].operator if self.statements else None

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved exactly what is stored now: each once, never the enterer."""
        names = dict.fromkeys(
            statement.operator
            for statement in self.statements
            if statement.act is Act.APPROVE and statement.digest == self.digest and statement.operator != self.enterer
        )
        return tuple(names)

    @property
    def state(self) -> State | None:
        """Where the request stands; None before it is entered."""
        state = None
        for statement in self.statements:
            if statement.act is not Act.APPROVE:
                state = MOVES[statement.act].result
            elif len(self.approvers) >= self.approvals_needed:
                state = State.APPROVED
        return state

    def after(self, proposed: Statement, roles: frozenset[Role]) -> "History":
        """The history with this statement, by an operator who has these roles, added to it.

        `RefusedError` where a rule forbids it, `YinxinError` (conflict) where the state does not allow it,
        `OvertakenError` where the statement was made before the last one.
        """
        move = MOVES.get(proposed.act)
        if move is None or proposed.subject != self.number:
            raise RefusedError("other-subject", _("the statement is about something else"), subject=self.number)
        require_role(roles, move.role, proposed.operator, self.number)
        if self.state not in move.origins:
            raise YinxinError(
                Kind.CONFLICT,
                _("the request is {state}; this cannot be done with it: {act}").format(
                    state=self.state.value if self.state else _("new"), act=proposed.act.value
                ),
                subject=self.number,
            )
        if proposed.sequence != len(self.statements) + 1:
            raise OvertakenError(self.number)
        if proposed.digest != self.digest:
            raise RefusedError(
                "other-content",
                _("the statement is about another content than the request has"),
                subject=self.number,
                remedy=_("look at the request as it is now, and decide anew"),
            )
        if proposed.act is Act.APPROVE:
            self._check_approver(proposed.operator)
        return History(self.number, self.digest, self.approvals_needed, (*self.statements, proposed))

    def _check_approver(self, operator: str) -> None:
        if operator == self.enterer:
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
