"""Hands each entry to the rules that it concerns, in the log's order, and gathers what they find."""

from collections.abc import Callable, Mapping
from typing import Protocol

from audit.findings import Finding, Gravity
from audit.meaning.entry import Entry, parse_entry
from audit.meaning.evidence import Evidence
from audit.sequencer import BEGIN
from core.i18n import _

Handler = Callable[[Entry], None]
Tell = Callable[..., None]
"""`(rule, entry or None, what, *, remark=False)`: a rule has found something."""


class Rule(Protocol):
    """A rule of the house."""

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """By act, or by the beginning of acts, which ends with a dot."""
        ...

    def finish(self) -> None:
        """After the last entry."""
        ...


class Judge:
    """Reads the log once."""

    def __init__(self, evidence: Evidence) -> None:
        from audit.meaning.certificates import Certificates
        from audit.meaning.escrow import Escrow
        from audit.meaning.numbers import RevocationLists, TimeStamps
        from audit.meaning.people import People
        from audit.meaning.restorations import Restorations
        from audit.meaning.seals import Seals

        people = People(self.tell, evidence)
        self._rules: tuple[Rule, ...] = (
            people,
            Certificates(self.tell, evidence, people),
            RevocationLists(self.tell),
            TimeStamps(self.tell),
            Seals(self.tell, evidence),
            Escrow(self.tell, evidence),
            Restorations(self.tell),
        )
        self._by_act: dict[str, tuple[Handler, ...]] = {}
        self.findings: list[Finding] = []
        self.acts: dict[str, int] = {}
        """How often each act is in the log."""
        self._begun_at = 0

    def take(self, position: int, octets: bytes) -> None:
        """The next entry."""
        try:
            entry = parse_entry(position, octets)
        except ValueError:
            self.findings.append(Finding(Gravity.BROKEN, "entry", "", _("this is no entry"), position))
            return
        self.acts[entry.act] = self.acts.get(entry.act, 0) + 1
        if entry.act == BEGIN:
            self._begin(entry)
        handlers = self._by_act.get(entry.act)
        if handlers is None:
            handlers = self._by_act[entry.act] = tuple(self._handlers_of(entry.act))
        for handle in handlers:
            handle(entry)

    def finish(self) -> list[Finding]:
        """Everything that was found."""
        for rule in self._rules:
            rule.finish()
        return self.findings

    def tell(self, rule: str, entry: Entry | None, what: str, *, subject: str = "", remark: bool = False) -> None:
        """Note a finding."""
        gravity = Gravity.REMARK if remark else Gravity.BROKEN
        about = subject or (entry.subject if entry else "")
        self.findings.append(Finding(gravity, rule, about, what, entry.position if entry else None))

    def _begin(self, entry: Entry) -> None:
        if self._begun_at or (entry.position == 0):
            return
        self._begun_at = entry.position
        self.findings = [one for one in self.findings if one.rule == "entry"]
        what = _("{count} entries were made before the log was sequenced: their meaning is not judged")
        self.tell("begin", entry, what.format(count=entry.position), remark=True)

    def _handlers_of(self, act: str) -> list[Handler]:
        return [
            handler
            for rule in self._rules
            for name, handler in rule.handlers.items()
            if act == name or (name.endswith(".") and act.startswith(name))
        ]
