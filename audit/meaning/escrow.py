"""Escrowed keys leave the centre, and are destroyed, only where enough officers have signed for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.meaning.entry import Entry
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Handler, Tell
from core.errors import YinxinError
from core.i18n import _

RULE = "escrow"
APPROVALS = 2
"""Officers who approve a recovery, beside whoever asks for it."""
_DESTROY = "destroy"


@dataclass
class Recovery:
    """As entries tell it."""

    requester: str
    key: str
    digest: str
    approvers: set[str] = field(default_factory=set)
    state: str = "request"


class Escrow:
    """Recoveries and destructions."""

    def __init__(self, tell: Tell, evidence: Evidence) -> None:
        self._tell, self._evidence = tell, evidence
        self._recoveries: dict[str, Recovery] = {}
        self._orders: dict[str, tuple[str, str]] = {}
        self._confirmed: set[str] = set()
        self._signers: dict[str, str] = {}
        """Of each statement, its certificate's digest: two names with one are one person."""
        self._unsigned = 0

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What officers state, and the moves of keys that rest on it."""
        return {
            "kmc.recovery.request": self._asked,
            "kmc.recovery.approve": self._approved,
            "kmc.recovery.reject": self._decided,
            "kmc.recovery.deliver": self._delivered,
            "kmc.key.recover": self._recovered,
            "kmc.destruction.order": self._ordered,
            "kmc.destruction.confirm": self._confirm,
            "kmc.key.destroy": self._destroyed,
        }

    def finish(self) -> None:
        """Say if signatures could not be looked at."""
        if self._unsigned:
            what = _("{count} statements of officers are not in the file: their signatures were not checked")
            self._tell(RULE, None, what.format(count=self._unsigned), remark=True)

    def _asked(self, entry: Entry) -> None:
        if entry.subject in self._recoveries:
            self._tell(RULE, entry, _("a recovery of this number was asked for before"))
        self._recoveries[entry.subject] = Recovery(entry.actor, entry.text("key"), entry.text("digest"))
        self._signed(entry, "request")

    def _approved(self, entry: Entry) -> None:
        recovery = self._of(entry)
        if recovery is None or not self._signed(entry, "approve"):
            return
        if entry.actor == recovery.requester or entry.actor in recovery.approvers:
            self._tell(RULE, entry, _("{name} asked for the recovery or approved it before").format(name=entry.actor))
            return
        recovery.approvers.add(entry.actor)

    def _decided(self, entry: Entry) -> None:
        recovery = self._of(entry)
        if recovery and self._signed(entry, "reject"):
            recovery.state = "reject"

    def _delivered(self, entry: Entry) -> None:
        recovery = self._of(entry)
        if recovery is None or not self._signed(entry, "deliver"):
            return
        if len(self._persons(recovery.approvers, recovery.requester)) < APPROVALS or recovery.state != "request":
            what = _("an escrowed key was given out without the approval of {count} officers")
            self._tell(RULE, entry, what.format(count=APPROVALS))
        recovery.state = "deliver"

    def _recovered(self, entry: Entry) -> None:
        recovery = self._recoveries.get(entry.text("reference"))
        if recovery is None or recovery.state != "deliver" or recovery.key != entry.subject:
            self._tell(RULE, entry, _("an escrowed key was given out without a recovery that was delivered"))

    def _ordered(self, entry: Entry) -> None:
        if self._signed(entry, _DESTROY):
            self._orders[entry.subject] = (entry.actor, entry.text("digest"))

    def _confirm(self, entry: Entry) -> None:
        officer, digest = self._orders.get(entry.subject, ("", ""))
        if not self._signed(entry, _DESTROY):
            return
        if not officer or digest != entry.text("digest") or not self._persons({entry.actor}, officer):
            self._tell(RULE, entry, _("the destruction of a key was confirmed, and nobody else had ordered it"))
        self._confirmed.add(entry.subject)

    def _destroyed(self, entry: Entry) -> None:
        if entry.subject not in self._confirmed:
            self._tell(RULE, entry, _("an escrowed key was destroyed without two officers"))

    def _of(self, entry: Entry) -> Recovery | None:
        recovery = self._recoveries.get(entry.subject)
        if recovery is None:
            self._tell(RULE, entry, _("nobody asked for this recovery"))
        elif (recovery.digest, recovery.key) != (entry.text("digest"), entry.text("key")):
            self._tell(RULE, entry, _("the statement is about another recovery than was asked for"))
            return None
        return recovery

    def _persons(self, officers: set[str], other_than: str) -> set[str]:
        """As many as there are certificates; whose is not known, by the name."""
        other = self._signers.get(other_than, other_than)
        return {self._signers.get(name, name) for name in officers if name != other_than} - {other}

    def _signed(self, entry: Entry, act: str) -> bool:
        """Whether the officer has signed this; what is not at hand is counted, and believed."""
        digest = entry.text("statement")
        if not digest or not self._evidence.has_statements:
            self._unsigned += 1
            return True
        try:
            said = self._evidence.statement(digest)
        except YinxinError:
            self._tell(RULE, entry, _("the signature on the statement is not good"))
            return False
        if said is None:
            self._tell(RULE, entry, _("the signed statement is missing"))
            return False
        told = said.word("officer"), said.word("act"), said.word("subject"), said.word("digest")
        if told != (entry.actor, act, entry.subject, entry.text("digest")):
            self._tell(RULE, entry, _("the signed statement is by somebody else, or says something else"))
            return False
        self._signers[entry.actor] = said.certificate
        return True
