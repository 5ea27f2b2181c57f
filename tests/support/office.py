"""A small registration office for tests: an authority, profiles in use, operators with their key files."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from ca.hierarchy import create_issuing, create_root
from ca.issuance import Approval, CertificateAuthority
from ca.profiles import load_profiles
from core import sm2
from core.algorithms import KeyKind
from core.audit import entries
from core.clock import FixedClock
from core.config import UrlSettings
from core.context import Context
from core.csr import build_csr
from core.keys.key_file import create_key_file
from core.keys.lookup import LookupKey
from core.keys.private_key import Sm2Key, generate
from core.keys.store import KeyStore
from core.storage import Storage
from core.subject import Identity, Subject
from ra import personnel, requests
from ra.moves import State
from ra.operators import OperatorSession, open_session
from ra.roles import OPERATORS, Role
from tests.support.ca import activate_untried

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
PROFILES = Path(__file__).parents[2] / "conf" / "profiles"
ORGANIZATION = "宝鸡市人民政府办公室"
PIN = b"135790"
CA_PASSPHRASE = b"ca passphrase"
LOOKUP_KEY_PAIR = Sm2Key(sm2.engine().generate())
RESIDENT_ID = "11010519491231002X"
STAFF = Subject(organization="宝鸡市人民政府办公室", common_name="张三", identity=Identity(resident_id=RESIDENT_ID))
UNIT = Subject(
    organization="宝鸡市人民政府办公室",
    common_name="宝鸡市人民政府办公室",
    identity=Identity(credit_code="91350100M000100Y43"),
)
PEOPLE = {
    "lu.enter": frozenset({Role.ENTER}),
    "shen.review": frozenset({Role.REVIEW}),
    "he.review": frozenset({Role.REVIEW}),
    "zhi.make": frozenset({Role.MAKE}),
    "quan.all": OPERATORS,
}
ADMINISTRATORS = {"zhao.super": Role.SUPER, "qian.audit": Role.AUDIT}
BUSINESS = "sun.business"


@dataclass
class Office:
    """Everything that a test needs to work, and to look behind the verbs."""

    folder: Path
    storage: Storage
    clock: FixedClock
    sessions: dict[str, OperatorSession] = field(default_factory=dict)
    lookup_key: LookupKey | None = field(default_factory=lambda: LookupKey(LOOKUP_KEY_PAIR, b"tests"))

    @property
    def context(self) -> Context:
        return Context(self.storage, self.clock, lambda: self.lookup_key)

    @property
    def keys(self) -> KeyStore:
        return KeyStore(self.folder / "keys" / "ca", lambda: CA_PASSPHRASE)

    @property
    def authority(self) -> CertificateAuthority:
        return CertificateAuthority(self.context, self.keys, UrlSettings())

    def key_file(self, name: str) -> Path:
        return self.folder / "operators" / f"{name}.pem"

    def found(self, kinds: tuple[KeyKind, ...] = (KeyKind.SM2,)) -> None:
        single = [profile.model_copy(update={"encryption": ""}) for profile in load_profiles(PROFILES)]
        activate_untried(self.context, single, actor="ceremony")
        authority = self.authority
        approval = Approval("ceremony", b"\0" * 32, ("ceremony",))
        for kind in kinds:
            family = kind.value.split("-")[0]
            for name, issuer in ((f"{family}-root", None), (f"{family}-issuing", f"{family}-root")):
                subject = Subject(organization="示范市数字证书认证中心", common_name=name)
                if issuer is None:
                    create_root(authority, name, kind, subject, approval=approval, actor="ceremony")
                else:
                    create_issuing(authority, name, kind, subject, issuer=issuer, approval=approval, actor="ceremony")
        for name, role in ADMINISTRATORS.items():
            key = create_key_file(self.key_file(name), KeyKind.SM2, PIN)
            self.sessions[name] = personnel.found(
                self.context, self.authority, name, role, key, authority="sm2-issuing", organization=ORGANIZATION
            )
        self.appoint(BUSINESS, frozenset({Role.BUSINESS}), by="zhao.super")
        for name, roles in PEOPLE.items():
            self.appoint(name, roles)

    def appoint(
        self,
        name: str,
        roles: frozenset[Role],
        kind: KeyKind = KeyKind.SM2,
        authority: str = "sm2-issuing",
        by: str = BUSINESS,
        branch: str = "",
    ) -> OperatorSession:
        key = create_key_file(self.key_file(name), kind, PIN)
        csr = build_csr(key, Subject(common_name=name).name())
        operator = personnel.appoint(
            self.context,
            self.authority,
            self.sessions[by],
            name,
            roles,
            csr,
            authority=authority,
            organization=ORGANIZATION,
            branch=branch,
        )
        self.sessions[name] = OperatorSession(name, operator.certificate, key)
        return self.sessions[name]

    def open(self, name: str) -> OperatorSession:
        return open_session(self.context, name, self.key_file(name), PIN)

    def csr(self, kind: KeyKind = KeyKind.SM2, subject: Subject = STAFF) -> bytes:
        return build_csr(generate(kind), subject.name())

    def enter(self, who: str = "lu.enter", profile: str = "staff", subject: Subject = STAFF, **options: object) -> str:
        given = {"authority": "sm2-issuing", "csr": self.csr(subject=subject)} | options
        return requests.enter(self.context, self.sessions[who], profile=profile, subject=subject, **given)  # type: ignore[arg-type]

    def approved(self, **options: object) -> str:
        number = self.enter(**options)  # type: ignore[arg-type]
        for reviewer in ("shen.review", "he.review"):
            if requests.approve(self.context, self.sessions[reviewer], number) is State.APPROVED:
                break
        return number

    def execute(self, statement: sa.Executable) -> None:
        """What somebody who can write to the database can do."""
        with self.storage.transaction() as connection:
            connection.execute(statement)

    def rows(self, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
        with self.storage.reading() as connection:
            return list(connection.execute(sa.select(table).order_by(table.c.id)))

    def acts(self) -> list[str]:
        return [str(row.act) for row in self.rows(entries)]
