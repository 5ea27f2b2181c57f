"""Who was what when they acted, and that every signed act bears the signature of whoever is said to have acted."""

from collections.abc import Mapping
from dataclasses import dataclass

from audit.meaning.entry import Entry
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Handler, Tell
from audit.meaning.statement import read_statement
from core.errors import YinxinError
from core.i18n import _

RULE = "signature"

_ENTER, _REVIEW, _MAKE = frozenset({"enter"}), frozenset({"review"}), frozenset({"make"})
_MANAGE, _USE = frozenset({"seal-administrator"}), frozenset({"seal-custodian"})
_REQUESTS = {
    **dict.fromkeys(("enter", "amend", "withdraw"), _ENTER),
    **dict.fromkeys(("approve", "reject"), _REVIEW),
    **dict.fromkeys(("issue", "deliver"), _MAKE),
}
_SEALS = {
    **dict.fromkeys(("apply", "change", "approve", "reject", "make", "resume", "hand-in", "destroy"), _MANAGE),
    "activate": _USE,
    "freeze": _MANAGE | _USE,
}
ROLES: Mapping[str, frozenset[str]] = {
    **{f"ra.request.{act}": roles for act, roles in _REQUESTS.items()},
    **{f"ra.attribute.{act}": roles for act, roles in _REQUESTS.items()},
    **{f"seals.seal.{act}": roles for act, roles in _SEALS.items()},
    **{f"seals.api-key.{act}": _MANAGE for act in ("make", "rotate", "withdraw")},
    "seals.use.permit": _USE,
    "seals.use.withdraw": _USE,
    "ra.branch.establish": frozenset({"super"}),
}
"""One of which whoever does it must have."""
_ADMINISTRATORS = frozenset({"super", "audit", "business"})
_STATED_AS = {
    "seals.use.permit": "allow-use",
    "seals.use.withdraw": "withdraw-use",
    "seals.api-key.make": "admit-system",
    "seals.api-key.rotate": "rotate-key",
    "seals.api-key.withdraw": "withdraw-system",
}
"""Where the statement's act is not the last word of the entry's."""


@dataclass(frozen=True)
class Standing:
    """What somebody is."""

    roles: frozenset[str]
    certificate: str
    """AUTHORITY/SERIAL."""
    active: bool


class People:
    """Careers, and statements by those who have them."""

    def __init__(self, tell: Tell, evidence: Evidence) -> None:
        self._tell, self._evidence = tell, evidence
        self._standings: dict[str, Standing] = {}
        self._certificates: dict[str, str] = {}
        self.certified: dict[str, str] = {}
        """AUTHORITY/SERIAL of those that people were appointed with, and who had it done."""
        self._ended: set[str] = set()
        """AUTHORITY/SERIAL of those that were revoked."""
        self._unsigned = 0

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Everything that people state; the certificates that were issued."""
        certificates = {"ca.certificate.issue": self._issued, "ca.certificate.revoke": self._revoked}
        return {"ra.": self._stated, "seals.": self._stated, **certificates}

    def finish(self) -> None:
        """Say if signatures could not be looked at."""
        if self._unsigned:
            what = _("{count} statements are not in the file: the signatures of these acts were not checked")
            self._tell(RULE, None, what.format(count=self._unsigned), remark=True)

    def may(self, name: str, roles: set[str]) -> bool:
        """Whether somebody is active now with one of these roles."""
        standing = self._standings.get(name)
        return standing is not None and standing.active and bool(standing.roles & roles)

    def _issued(self, entry: Entry) -> None:
        self._certificates[f"{entry.text('authority')}/{entry.subject}"] = entry.text("certificate")

    def _revoked(self, entry: Entry) -> None:
        self._ended.add(f"{entry.text('authority')}/{entry.subject}")

    def _stated(self, entry: Entry) -> None:
        digest = entry.text("statement")
        if not digest:
            if entry.act in ROLES:
                self._tell(RULE, entry, _("nobody has signed this act"))
            return
        of_person = entry.act.startswith("ra.operator.")
        signer = entry.subject if entry.act == "ra.operator.found" else entry.actor
        before = self._standings.get(signer)
        if of_person:
            self._move(entry)
        if entry.act == "ra.operator.found":
            before = self._standings[signer]
        self._require_role(entry, signer, before)
        self._require_signature(entry, signer, before, digest)

    def _move(self, entry: Entry) -> None:
        act = entry.act.rpartition(".")[2]
        label = entry.text("certificate")
        if act == "found":
            self._require_witness(entry)
        self.certified.setdefault(label, entry.actor)
        active = act not in ("suspend", "remove")
        self._standings[entry.subject] = Standing(frozenset(entry.texts("roles")), label, active)

    def _require_witness(self, entry: Entry) -> None:
        """Of whoever takes the place of an administrator: one person alone could put themselves there."""
        roles = frozenset(entry.texts("roles"))
        replaced = {name for name, one in self._standings.items() if one.roles & roles}
        if not replaced:
            return
        others = {
            name: self._certificates.get(one.certificate)
            for name, one in self._standings.items()
            if name not in replaced and one.roles & _ADMINISTRATORS and self._could_act(one)
        }
        name = entry.text("witness")
        if not name:
            what = _("an administrator was replaced, and no other administrator was there")
            self._tell("founding", entry, what, remark=not others)
        elif name not in others or not self._is_witnessed(entry, name, others[name]):
            self._tell("founding", entry, _("the witness to the founding of an administrator is none"))

    def _could_act(self, standing: Standing) -> bool:
        return standing.active and standing.certificate not in self._ended

    def _is_witnessed(self, entry: Entry, name: str, certificate: str | None) -> bool:
        try:
            said = read_statement(bytes.fromhex(entry.text("witnessed")))
            founded = self._evidence.statement(entry.text("statement"))
        except (ValueError, YinxinError):
            return False
        words = said.word("operator"), said.word("act"), said.word("subject")
        about = founded.word("digest") if founded else said.word("digest")
        known = certificate is None or certificate == said.certificate
        return known and words == (name, "found", f"operator:{entry.subject}") and said.word("digest") == about

    def _require_role(self, entry: Entry, signer: str, standing: Standing | None) -> None:
        roles = ROLES.get(entry.act)
        if entry.act.startswith("ra.operator.") and signer != entry.subject:
            roles = _ADMINISTRATORS
        if standing is None or not standing.active:
            self._tell("role", entry, _("{name} was nobody who might act").format(name=signer))
        elif roles and not standing.roles & roles:
            self._tell("role", entry, _("{name} had no role for this").format(name=signer))

    def _require_signature(self, entry: Entry, signer: str, standing: Standing | None, digest: str) -> None:
        try:
            statement = self._evidence.statement(digest)
        except YinxinError:
            self._tell(RULE, entry, _("the signature on the statement is not good"))
            return
        if statement is None:
            if self._evidence.has_statements:
                self._tell(RULE, entry, _("the signed statement is missing"))
            else:
                self._unsigned += 1
            return
        act = _STATED_AS.get(entry.act, entry.act.rpartition(".")[2])
        if (statement.word("operator"), statement.word("act")) != (signer, act):
            self._tell(RULE, entry, _("the signed statement is by somebody else, or says something else"))
        if (about := entry.text("digest")) and statement.word("digest") != about:
            self._tell(RULE, entry, _("the signed statement is about another content"))
        known = self._certificates.get(standing.certificate) if standing else None
        if known is not None and known != statement.certificate:
            self._tell(
                RULE, entry, _("the statement is signed with another certificate than {name} had").format(name=signer)
            )
