"""What a rule is: a name, the clause that it keeps, and a check that says what is wrong."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Looked = TypeVar("Looked")
"""What a rule looks at: `reading.FixedPart` or `reading.Examined`."""


@dataclass(frozen=True)
class Rule(Generic[Looked]):
    """One named rule."""

    name: str
    clause: str
    check: Callable[[Looked], Iterator[str]]
    """Gives the complaints, in English for the log and the developer: none reach the public."""


@dataclass(frozen=True)
class Finding:
    """A rule that is broken."""

    rule: str
    clause: str
    complaint: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.rule} ({self.clause}): {self.complaint}"


class RuleBook(Generic[Looked]):
    """Rules by their decorator; the function's name is the rule's."""

    def __init__(self) -> None:
        self.rules: list[Rule[Looked]] = []

    def rule(self, clause: str) -> Callable[[Callable[[Looked], Iterator[str]]], Callable[[Looked], Iterator[str]]]:
        """Enter the decorated check."""

        def enter(check: Callable[[Looked], Iterator[str]]) -> Callable[[Looked], Iterator[str]]:
            self.rules.append(Rule(check.__name__, clause, check))
            return check

        return enter
