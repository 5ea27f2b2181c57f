"""A key-management centre for tests: real key files, officers with certificates, holders, an authority."""

import itertools
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path

from ca.escrow import AllottedKey, KeyRequest
from ca.kmc import pools
from ca.kmc.allotment import allot
from ca.kmc.custody import Custodian
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.statements import Officers, OfficerSession
from core.algorithms import KeyKind
from core.context import Context
from core.keys.store import KeyStore
from tests.support import pki
from tests.support.ca import NOW

PASSPHRASE = b"the centre's own"
OFFICERS = ("甲", "乙", "丙")


@cache
def hierarchy() -> pki.Party:
    """The root that holders' and officers' certificates lead to; made once in a session."""
    return pki.root(KeyKind.SM2, not_before=NOW - timedelta(days=1))


@cache
def party(name: str) -> pki.Party:
    """Somebody with an SM2 certificate of our hierarchy; made once in a session."""
    return hierarchy().issue(name, not_before=NOW - timedelta(days=1))


@dataclass
class Centre:
    """A centre, founded in a folder."""

    __test__ = False

    context: Context
    folder: Path
    counter: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.custodian = self.reopened()
        self.custodian.found()
        self.officers = Officers({name: party(name).certificate for name in OFFICERS})
        self.desk = RecoveryDesk(self.context, self.custodian, self.officers, (hierarchy().certificate,))

    def reopened(self) -> Custodian:
        """As another process opens it."""
        return Custodian(KeyStore(self.folder / "keys" / "kmc", lambda: PASSPHRASE))

    def session(self, name: str) -> OfficerSession:
        """The officer at work."""
        return OfficerSession(name, party(name).certificate, party(name).key)

    def fill(self, count: int = 1, kind: KeyKind = KeyKind.SM2) -> list[str]:
        """Spare keys."""
        return list(pools.generate(self.context, self.custodian, kind, count, actor="keeper"))

    def request(self, holder: str = "张三", reference: str = "", days: int = 3650) -> KeyRequest:
        """What the CA asks for this holder."""
        person = party(holder)
        return KeyRequest(
            reference or f"R{next(self.counter)}",
            person.name,
            person.key.public_key_info,
            self.context.clock.now() + timedelta(days=days),
        )

    def allot(self, holder: str = "张三", **options: object) -> AllottedKey:
        """A pair for the holder, from a new spare key."""
        self.fill()
        return allot(self.context, self.custodian, self.request(holder, **options), actor="ca")  # type: ignore[arg-type]
