"""What verification finds: one line each, with the rule, the place and the object."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Gravity(StrEnum):
    """What a finding means."""

    BROKEN = "broken"
    """The log is not what was signed, or a rule of the house was broken."""
    REMARK = "remark"
    """Something that an auditor should know."""


@dataclass(frozen=True)
class Finding:
    """Something that verification found."""

    gravity: Gravity
    rule: str
    """In a word that no translation changes: `chain`, `intent`, `approval`."""
    subject: str
    what: str
    position: int | None = None
    """Of the entry."""


def is_broken(findings: Iterable[Finding]) -> bool:
    """Whether any finding is more than a remark."""
    return any(finding.gravity is Gravity.BROKEN for finding in findings)
