"""A home for root keys, made by a ceremony. It serves nothing and has no registration; it stays offline.

As `yinxin.installation`, it is built beside the place asked for and moved there at the very end: until then nothing
that was made is of any worth, and a ceremony that is cut short is begun anew. The passphrase of the root keys exists in
memory alone, and as shares.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from audit.key import fingerprint, public_key_file, read_public_key
from audit.sequencer import read_log
from ca import crl, hierarchy
from ca.activation import activate
from ca.ceremony.plan import ReadPlan, RootTerms, profiles_of
from ca.ceremony.sheets import Opens, record_pdf, share_sheet
from ca.ceremony.transcript import Attendant, Done, MadeRoot, Step, Transcript, sections_of
from ca.ceremony.wording import role_words, text_of
from ca.issuance import CertificateAuthority
from ca.profiles import load_profile
from ca.service import ceremony_approval
from core import config, files
from core.algorithms import SM3
from core.audit import Event
from core.certificates import armour
from core.clock import Clock, SystemClock
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from core.keys.custody import Custody, entrust
from core.keys.sealed import seal
from core.keys.shares import Share, parse_share
from core.keys.store import KeyStore
from core.memory import require_memory
from core.storage import Storage
from yinxin.installation import begin_audit_log, default_configuration

ACTOR = "ceremony"
PROFILES = ("root", "subordinate", "link")
TRANSCRIPT = "transcript.json"


@dataclass(frozen=True)
class Held:
    """A ceremony that was held."""

    home: Home
    transcript: Transcript
    folder: Path
    """Certificates, lists, transcript."""
    sheets: Path | None
    """Where the sheets lie in memory; None: the shares are encrypted."""


def hold(
    path: Path, read: ReadPlan, *, clock: Clock | None = None, on_step: Callable[[str], None] = lambda _step: None
) -> Held:
    """Hold the ceremony: the home at `path`, what is published, the shares.

    `YinxinError` (conflict) if something is at one of the three places already; on any failure nothing stays.
    """
    places = _places(path, read)
    staged = {name: place.with_name(f".{place.name}.{secrets.token_hex(4)}") for name, place in places.items()}
    made: list[Path] = []
    moved: list[Path] = []
    try:
        for place in staged.values():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.mkdir(mode=0o700)
            made.append(place)
        ceremony = _Ceremony(read, Home(staged["home"], clock or SystemClock()), staged)
        for step in ceremony.steps():
            on_step(step)
        ceremony.home.storage.close()
        staged["folder"].chmod(0o755)
        # The home last: without it, what lies in the other places is worth nothing, and with it, all is there.
        for name in ("sheets", "folder", "home"):
            if name in staged:
                staged[name].rename(places[name])
                moved.append(places[name])
                files.flush_folder(places[name].parent)
    except BaseException as error:
        for place in (*made, *moved):
            shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, YinxinError):
            for name, place in staged.items():
                error.subject = error.subject.replace(str(place), str(places[name]))
        raise
    home = Home(path, clock or SystemClock())
    return Held(home, ceremony.transcript, places["folder"], places.get("sheets"))


def _places(path: Path, read: ReadPlan) -> dict[str, Path]:
    """Where things go; `YinxinError` (conflict) if something is there."""
    outputs = read.plan.outputs
    places = {"home": path, "folder": read.beside(outputs.folder)}
    if read.plan.custody.delivery == "sheets":
        places["sheets"] = Path(outputs.sheets)
        require_memory(places["sheets"])
    for name, place in places.items():
        if not place.exists():
            continue
        what, remedy = _("there is something here already"), _("choose another folder; nothing was changed")
        if name != "home" and not path.exists():
            what = _("there is something here already; left by a ceremony that never came to its home, it is of no use")
            remedy = _("be sure that it belongs to no other ceremony, then remove it; or choose another folder")
        raise YinxinError(Kind.CONFLICT, what, subject=str(place), remedy=remedy)
    return places


@dataclass
class _Ceremony:
    """Step by step."""

    read: ReadPlan
    home: Home
    staged: dict[str, Path]
    done: list[Done] = field(default_factory=list)

    def steps(self) -> Iterator[str]:
        """Do everything; yield what was just done."""
        read, began_at = self.read, self.home.clock.now()
        certificates = read.certificates()
        self._lay_out()
        begin_audit_log(self.home)
        base = load_profile(self.home.profiles / "root.toml")
        further = [load_profile(self.home.profiles / f"{name}.toml") for name in ("subordinate", "link")]
        profiles = [*profiles_of(read.plan, base), *further]
        activate(self.home.context, profiles, actor=ACTOR)
        yield self._note(Step.HOME)
        custody, secret, shares = self._entrust(certificates)
        yield self._note(Step.PASSPHRASE)
        ca = CertificateAuthority(self.home.context, KeyStore(self._keys, lambda: secret), self.home.configuration.urls)
        for root in read.plan.roots:
            self._make_root(ca, root)
            yield self._note(Step.ROOT, root.name)
            terms = crl.terms_of(self.home.configuration.ca, self._authority(root.name), root.list_days * 24)
            crl.publish(ca.context, ca.keys, root.name, terms, actor=ACTOR)
            yield self._note(Step.LIST, root.name)
        custody.write(self._keys)
        self._rehearse(custody, shares)
        yield self._note(Step.REHEARSAL)
        for share in shares:
            self._write_share(share, custody, certificates)
            yield self._note(Step.SHARE, custody.entrusted(share).custodian)
        self.transcript = self._transcript(custody, certificates, began_at)
        self._record()
        self._publish()

    def _note(self, step: Step, about: str = "") -> str:
        self.done.append(Done(at=self.home.clock.now(), step=step, about=about))
        words = {
            Step.HOME: _("the home of the roots"),
            Step.PASSPHRASE: _("the passphrase, split"),
            Step.ROOT: _("root {about}"),
            Step.LIST: _("the first list of {about}"),
            Step.REHEARSAL: _("the shares open every key"),
            Step.SHARE: _("the share of {about}"),
        }
        return words[step].format(about=about)

    @property
    def _keys(self) -> Path:
        return self.home.path / "keys" / "ca"

    def _lay_out(self) -> None:
        plan = self.read.plan
        kinds = list(dict.fromkeys(root.key.value for root in plan.roots))
        families = list({kind.partition("-")[0]: kind for kind in kinds}.values())
        settings: dict[str, dict[str, object]] = {
            "centre": {"organization": plan.organization, "key_kinds": families},
            "ca": {"root_crl_hours": max(24, *(root.list_days * 24 for root in plan.roots))},
            "audit": {"timestamps": False},
            "urls": {"ca": plan.address},
        }
        lines = [f"# The home of root authorities, made by the ceremony with plan SM3 {self.read.digest}."]
        for section, values in settings.items():
            lines += ["", f"[{section}]"]
            # JSON's texts, numbers and lists are TOML's too.
            lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        files.write(self.home.path / config.FILE_NAME, "\n".join([*lines, ""]).encode())
        config.load_configuration(self.home.path)
        for name in PROFILES:
            source = default_configuration() / "profiles" / f"{name}.toml"
            files.write(self.home.profiles / source.name, source.read_bytes())
        passphrase.create_file(self.home.passphrase_file("audit"))
        storage = Storage(self.home.database_url)
        storage.migrate()
        storage.close()

    def _entrust(self, certificates: dict[str, bytes]) -> tuple[Custody, bytes, list[Share]]:
        plan = self.read.plan
        names = [one.name for one in plan.custodians]
        sealed = plan.custody.delivery == "encrypted"
        recipients = [SM3.of(certificates[name]).hex() if sealed else None for name in names]
        return entrust(names, plan.custody.needed, self.home.clock.now(), sealed_to=recipients)

    def _make_root(self, ca: CertificateAuthority, root: RootTerms) -> None:
        reference = f"ceremony {self.read.digest[:16]} {root.name}"
        approval = ceremony_approval(reference, ACTOR, root.subject, root.name, root.name)
        hierarchy.create_root(ca, root.name, root.key, root.subject, approval=approval, actor=ACTOR, profile=root.name)
        files.write(self.home.trust / f"{root.name}.pem", armour([self._certificate(root.name)]))

    def _certificate(self, name: str) -> bytes:
        return hierarchy.certificate_of(self.home.storage, name)

    def _authority(self, name: str) -> hierarchy.Authority:
        return next(one for one in hierarchy.list_authorities(self.home.storage) if one.name == name)

    def _rehearse(self, custody: Custody, shares: list[Share]) -> None:
        """From what will stand on paper, the last ones: they open every key on the disk."""
        again = [parse_share(share.text) for share in shares[-custody.needed :]]
        opened = KeyStore(self._keys, lambda: custody.combine(again))
        for root in self.read.plan.roots:
            if opened.signer(root.name).public_key_info != self._authority(root.name).public_key_info:
                raise YinxinError(Kind.UNAVAILABLE, _("the key on the disk is another one"), subject=root.name)

    def _write_share(self, share: Share, custody: Custody, certificates: dict[str, bytes]) -> None:
        custodian = custody.entrusted(share).custodian
        if "sheets" not in self.staged:
            sealed = seal(share.text.encode(), certificates[custodian])
            files.write(self.staged["folder"] / "shares" / f"share-{share.number}.pem", sealed)
            return
        opens = [Opens(root.name, self._certificate(root.name)) for root in self.read.plan.roots]
        sheet = share_sheet(share, custody, self.read.plan.organization, opens)
        files.write(self.staged["sheets"] / f"share-{share.number}.pdf", sheet, mode=0o600)

    def _transcript(self, custody: Custody, certificates: dict[str, bytes], began_at: object) -> Transcript:
        with self.home.storage.reading() as connection:
            log = read_log(connection).origin
        return Transcript.model_validate(
            {
                "plan": self.read.octets.decode(),
                "software": _software(),
                "began_at": began_at,
                "ended_at": self.home.clock.now(),
                "log": log,
                "log_key": fingerprint(read_public_key(public_key_file(self.home))),
                "present": [
                    Attendant(name=one.name, roles=one.roles, certificate=certificates.get(one.name))
                    for one in self.read.plan.present
                ],
                "roots": [
                    MadeRoot(
                        name=root.name,
                        certificate=self._certificate(root.name),
                        revocation_list=crl.latest(self.home.context, root.name),
                    )
                    for root in self.read.plan.roots
                ],
                "custody": custody,
                "steps": self.done,
            }
        )

    def _record(self) -> None:
        """In the audit log of the home."""
        details = {
            "transcript": self.transcript.digest,
            "plan": self.read.digest,
            "set": self.transcript.custody.set_id,
            "present": [one.name for one in self.transcript.present],
        }
        with self.home.storage.transaction() as connection:
            event = Event("ca.ceremony.hold", ACTOR, self.transcript.reference, details)
            self.home.context.audit.append(connection, event)

    def _publish(self) -> None:
        folder, transcript, plan = self.staged["folder"], self.transcript, self.read.plan
        for root in transcript.roots:
            files.write(folder / f"{root.name}.pem", armour([root.certificate]))
            files.write(folder / f"{root.name}.crl", root.revocation_list)
        files.write(folder / TRANSCRIPT, transcript.canonical())
        sections = sections_of(transcript)
        files.write(folder / "transcript.txt", f"# {plan.title}\n\n{text_of(sections)}".encode())
        signers = [(one.name, role_words(one.roles)) for one in plan.present]
        files.write(folder / "transcript.pdf", record_pdf(plan.title, sections, signers))


def _software() -> str:
    try:
        return f"yinxin {version('yinxin')}"
    except PackageNotFoundError:
        return "yinxin"
