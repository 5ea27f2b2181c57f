"""What the report tells, gathered while an exported log is verified. Days are those of Beijing, the one legal time."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta, timezone

from audit.chain import Chain
from audit.findings import Finding
from audit.meaning.entry import Entry, parse_entry
from core.i18n import _

BEIJING = timezone(timedelta(hours=8))
MAXIMUM_BARS = 62
"""More days than that are drawn as weeks or months."""


@dataclass(frozen=True)
class Series:
    """Something that was counted day by day."""

    name: str
    days: Counter[date] = field(default_factory=Counter)


@dataclass
class Gathered:
    """What happened from the first to the last day."""

    first: date
    last: date
    entries: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By act and rule."""
    people: dict[str, Counter[str]] = field(default_factory=dict)
    """What each did, by room: `ra`, `ca`, `seals`."""
    _days: dict[str, Counter[date]] = field(default_factory=dict)

    def take(self, position: int, octets: bytes) -> None:
        """Count an entry, if it is of the period."""
        try:
            entry = parse_entry(position, octets)
            day = entry.moment.astimezone(BEIJING).date()
        except ValueError:
            return  # the judge says it
        if self.first <= day <= self.last:
            self._count(entry, day)

    def series(self) -> list[Series]:
        """For the plots."""
        names = {
            "issued": _("Certificates issued"),
            "revoked": _("Certificates revoked"),
            "sealed": _("Seals used"),
            "refused": _("Refusals"),
        }
        return [Series(name, self._days.get(kind, Counter())) for kind, name in names.items()]

    def _count(self, entry: Entry, day: date) -> None:
        self.entries += 1
        # An entry may stand for many of what is frequent (`core.tally`).
        times = entry.number("again") or 1
        self.acts[entry.act] += times
        self.people.setdefault(entry.actor, Counter())[entry.act.partition(".")[0]] += times
        refused = entry.act.endswith((".refused", ".refuse"))
        if refused:
            act = entry.act.removesuffix(".refused").removesuffix(".refuse")
            self.refusals[act, entry.text("rule") or entry.text("kind")] += times
        for kind, acts in _KINDS.items():
            if entry.act in acts or (kind == "refused" and refused):
                self._days.setdefault(kind, Counter())[day] += times


_KINDS = {
    "issued": ("ca.certificate.issue", "ca.attribute.issue"),
    "revoked": ("ca.certificate.revoke", "ca.attribute.revoke"),
    "sealed": ("seals.document.seal",),
    "refused": (),
}


@dataclass(frozen=True)
class Report:
    """Everything that the pages say."""

    gathered: Gathered
    chain: Chain
    findings: list[Finding]
    key: str
    """Fingerprint of the audit key."""


def bars(series: Series, first: date, last: date) -> list[tuple[str, int]]:
    """Label and count of each day, week or month of the period."""
    days = (last - first).days + 1
    if days <= MAXIMUM_BARS:
        every = [first + timedelta(days=number) for number in range(days)]
        return [(day.strftime("%m-%d"), series.days[day]) for day in every]
    weekly = days <= 7 * MAXIMUM_BARS
    begins: dict[date, int] = {}
    for number in range(days):
        day = first + timedelta(days=number)
        begin = max(first, day - timedelta(days=day.weekday())) if weekly else day.replace(day=1)
        begins[begin] = begins.get(begin, 0) + series.days[day]
    return [(begin.strftime("%m-%d" if weekly else "%Y-%m"), count) for begin, count in begins.items()]
