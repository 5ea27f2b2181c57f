"""Every certificate has an intent, a lint result and a request, approved by as many people as its profile asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.meaning.entry import Entry
from audit.meaning.evidence import Evidence
from audit.meaning.imports import Imports
from audit.meaning.judge import Handler, Tell
from audit.meaning.people import People
from core.i18n import _

CENTRE = ("ceremony", "link ", "renewal ")
"""How references of what the centre certifies for itself begin; all others are requests, or people's appointments."""
OPERATOR = "operator:"
STAYING = ("service", "link")
"""The audiences whose certificates a key may give after another one has followed it: its responder's, and links."""
SUBSCRIBERS = ("subscriber", "encryption")
"""The audiences whose certificates are requested."""


@dataclass
class Request:
    """A request as entries tell it."""

    enterers: set[str] = field(default_factory=set)
    approvers: dict[str, set[str]] = field(default_factory=dict)
    """Of each content, by its digest."""


@dataclass(frozen=True)
class Intent:
    """A certificate that may come to be."""

    entry: Entry
    attributes: bool


class Certificates:
    """From the request to the certificate and its revocation."""

    def __init__(self, tell: Tell, evidence: Evidence, people: People) -> None:
        self._tell, self._evidence, self._people = tell, evidence, people
        self._needed: dict[tuple[str, int | None], int] = {}
        self._audiences: dict[tuple[str, int | None], str] = {}
        self._requests: dict[str, Request] = {}
        self._intents: dict[tuple[str, str], Intent] = {}
        self._issued: set[tuple[str, str]] = set()
        self._ended: set[tuple[str, str]] = set()
        self._presumed_made: set[tuple[str, str]] = set()
        self._appointed: dict[str, Entry] = {}
        self._not_at_hand = 0
        self._authorities: set[str] = set()
        self._succeeded: set[str] = set()
        self._imports = Imports(tell, evidence)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The acts from the request to the revocation."""
        given: dict[str, Handler] = {"ca.profile.activate": self._activated}
        for room in ("ra.request", "ra.attribute"):
            given |= {f"{room}.enter": self._entered, f"{room}.amend": self._entered, f"{room}.approve": self._approved}
        for kind in ("ca.certificate", "ca.attribute"):
            given |= {f"{kind}.intend": self._intended, f"{kind}.issue": self._made, f"{kind}.presume": self._presumed}
            given |= {f"{kind}.{move}": self._moved for move in ("hold", "resume")}
            given[f"{kind}.revoke"] = self._revoked
        given["ca.authority.rollover"] = self._rolled_over
        founding = ("ca.authority.create", "ca.authority.import", "ca.subordinate.install")
        given |= dict.fromkeys(founding, self._founded)
        given["ca.certificate.import"] = self._imported
        return given

    def finish(self) -> None:
        """What was begun and never ended; who was certified and never appointed."""
        for place, intent in self._intents.items():
            if place not in self._issued:
                self._tell(
                    "intent", intent.entry, _("a certificate was intended, and never made or given up"), remark=True
                )
        for label, entry in self._appointed.items():
            if self._people.certified.get(label) not in entry.texts("approvers"):
                self._judge_unappointed(entry)
        self._imports.finish()
        if self._not_at_hand:
            what = _("{count} certificates are not in the file: they were not compared with their intents")
            self._tell("intent", None, what.format(count=self._not_at_hand), remark=True)

    def _judge_unappointed(self, entry: Entry) -> None:
        """An appointment is recorded with its certificate; who is killed before leaves one that nobody has."""
        place = entry.text("authority"), entry.subject
        if place in self._ended:
            return
        if place in self._presumed_made:
            what = _("a certificate that may have been made for a person who was not appointed then: revoke it")
            self._tell("approval", entry, what, remark=True)
        elif place not in self._intents:
            self._tell("approval", entry, _("a certificate for a person who was not appointed with it"))

    def _activated(self, entry: Entry) -> None:
        approvals = entry.number("approvals")
        if approvals is not None:
            self._needed[entry.subject, entry.number("version")] = approvals
        self._audiences[entry.subject, entry.number("version")] = entry.text("audience")

    def _entered(self, entry: Entry) -> None:
        self._requests.setdefault(entry.subject, Request()).enterers.add(entry.actor)

    def _approved(self, entry: Entry) -> None:
        request = self._requests.setdefault(entry.subject, Request())
        if entry.actor in request.enterers:
            self._tell("approval", entry, _("{name} approved what they had entered").format(name=entry.actor))
            return
        if self._people.may(entry.actor, {"review"}):
            request.approvers.setdefault(entry.text("digest"), set()).add(entry.actor)

    def _intended(self, entry: Entry) -> None:
        place = entry.text("authority"), entry.subject
        profile = entry.text("profile"), entry.number("version")
        self._authorities.add(place[0])
        if place in self._intents or place in self._issued:
            self._tell("serial", entry, _("the serial number was used before"))
        if place[0] in self._succeeded and self._audiences.get(profile) not in STAYING:
            self._tell("rollover", entry, _("a certificate by a key that another one had followed"))
        self._intents[place] = Intent(entry, entry.act.startswith("ca.attribute."))
        if entry.text("lint") != "passed":
            self._tell("lint", entry, _("there is no lint result for what was to be signed"))
        reference, approvers = entry.text("approval"), set(entry.texts("approvers"))
        needed = self._needed.get(profile, 1)
        if len(approvers) < needed:
            what = _("the profile asks for {needed} approvers, and there are {count}")
            self._tell("approval", entry, what.format(needed=needed, count=len(approvers)))
        if reference.startswith(OPERATOR):
            self._appointed[f"{place[0]}/{place[1]}"] = entry
        elif not reference.startswith(CENTRE):
            self._require_approved(entry, reference, approvers, needed)
        elif self._audiences.get(profile) in SUBSCRIBERS:
            self._tell("approval", entry, _("a subscriber's certificate, which nobody requested"))

    def _require_approved(self, entry: Entry, reference: str, approvers: set[str], needed: int) -> None:
        request = self._requests.get(reference)
        if request is None or not request.enterers:
            self._tell("approval", entry, _("there is no request {number}").format(number=reference))
            return
        by_entries = request.approvers.get(entry.text("approved"), set()) - request.enterers
        if len(by_entries) < needed or not approvers <= by_entries:
            what = _("request {number} was not approved by {names}, or not with this content")
            missing = ", ".join(sorted(approvers - by_entries)) or _("enough people")
            self._tell("approval", entry, what.format(number=reference, names=missing))

    def _made(self, entry: Entry) -> None:
        place = entry.text("authority"), entry.subject
        intent = self._intents.pop(place, None)
        if intent is None:
            self._tell("intent", entry, _("a certificate without an intent before it"))
            return
        self._issued.add(place)
        certificate = self._evidence.certificates.get(entry.text("certificate"))
        if certificate is None:
            self._not_at_hand += 1
            if self._evidence.certificates:
                self._tell("intent", entry, _("the certificate is missing"))
        elif (certificate.serial, certificate.tbs) != (_serial(entry.subject), intent.entry.text("tbs")):
            self._tell("intent", entry, _("the certificate is not what was intended"))

    def _presumed(self, entry: Entry) -> None:
        place = entry.text("authority"), entry.subject
        if self._intents.pop(place, None) is None:
            self._tell("intent", entry, _("a certificate without an intent before it"))
        self._issued.add(place)
        self._presumed_made.add(place)

    def _founded(self, entry: Entry) -> None:
        """That an authority is there from now on: made here, certified elsewhere, or taken over with what it issued."""
        if entry.act == "ca.authority.import":
            if entry.subject in self._authorities:
                self._tell("import", entry, _("an authority was imported that was there already"))
            self._imports.begin(entry)
        self._authorities.add(entry.subject)

    def _rolled_over(self, entry: Entry) -> None:
        """From now on another key of the authority issues."""
        if entry.text("successor") not in self._authorities:
            self._tell("rollover", entry, _("issuance went over to an authority that was never made"))
        if entry.subject in self._succeeded:
            self._tell("rollover", entry, _("issuance went over to another key twice"))
        self._succeeded.add(entry.subject)

    def _imported(self, entry: Entry) -> None:
        place = entry.text("authority"), entry.subject
        if place in self._intents or place in self._issued:
            self._tell("serial", entry, _("the serial number was used before"))
        self._imports.take(entry)
        self._issued.add(place)
        if entry.text("state") == "revoked":
            self._ended.add(place)

    def _moved(self, entry: Entry) -> None:
        place = entry.text("authority"), entry.subject
        if place not in self._issued:
            self._tell("status", entry, _("the status of a certificate that was never made was changed"))
        elif place in self._ended:
            self._tell("status", entry, _("the certificate was revoked before: that is final"))

    def _revoked(self, entry: Entry) -> None:
        self._moved(entry)
        self._ended.add((entry.text("authority"), entry.subject))


def _serial(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
