"""Filling an installation by the verbs that operators use: operators, requests, approvals, certificates, seals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from asn1crypto import pem, x509

from ca.attributes.cli import LABEL
from ca.attributes.cli import found as found_attribute_authority
from ca.attributes.issuance import AttributeAuthority
from ca.attributes.terms import Terms
from ca.encryption_keys import encryption_keys_of
from ca.hierarchy import chain_of
from ca.issuance import IssuedCertificate
from ca.service import open_authority
from core import files
from core.algorithms import KeyKind
from core.certificates import armour, read_certificates
from core.csr import build_csr
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from core.keys.key_file import create_key_file
from core.subject import Subject
from ra import attribute_requests, issuance, personnel, requests
from ra.moves import State
from ra.operators import OperatorSession, open_session
from ra.roles import Role
from ra.statements import Act as RequestAct
from seals.electronic.making import Maker
from seals.forms import Form
from seals.pictures.designs import Inscription, design_of
from seals.register import register
from seals.register.kinds import SealKind
from seals.register.orders import SealOrder
from seals.register.statements import Act
from yinxin import installation
from yinxin.demo import cast
from yinxin.installation import ACTOR, ADMINISTRATORS, administrator_key, hierarchy_label, pin_of
from yinxin.seal_people import SealPeople

PIN_FILE = "pin"
# Holders' certificates last three years: keys of the size that every card and browser takes will do.
HOLDER_KINDS = {KeyKind.RSA_3072: KeyKind.RSA_2048, KeyKind.RSA_4096: KeyKind.RSA_2048}


@dataclass
class Seeding:
    """An installation being filled. `folder` takes the keys that holders and operators keep themselves."""

    home: Home
    folder: Path
    kinds: dict[str, KeyKind] = field(init=False)
    certificates: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """By hierarchy and holder (`unit`, `zhangsan`, `lisi`), DER."""
    encryption: dict[tuple[str, str], IssuedCertificate] = field(default_factory=dict)
    """Of the same, the encryption certificates with their envelopes."""
    csrs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    """Of the requests, in the order of their entry."""

    def __post_init__(self) -> None:
        self.ca = open_authority(self.home, encryption_keys_of(self.home))
        self.kinds = {hierarchy_label(kind): kind for kind in self.home.configuration.centre.key_kinds}
        self.pin = passphrase.create_file(self.folder / PIN_FILE)
        self.sessions: dict[str, OperatorSession] = {}

    @property
    def holders(self) -> dict[str, Subject]:
        """Who gets certificates."""
        return {"unit": cast.UNIT, **cast.STAFF}

    def key_file(self, label: str, holder: str) -> Path:
        """Where a member of the staff keeps the key."""
        return self.folder / "staff" / f"{label}-{holder}.pem"

    def appoint_operators(self) -> None:
        """By the super administrator a business administrator, who appoints the operators; each with a key file."""
        (founder,) = (name for name, role in ADMINISTRATORS.items() if role is Role.SUPER)
        key_file = administrator_key(self.home, founder)
        pin = passphrase.from_file(pin_of(key_file))
        self.sessions[founder] = open_session(self.home.context, founder, key_file, pin)
        self._appoint(founder, cast.ADMINISTRATOR, {Role.BUSINESS})
        self._appoint(cast.ADMINISTRATOR, cast.ENTERER, {Role.ENTER})
        self._appoint(cast.ADMINISTRATOR, cast.REVIEWER, {Role.REVIEW, Role.MAKE})
        self._appoint(cast.ADMINISTRATOR, cast.SECOND_REVIEWER, {Role.REVIEW})

    def appoint_people_with_seals(self) -> None:
        """By the business administrator: three who manage seals, one who keeps them."""
        for name in cast.SEAL_ADMINISTRATORS:
            self._appoint(cast.ADMINISTRATOR, name, {Role.SEAL_ADMINISTRATOR})
        self._appoint(cast.ADMINISTRATOR, cast.SEAL_CUSTODIAN, {Role.SEAL_CUSTODIAN})

    def _appoint(self, administrator: str, name: str, roles: set[Role]) -> None:
        label, kind = next(iter(self.kinds.items()))
        key_file = self.folder / "operators" / f"{name}.pem"
        key = create_key_file(key_file, kind, self.pin)
        personnel.appoint(
            self.home.context,
            self.ca,
            self.sessions[administrator],
            name,
            roles,
            build_csr(key, Subject(common_name=name).name()),
            authority=f"{label}-issuing",
            organization=self.home.configuration.centre.organization,
        )
        self.sessions[name] = open_session(self.home.context, name, key_file, self.pin)

    def apply(self) -> None:
        """Keys and requests of every holder in every hierarchy, entered by the first operator."""
        for label, kind in self.kinds.items():
            for holder, subject in self.holders.items():
                if holder == "unit":
                    # The unit seals by server: its key lies with the seals, not with a person.
                    signer = self.home.key_store("seals").create(f"{label}-unit", kind)
                else:
                    key_file = self.key_file(label, holder)
                    signer = create_key_file(key_file, HOLDER_KINDS.get(kind, kind), self.pin)
                csr = self.csrs[label, holder] = build_csr(signer, subject.name())
                number = requests.enter(
                    self.home.context,
                    self.sessions[cast.ENTERER],
                    authority=f"{label}-issuing",
                    profile="unit" if holder == "unit" else "staff",
                    subject=subject,
                    csr=csr,
                )
                self.numbers.append(number)

    def approve(self) -> None:
        """Each request, by another operator than the one who entered it; a unit's by two."""
        for number in self.numbers:
            for reviewer in (cast.REVIEWER, cast.SECOND_REVIEWER):
                if requests.approve(self.home.context, self.sessions[reviewer], number) is State.APPROVED:
                    break

    def issue(self) -> None:
        """Every approved request, in one batch."""
        issued = issuance.issue(self.home.context, self.ca, self.sessions[cast.REVIEWER], self.numbers)
        places = [(label, holder) for label in self.kinds for holder in self.holders]
        for place, certificate in zip(places, issued, strict=True):
            self.certificates[place] = certificate.certificate
            if certificate.encryption:
                self.encryption[place] = certificate.encryption

    def certify_role(self) -> str:
        """An attribute authority in the first hierarchy, which certifies a role of a member of the staff; its name."""
        label = next(iter(self.kinds))
        name = f"{label}-attributes"
        found_attribute_authority(self.home, name, f"{label}-issuing", actor=ACTOR)
        enterer, reviewer = self.sessions[cast.ENTERER], self.sessions[cast.REVIEWER]
        holder = x509.Certificate.load(self.certificates[label, cast.ROLE_HOLDER])
        number = attribute_requests.enter_attributes(
            self.home.context,
            enterer,
            authority=name,
            holder_authority=f"{label}-issuing",
            holder_serial=holder.serial_number,
            attributes=cast.ATTRIBUTES,
            terms=Terms.REVOCABLE,
            hours=24 * 365,
        )
        attribute_requests.decide_attributes(self.home.context, reviewer, number, RequestAct.APPROVE)
        authority = AttributeAuthority(self.home.context, self.ca.keys, self.ca.urls)
        (issued,) = attribute_requests.issue_attributes(self.home.context, authority, reviewer, [number])
        staff = self.folder / "staff"
        files.write(staff / f"{label}-{cast.ROLE_HOLDER}.crt", armour([self.certificates[label, cast.ROLE_HOLDER]]))
        files.write(staff / f"{label}-{cast.ROLE_HOLDER}-role.pem", pem.armor(LABEL, issued.certificate))
        return name

    def make_seals(self, *, with_gm: bool = False) -> Iterator[str]:
        """A seal of the unit in each hierarchy: applied for, approved, made, taken into custody. Its name.

        `with_gm`: also one that signs in the form of GB/T 38540.
        """
        drawing = design_of(SealKind.OFFICIAL, Inscription(cast.OFFICE)).drawing()
        picture = drawing.png()
        keys, people = self.home.key_store("seals"), SealPeople(self.home.context)
        applicant, *approvers = (self.sessions[name] for name in cast.SEAL_ADMINISTRATORS)
        wanted = [(seal_name(label), label, Form.PADES) for label in self.kinds]
        if with_gm and GM_LABEL in self.kinds:
            wanted.append((GM_SEAL, GM_LABEL, Form.GM))
        for name, label, form in wanted:
            maker_name = f"{label}-seal-maker"
            maker_certificate, *_issuers = read_certificates(self.home.certificates("seals") / f"{maker_name}.pem")
            order = SealOrder(
                name=name,
                owner=cast.OFFICE,
                kind=SealKind.OFFICIAL,
                key_name=f"{label}-unit",
                certificate=self.certificates[label, "unit"],
                chain=chain_of(self.home.storage, f"{label}-issuing"),
                picture=picture,
                width_mm=round(drawing.width_mm),
                custodians=[cast.SEAL_CUSTODIAN],
                drawing=drawing,
                form=form if form is Form.GM else None,
            )
            register.apply(self.home.context, people, applicant, keys, order)
            for approver in approvers:
                register.decide(self.home.context, people, approver, order.name, Act.APPROVE)
            maker = Maker(keys.signer(maker_name), maker_certificate)
            register.make(self.home.context, people, applicant, maker, order.name)
            custodian = self.sessions[cast.SEAL_CUSTODIAN]
            register.decide(self.home.context, people, custodian, order.name, Act.ACTIVATE)
            yield order.name


GM_LABEL, GM_SEAL = "sm2", "gm-office"


def seal_name(label: str) -> str:
    """The unit's seal of a hierarchy, in the register."""
    return f"{label}-office"


def seed_home(path: Path, tell: Callable[[str], None]) -> Home:
    """A new installation with operators, holders and seals; the holders' and operators' keys in its folder `people`."""
    home = installation.create(path, on_step=tell)
    seeding = Seeding(home, path / "people")
    seeding.appoint_operators()
    seeding.appoint_people_with_seals()
    tell(_("operators"))
    seeding.apply()
    seeding.approve()
    seeding.issue()
    tell(_("certificates of the unit and its staff"))
    name = seeding.certify_role()
    tell(_("attribute authority {name}, a role of {holder}").format(name=name, holder=cast.ROLE_HOLDER))
    for name in seeding.make_seals(with_gm=True):
        tell(_("seal {name}").format(name=name))
    return home
