"""A new installation: configuration, passphrases, schema, profiles, hierarchies, service certificates, first CRLs.

It is built in a folder beside the one asked for and moved into place at the end, so that a failure leaves nothing.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from audit.key import found_key
from audit.sequencer import begin
from ca import crl, hierarchy
from ca.activation import activate
from ca.encryption_keys import make_link
from ca.issuance import CertificateAuthority
from ca.kmc.custody import Custodian
from ca.profiles import load_profiles
from ca.service import ceremony_approval, issue_service_certificate
from ca.subordinates.requests import armour_request, distribution_of, request_certificate
from core import config, files
from core.algorithms import KeyKind
from core.certificates import armour
from core.clock import Clock, SystemClock
from core.errors import Kind, YinxinError
from core.home import IDENTITIES, Authority, Home
from core.i18n import _
from core.keys import passphrase
from core.keys.key_file import create_key_file
from core.service.installed import installed
from core.storage import Storage
from core.subject import Subject
from ra import personnel
from ra.roles import Role
from seals.verification.trust import MAKERS

ACTOR = "ceremony"
AUTHORITIES: tuple[Authority, ...] = ("ca", "ocsp", "tsa", "seals", "kmc", "ra", "audit")


@dataclass(frozen=True)
class Service:
    """Something of the centre's own that needs a certificate in each hierarchy."""

    keeper: Authority
    """Whose key store keeps the key."""
    profile: str
    name: str
    rank: str = "issuing"
    """Of the authority in the hierarchy that certifies it."""
    suffix: str = ""
    """After the name of the hierarchy, in the names of the key and of the certificate's file."""


SERVICES = (
    Service("ocsp", "ocsp", "OCSP"),
    # RFC 6960 4.2.2.2: who issued a certificate delegates the answers about it; for an issuing CA that is the root.
    Service("ocsp", "ocsp", "Root OCSP", rank="root", suffix="-root"),
    Service("tsa", "tsa", "TSA"),
    Service("seals", "seal-maker", "Seal Maker", suffix="-seal-maker"),
)


ADMINISTRATORS = {"super.administrator": Role.SUPER, "audit.administrator": Role.AUDIT}
"""The two of equal rank with whom a centre begins (GM/T 0037)."""


def administrator_key(home: Home, name: str) -> Path:
    """The key file that the founding made for an administrator."""
    return home.path / "administrators" / f"{name}.pem"


def pin_of(key_file: Path) -> Path:
    """Where the founding wrote the PIN of a key file, mode 0600."""
    return key_file.with_suffix(".pin")


def request_file(home: Home, name: str) -> Path:
    """The request of an authority that waits for its certificate."""
    return home.path / "requests" / f"{name}.csr"


def hierarchy_label(kind: KeyKind) -> str:
    """What a hierarchy's authorities, keys and files are called by: `sm2`, `rsa`, `p256`."""
    return kind.value.split("-")[0]


def renewable_names(home: Home, keeper: Authority) -> set[str] | None:
    """The service certificates that this keeper renews; None: all that it has. The seals' folder holds owners' too."""
    if keeper != "seals":
        return None
    labels = [hierarchy_label(kind) for kind in home.configuration.centre.key_kinds]
    return {f"{label}{service.suffix}" for service in SERVICES if service.keeper == keeper for label in labels}


def name_makers(home: Home) -> None:
    """Have verification trust the home's seal makers, those of the past too, and nobody else, to make seals."""
    for one in installed(home, "seals"):
        if one.name in (renewable_names(home, "seals") or ()):
            files.write(home.trust / MAKERS / f"{one.key_name}.pem", armour([one.certificate]))


def default_configuration() -> Path:
    """The folder of the default configuration: `conf` of the checkout, or what the wheel carries."""
    package = Path(__file__).parent
    checkout = package.parent / "conf"
    return checkout if (checkout / config.FILE_NAME).exists() else package / "conf"


