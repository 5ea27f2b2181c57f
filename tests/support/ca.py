"""A certificate authority for tests: keys made once in a session, profiles of the house, two hierarchies."""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ca import activation, hierarchy
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from ca.profiles import Profile, load_profiles
from core.algorithms import KeyKind
from core.config import UrlSettings
from core.context import Context
from core.csr import build_csr
from core.keys.private_key import PrivateKey, generate
from core.keys.signer import Signer
from core.keys.store import KeyStore
from core.subject import Identity, Subject

PROFILES = Path(__file__).parents[2] / "conf" / "profiles"
NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
URLS = UrlSettings(ca="http://ca.test", ocsp="http://ocsp.test", tsa="http://tsa.test")
CREDIT_CODE = "91110000000000000E"
RESIDENT_ID = "110101209912310015"

_pool: dict[tuple[str, KeyKind], PrivateKey] = {}


class MemoryKeyStore(KeyStore):
    """Keys by name, made once in a test session; `wrap` may watch or disturb the signing."""

    def __init__(self, wrap: Callable[[Signer], Signer] = lambda signer: signer) -> None:
        super().__init__(Path("/nonexistent"), lambda: b"")
        self.made: dict[str, Signer] = {}
        self.wrap = wrap

    def create(self, name: str, kind: KeyKind) -> Signer:
        if (name, kind) not in _pool:
            _pool[name, kind] = generate(kind)
        self.made[name] = _pool[name, kind]
        return self.signer(name)

    def take_in(self, name: str, key: PrivateKey) -> Signer:
        self.made[name] = key
        return self.signer(name)

    def signer(self, name: str) -> Signer:
        return self.wrap(self.made[name])

    def __contains__(self, name: str) -> bool:
        return name in self.made


def activate_untried(context: Context, profiles: Iterable[Profile], *, actor: str) -> None:
    """Without the specimens that are issued and linted to try profiles: activation has tests of its own."""
    with context.storage.transaction() as connection:
        for profile in profiles:
            activation._activate(connection, context, profile, actor)


def pooled_key(name: str, kind: KeyKind) -> PrivateKey:
    """A key for a holder, the same in the whole session."""
    if (name, kind) not in _pool:
        _pool[name, kind] = generate(kind)
    return _pool[name, kind]


@dataclass
class TestCentre:
    """A centre with an SM2 and, if asked, an RSA hierarchy."""

    __test__ = False

    context: Context
    keys: MemoryKeyStore = field(default_factory=MemoryKeyStore)
    counter: "itertools.count[int]" = field(default_factory=itertools.count)
    double: bool = False
    """With encryption certificates beside the others, for which there must be a key-management centre."""

    def __post_init__(self) -> None:
        self.ca = CertificateAuthority(self.context, self.keys, URLS)

    def activate(self) -> "TestCentre":
        """All the profiles of the house."""
        profiles = load_profiles(PROFILES)
        singles = [profile.model_copy(update={"encryption": ""}) for profile in profiles]
        activate_untried(self.context, profiles if self.double else singles, actor="test")
        return self

    def build(self, *kinds: KeyKind) -> "TestCentre":
        """A root and an issuing authority for each kind: `sm2-root`, `sm2-issuing`, `rsa-root`, …"""
        for kind in kinds or (KeyKind.SM2,):
            family = kind.value.split("-")[0]
            approval = Approval(f"ceremony {family}", b"\x00" * 32, ("keeper",))
            subject = Subject.of_service("测试中心", f"{family} Root")
            hierarchy.create_root(self.ca, f"{family}-root", kind, subject, approval=approval, actor="keeper")
            subject = Subject.of_service("测试中心", f"{family} Issuing")
            hierarchy.create_issuing(
                self.ca,
                f"{family}-issuing",
                kind,
                subject,
                issuer=f"{family}-root",
                approval=approval,
                actor="keeper",
            )
        return self

    def request(
        self,
        profile: str = "staff",
        *,
        authority: str = "sm2-issuing",
        key: Signer | None = None,
        subject: Subject | None = None,
        reference: str = "",
    ) -> ApprovedRequest:
        """An approved request for a new SM2 key, unless told otherwise."""
        number = next(self.counter)
        subject = subject or make_subject(profile, f"张三{number}")
        key = key or generate(KeyKind.SM2)
        approval = Approval(reference or f"R{number}", hashlib.sha256(b"approved").digest(), ("李四", "王五"))
        return ApprovedRequest(authority, profile, subject, build_csr(key, subject.name()), approval)

    def issue(self, profile: str = "staff", **options: object) -> IssuedCertificate:
        """One certificate."""
        (issued,) = self.ca.issue([self.request(profile, **options)], actor="operator")  # type: ignore[arg-type]
        return issued


def make_subject(profile: str, name: str = "张三") -> Subject:
    """A subject that fits the profile."""
    identity = Identity(credit_code=CREDIT_CODE) if profile == "unit" else Identity()
    return Subject(organization="宝鸡市人民政府办公室", common_name=name, identity=identity)
