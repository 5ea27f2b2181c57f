"""Every use of a seal has an active seal, within the bounds that were approved with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone
from typing import Any

from audit.meaning.entry import Entry
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Handler, Tell
from audit.meaning.seals_in_books import LoggedSeal, missing_in_books
from audit.sequencer import BEGIN
from core.i18n import _

APPROVALS = 2
"""Beside whoever applied for it."""
UNKNOWN = "unknown"
BEIJING = timezone(timedelta(hours=8))


@dataclass
class Seal:
    """A seal as entries tell it."""

    state: str = UNKNOWN
    digest: str = ""
    """Of the version in force."""
    applicants: dict[str, str] = field(default_factory=dict)
    approvers: dict[str, set[str]] = field(default_factory=dict)
    """Of each version."""
    uses: int | None = None
    today: tuple[str, int] = ("", 0)
    logged: LoggedSeal = field(default_factory=LoggedSeal)
    """For comparison with the books."""


class Seals:
    """From the application to the last use."""

    def __init__(self, tell: Tell, evidence: Evidence) -> None:
        self._tell, self._evidence = tell, evidence
        self._seals: dict[str, Seal] = {}
        self._permissions: dict[str, str] = {}
        self._unbounded = 0
        self._inherited = False

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """A seal's life and its uses."""
        return {
            BEGIN: self._begun,
            "seals.seal.": self._moved,
            "seals.use.permit": self._permitted,
            "seals.use.withdraw": self._withdrawn,
            "seals.document.seal": self._used,
        }

    def finish(self) -> None:
        """Say which bounds could not be looked at."""
        if self._unbounded:
            what = _("{count} uses of seals whose bounds are not in the file: only their state was checked")
            self._tell("seal", None, what.format(count=self._unbounded), remark=True)
        if self._seals and not self._evidence.seals:
            what = _("the books of the seals are not in the file: {count} seals were not compared with the log")
            self._tell("seal", None, what.format(count=len(self._seals)), remark=True)
            return
        for name, seal in self._seals.items():
            for complaint in missing_in_books(seal.logged, self._evidence.seals.get(name)):
                self._tell("seal", None, complaint, subject=name)

    def _begun(self, entry: Entry) -> None:
        self._inherited = entry.position > 0

    def _moved(self, entry: Entry) -> None:
        act, digest = entry.act.removeprefix("seals.seal."), entry.text("digest")
        if act.endswith(".refused"):
            return
        seal = self._seals.setdefault(entry.subject, Seal(uses=0 if act == "apply" else None))
        if statement := entry.text("statement"):
            seal.logged.is_whole = seal.logged.is_whole or (act == "apply" and not seal.logged.statements)
            seal.logged.statements.append(statement)
            seal.logged.state = entry.text("state")
        match act:
            case "apply" | "change":
                seal.applicants[digest] = entry.actor
            case "approve":
                seal.approvers.setdefault(digest, set()).add(entry.actor)
            case "make":
                others = seal.approvers.get(digest, set()) - {seal.applicants.get(digest, "")}
                if len(others) < APPROVALS:
                    self._tell("seal", entry, _("the seal was made without the approval of two others"))
            case "activate":
                seal.digest = digest
        seal.state = entry.text("state") or seal.state

    def _permitted(self, entry: Entry) -> None:
        self._permissions[entry.text("number")] = entry.text("document_sha256")

    def _withdrawn(self, entry: Entry) -> None:
        self._permissions.pop(entry.text("number"), None)

    def _used(self, entry: Entry) -> None:
        seal = self._seals.setdefault(entry.subject, Seal())
        if seal.state not in ("active", UNKNOWN):
            self._tell("seal", entry, _("the seal was used while it was not active: {state}").format(state=seal.state))
        if seal.state == UNKNOWN and seal.uses is None:
            self._tell("seal", entry, _("the log does not say how this seal came to be"), remark=self._inherited)
        ordinal = entry.number("ordinal") or 0
        if seal.uses is not None and ordinal != seal.uses + 1:
            what = _("after use {last} comes {ordinal}: uses are missing")
            self._tell("seal", entry, what.format(last=seal.uses, ordinal=ordinal))
        seal.uses = ordinal
        seal.logged.uses = max(seal.logged.uses, ordinal)
        day = entry.moment.astimezone(BEIJING).date().isoformat()
        seal.today = (day, seal.today[1] + 1 if seal.today[0] == day else 1)
        content = self._evidence.content(seal.digest)
        if content is None:
            self._unbounded += 1
            return
        bounds = content.get("bounds")
        for complaint in _beyond(bounds if isinstance(bounds, dict) else {}, entry, seal):
            self._tell("seal", entry, complaint)
        if isinstance(bounds, dict) and bounds.get("approval"):
            self._require_permission(entry)

    def _require_permission(self, entry: Entry) -> None:
        document = self._permissions.pop(entry.text("permission"), None)
        if document is None or document != entry.text("sha256_before"):
            self._tell("seal", entry, _("the seal was used without a custodian's permission for the document"))


def _beyond(bounds: dict[str, Any], entry: Entry, seal: Seal) -> list[str]:
    """Which of the bounds the use broke."""
    complaints = []
    given = (
        ("callers", entry.actor),
        ("persons", entry.text("person")),
        ("document_types", entry.text("document_type")),
    )
    for name, value in given:
        if bounds.get(name) and value not in bounds[name]:
            complaints.append(_("the seal was used beyond its bounds: {what}").format(what=f"{name}: {value}"))
    counts = (("per_day", seal.today[1]), ("total", seal.uses or 0))
    for name, count in counts:
        if bounds.get(name) and count > bounds[name]:
            complaints.append(_("the seal was used beyond its bounds: {what}").format(what=f"{name}: {count}"))
    if not _at_work(bounds, entry.moment.astimezone(BEIJING)):
        complaints.append(_("the seal was used beyond its bounds: {what}").format(what=entry.at))
    return complaints


def _at_work(bounds: dict[str, Any], local: datetime) -> bool:
    if bounds.get("weekdays") and local.isoweekday() not in bounds["weekdays"]:
        return False
    if not bounds.get("hours"):
        return True
    begin, end = (time.min if one == "24:00" else time.fromisoformat(one) for one in bounds["hours"].split("-"))
    now = local.time()
    if end == time.min:
        return now >= begin
    return begin <= now < end if begin < end else now >= begin or now < end
