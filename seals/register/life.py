"""The life of a seal as a table of moves, and the rules that nobody gets round. Pure: no storage, no clock.

Each version of a seal has a life of its own; of a seal there is one version at most that is in force.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from core.errors import Kind, YinxinError
from core.i18n import _
from core.refusals import OvertakenError, RefusedError
from core.words import all_in_words, in_words
from seals.contracts import Duty
from seals.register.statements import Act, Statement

APPROVALS = 2
"""Persons who must approve each version, beside the one who applies for it."""


class State(StrEnum):
    """Where a version of a seal is in its life."""

    APPLIED = "applied"
    APPROVED = "approved"
    REJECTED = "rejected"
    MADE = "made"
    ACTIVE = "active"
    FROZEN = "frozen"
    CHANGED = "changed"
    """Another version has taken its place."""
    HANDED_IN = "handed-in"
    DESTROYED = "destroyed"


PROPOSED = frozenset({State.APPLIED, State.APPROVED, State.MADE})
"""On the way to being in force."""
STANDING = frozenset({State.ACTIVE, State.FROZEN})
"""In force, and not on the way out."""


@dataclass(frozen=True)
class Move:
    """Whose duty it is, from which states, and where it leads."""

    duties: frozenset[Duty]
    origins: frozenset[State | None]
    result: State


_MANAGE, _USE = frozenset({Duty.MANAGE}), frozenset({Duty.USE})

MOVES = {
    Act.APPLY: Move(_MANAGE, frozenset({None}), State.APPLIED),
    Act.CHANGE: Move(_MANAGE, frozenset({None}), State.APPLIED),
    # Approved only when two persons have approved; applied until then.
    Act.APPROVE: Move(_MANAGE, frozenset({State.APPLIED}), State.APPROVED),
    Act.REJECT: Move(_MANAGE, PROPOSED, State.REJECTED),
    Act.MAKE: Move(_MANAGE, frozenset({State.APPROVED}), State.MADE),
    Act.ACTIVATE: Move(_USE, frozenset({State.MADE}), State.ACTIVE),
    # Whoever notices a loss first.
    Act.FREEZE: Move(_MANAGE | _USE, frozenset({State.ACTIVE}), State.FROZEN),
    Act.RESUME: Move(_MANAGE, frozenset({State.FROZEN}), State.ACTIVE),
    Act.HAND_IN: Move(_MANAGE, STANDING, State.HANDED_IN),
    Act.DESTROY: Move(_MANAGE, frozenset({State.HANDED_IN}), State.DESTROYED),
}
_OPENING = frozenset({Act.APPLY, Act.CHANGE})


def altered(name: str) -> RefusedError:
    """The refusal to touch a seal that is not what its statements say."""
    return RefusedError(
        "altered",
        _("what is stored of the seal is not what its statements say: it was altered in the database"),
        subject=name,
        remedy=_("tell the auditor; do not use the seal"),
    )


@dataclass(frozen=True)
class Version:
    """What of a version the rules look at."""

    digest: str
    """SM3 of the canonical application; of a seal from before there were statements, of its structure."""
    custodians: frozenset[str] = frozenset()
    state: State | None = None


@dataclass(frozen=True)
class History:
    """A seal as its verified statements tell it, in their order."""

    name: str
    versions: tuple[Version, ...] = ()
    statements: tuple[Statement, ...] = ()

    @classmethod
    def replay(
        cls,
        begun: "History",
        versions: Sequence[Version],
        past: Iterable[tuple[Statement, frozenset[Duty]]],
    ) -> "History":
        """The history of stored statements and the duties of those who signed them, every rule applied to each again.

        `versions`: of the stored applications, in their order. `RefusedError` if a rule is broken: then somebody
        wrote to the database past these rules.
        """
        history, waiting = begun, list(versions)
        try:
            for statement, duties in past:
                opened = waiting.pop(0) if statement.act in _OPENING and waiting else None
                history = history.after(statement, duties, opened)
        except YinxinError as error:
            raise altered(begun.name) from error
        if waiting:
            raise altered(begun.name)
        return history

    @property
    def subject(self) -> str:
        """What statements about this seal are about."""
        return f"seal:{self.name}"

    @property
    def in_force(self) -> int | None:
        """The place of the version that is in force, or was when the seal was handed in."""
        ended = STANDING | {State.HANDED_IN, State.DESTROYED}
        return next((place for place, version in enumerate(self.versions) if version.state in ended), None)

    @property
    def proposed(self) -> int | None:
        """The place of the version that waits to be in force."""
        last = len(self.versions) - 1
        return last if self.versions and self.versions[last].state in PROPOSED else None

    @property
    def state(self) -> State | None:
        """Of the version in force, or else of the last; None before there is one."""
        if not self.versions:
            return None
        return self.versions[-1 if self.in_force is None else self.in_force].state

    def approvers(self, digest: str) -> tuple[str, ...]:
        """Who has approved the version of this digest: each once, never who applied for it."""
        about = [one for one in self.statements if one.digest == digest]
        applicants = {one.operator for one in about if one.act in _OPENING}
        names = dict.fromkeys(one.operator for one in about if one.act is Act.APPROVE)
        return tuple(name for name in names if name not in applicants)

    def meant_by(self, act: Act) -> int | None:
        """The place of the version that an act would be about: what waits, or what is in force."""
        waits = act in (Act.APPROVE, Act.REJECT, Act.MAKE, Act.ACTIVATE)
        return self.proposed if waits else self.in_force

    def after(self, statement: Statement, duties: frozenset[Duty], opened: Version | None = None) -> "History":
        """The history with this statement, by a person with these duties, added to it.

        `opened`: the version that is applied for. `RefusedError` where a rule forbids it, `YinxinError` (conflict)
        where the state does not allow it, `OvertakenError` where the statement was made before the last one.
        """
        move = MOVES.get(statement.act)
        if move is None or statement.subject != self.subject or (statement.act in _OPENING) is (opened is None):
            raise RefusedError("other-subject", _("the statement is about something else"), subject=self.name)
        if not move.duties & duties:
            raise RefusedError(
                "duty",
                _("this is not for {operator} to decide, but for: {duties}").format(
                    operator=statement.operator, duties=all_in_words(sorted(move.duties))
                ),
                subject=self.name,
            )
        after = self._moved(statement, move, duties) if opened is None else self._opened(statement, opened)
        if statement.sequence != len(self.statements) + 1:
            raise OvertakenError(self.name)
        return after

    def _opened(self, statement: Statement, version: Version) -> "History":
        if self.proposed is not None:
            raise self._conflict(statement.act, self.versions[-1].state)
        free = self.in_force is None if statement.act is Act.APPLY else self.state in STANDING
        if not free:
            raise self._conflict(statement.act, self.state)
        if statement.digest != version.digest or any(one.digest == version.digest for one in self.versions):
            raise _other_content(self.name)
        versions = (*self.versions, replace(version, state=State.APPLIED))
        return History(self.name, versions, (*self.statements, statement))

    def _moved(self, statement: Statement, move: Move, duties: frozenset[Duty]) -> "History":
        place = self.meant_by(statement.act)
        if place is None:
            raise self._conflict(statement.act, self.state)
        version = self.versions[place]
        if version.state not in move.origins:
            raise self._conflict(statement.act, version.state)
        if statement.digest != version.digest:
            raise _other_content(self.name)
        self._check_person(statement, version, duties & move.duties)
        state: State | None = move.result
        if statement.act is Act.APPROVE and len({*self.approvers(version.digest), statement.operator}) < APPROVALS:
            state = version.state
        versions = list(self.versions)
        if statement.act is Act.ACTIVATE and self.in_force is not None:
            if self.state not in STANDING:
                raise self._conflict(statement.act, self.state)
            versions[self.in_force] = replace(versions[self.in_force], state=State.CHANGED)
        versions[place] = replace(version, state=state)
        return History(self.name, tuple(versions), (*self.statements, statement))

    def _check_person(self, statement: Statement, version: Version, duties: frozenset[Duty]) -> None:
        if duties == {Duty.USE} and statement.operator not in version.custodians:
            raise RefusedError(
                "custodian",
                _("{operator} is not a custodian of this seal").format(operator=statement.operator),
                subject=self.name,
            )
        about = [one for one in self.statements if one.digest == version.digest]
        if statement.act is Act.APPROVE:
            if any(one.operator == statement.operator for one in about if one.act in _OPENING):
                raise RefusedError(
                    "self-approval",
                    _("whoever applied for a seal cannot approve it"),
                    subject=self.name,
                    remedy=_("have it approved by another person"),
                )
            if statement.operator in self.approvers(version.digest):
                raise RefusedError(
                    "approved-twice",
                    _("{operator} has approved it already; another person is needed").format(
                        operator=statement.operator
                    ),
                    subject=self.name,
                )
        if statement.act is Act.DESTROY and about[-1].operator == statement.operator:
            raise RefusedError(
                "alone",
                _("whoever had a seal handed in does not destroy it alone"),
                subject=self.name,
                remedy=_("have it destroyed by another person"),
            )

    def _conflict(self, act: Act, state: State | None) -> YinxinError:
        return YinxinError(
            Kind.CONFLICT,
            _("the seal is {state}; this cannot be done with it: {act}").format(
                state=in_words(state.value) if state else _("new"), act=in_words(act.value)
            ),
            subject=self.name,
        )


def _other_content(name: str) -> RefusedError:
    return RefusedError(
        "other-content",
        _("the statement is about another version of the seal"),
        subject=name,
        remedy=_("look at the seal as it is now, and decide anew"),
    )