def create(
    path: Path,
    *,
    clock: Clock | None = None,
    settings: Path | None = None,
    on_step: Callable[[str], None] | None = None,
    under_offline_roots: bool = False,
) -> Home:
    """Create an installation in a folder that does not exist or is empty. `settings`: another `yinxin.toml`.

    `under_offline_roots`: its authorities ask for certificates, and `yinxin.completion` goes on when they came.

    `YinxinError` (conflict) if something is there already. `on_step` is told each thing that was made.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise YinxinError(
            Kind.CONFLICT,
            _("there is something here already"),
            subject=str(path),
            remedy=_("choose another folder; nothing was changed"),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    staging.mkdir(mode=0o700)
    founding = Founding(Home(staging, clock or SystemClock()))
    steps = founding.requests if under_offline_roots else founding.steps
    try:
        for step in steps(settings or default_configuration() / config.FILE_NAME):
            if on_step:
                on_step(step)
        founding.home.storage.close()
        if path.exists():
            path.rmdir()
        staging.rename(path)
    except BaseException as error:
        founding.undo()
        if isinstance(error, YinxinError):
            error.subject = _as_given(error.subject, staging, path, settings)
        raise
    return Home(path, clock or SystemClock())


def _as_given(subject: str, staging: Path, path: Path, settings: Path | None) -> str:
    """A name of the folder that is gone, as people know it."""
    if settings and subject == str(staging / config.FILE_NAME):
        return str(settings)
    return subject.replace(str(staging), str(path))


def begin_audit_log(home: Home) -> None:
    """Make the audit key and begin to order entries, as far as that is not done."""
    settings = home.configuration
    key = found_key(home, settings.centre.key_kinds[0]).public_key_info
    origin = settings.audit.origin or f"{urlsplit(settings.urls.ca).netloc}/audit"
    begin(home.context, origin, settings.audit.digest, key)


@dataclass
class Founding:
    """The ceremony, step by step."""

    home: Home
    reference: str = field(default_factory=lambda: f"ceremony {secrets.token_hex(6)}")
    filled: Storage | None = None
    """The database, once there is something in it, all of which is ours."""

    def steps(self, settings: Path) -> Iterator[str]:
        """Do everything; yield what was just made."""
        yield from self._ground(settings)
        ca = self._authority()
        for kind in self.home.configuration.centre.key_kinds:
            self._found_hierarchy(ca, kind)
            yield _("hierarchy {name}").format(name=hierarchy_label(kind))
            self.certify_services(ca, kind)
            yield _("service certificates {name}").format(name=hierarchy_label(kind))
        self._found_key_management_centre(ca)
        yield _("the key-management centre")
        for name in ADMINISTRATORS:
            self.found_administrator(ca, name)
        yield _("the super and the audit administrator")
        self.home.key_store("ra").create_decrypter(IDENTITIES)
        yield _("the key for finding identity numbers")

    def requests(self, settings: Path) -> Iterator[str]:
        """Do what can be done without roots, and write the requests to be carried to them."""
        yield from self._ground(settings)
        ca = self._authority()
        for kind in self.home.configuration.centre.key_kinds:
            name = f"{hierarchy_label(kind)}-issuing"
            asked = request_certificate(
                ca,
                name,
                kind,
                self._subject(f"Issuing CA {hierarchy_label(kind).upper()}"),
                profile="subordinate",
                actor=ACTOR,
                distribution=distribution_of(self.home.configuration),
            )
            files.write(request_file(self.home, name), armour_request(asked.csr))
            yield _("request {name}, SM3 {digest}").format(name=name, digest=asked.fingerprint)

    def _ground(self, settings: Path) -> Iterator[str]:
        self._lay_out(settings)
        yield _("configuration")
        self._fill_database()
        yield _("database")
        begin_audit_log(self.home)
        yield _("audit log")
        activate(self.home.context, load_profiles(self.home.profiles), actor=ACTOR)
        yield _("certificate profiles")

    def _authority(self) -> CertificateAuthority:
        return CertificateAuthority(self.home.context, self.home.key_store("ca"), self.home.configuration.urls)

    def undo(self) -> None:
        """Remove the folder and its keys in tokens; leave the database, perhaps elsewhere, as empty as it was found."""
        for keys in map(self.home.key_store, AUTHORITIES):
            for name in keys.names():
                with suppress(YinxinError):
                    keys.remove(name)
        if self.filled:
            with suppress(YinxinError), self.filled.transaction() as connection:
                made = sa.MetaData()
                made.reflect(connection)
                made.drop_all(connection)
            self.filled.close()
        shutil.rmtree(self.home.path, ignore_errors=True)

    def _fill_database(self) -> None:
        storage = Storage(self.home.database_url)
        _require_empty(storage)
        self.filled = storage
        storage.migrate()
        storage.close()

    def _lay_out(self, settings: Path) -> None:
        files.write(self.home.path / config.FILE_NAME, files.read(settings))
        config.load_configuration(self.home.path)  # before anything is made by it
        for file in sorted((default_configuration() / "profiles").glob("*.toml")):
            files.write(self.home.profiles / file.name, file.read_bytes())
        for authority in AUTHORITIES:
            passphrase.create_file(self.home.passphrase_file(authority))

    def _found_hierarchy(self, ca: CertificateAuthority, kind: KeyKind) -> None:
        label, settings = hierarchy_label(kind), self.home.configuration
        root, issuing = f"{label}-root", f"{label}-issuing"
        root_subject = self._subject(f"Root CA {label.upper()}")
        issuing_subject = self._subject(f"Issuing CA {label.upper()}")
        hierarchy.create_root(
            ca,
            root,
            kind,
            root_subject,
            approval=ceremony_approval(self.reference, ACTOR, root_subject, root, "root"),
            actor=ACTOR,
        )
        hierarchy.create_issuing(
            ca,
            issuing,
            kind,
            issuing_subject,
            issuer=root,
            approval=ceremony_approval(self.reference, ACTOR, issuing_subject, root, "issuing"),
            actor=ACTOR,
            shards=settings.ca.crl_shards,
            deltas=settings.ca.crl_deltas,
        )
        for authority in hierarchy.list_authorities(self.home.storage):
            if authority.name in (root, issuing):
                crl.publish(ca.context, ca.keys, authority.name, crl.terms_of(settings.ca, authority), actor=ACTOR)
        chain = hierarchy.chain_of(self.home.storage, issuing)
        files.write(self.home.trust / f"{root}.pem", armour(chain[-1:]))
        files.write(self.home.certificates("ca") / f"{issuing}.pem", armour(chain))

    def certify_services(self, ca: CertificateAuthority, kind: KeyKind, services: Sequence[Service] = SERVICES) -> None:
        """A key and a certificate for each of these services."""
        label = hierarchy_label(kind)
        for service in services:
            authority, key_name = f"{label}-{service.rank}", f"{label}{service.suffix}"
            issued = issue_service_certificate(
                ca,
                authority=authority,
                profile=service.profile,
                subject=self._subject(f"{service.name} {label.upper()}"),
                signer=self.home.key_store(service.keeper).create(key_name, kind),
                actor=ACTOR,
                reference=f"{self.reference} {service.keeper}-{key_name}",
            )
            chain = hierarchy.chain_of(self.home.storage, authority)
            files.write(
                self.home.certificates(service.keeper) / f"{key_name}.pem", armour([issued.certificate, *chain])
            )
        name_makers(self.home)

    def _found_key_management_centre(self, ca: CertificateAuthority) -> None:
        Custodian(self.home.key_store("kmc")).found()
        if KeyKind.SM2 in self.home.configuration.centre.key_kinds:
            make_link(self.home, ca, actor=ACTOR)

    def found_administrator(self, ca: CertificateAuthority, name: str) -> None:
        """Key and PIN lie in the home until the person takes them away."""
        centre = self.home.configuration.centre
        key_file = administrator_key(self.home, name)
        signer = create_key_file(key_file, centre.key_kinds[0], passphrase.create_file(pin_of(key_file)))
        personnel.found(
            self.home.context,
            ca,
            name,
            ADMINISTRATORS[name],
            signer,
            authority=f"{hierarchy_label(centre.key_kinds[0])}-issuing",
            organization=centre.organization,
            actor=ACTOR,
        )

    def _subject(self, role: str) -> Subject:
        centre = self.home.configuration.centre
        return Subject.of_service(centre.organization, f"{centre.name} {role}")


def _require_empty(storage: Storage) -> None:
    with storage.reading() as connection:
        tables = sa.inspect(connection).get_table_names()
    if tables:
        raise YinxinError(
            Kind.CONFLICT,
            _("the database is not empty"),
            subject=storage.engine.url.render_as_string(hide_password=True),
            remedy=_("give a database of its own to each installation"),
        )
