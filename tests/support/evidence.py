"""A time-stamping authority that lives for decades, for evidence: it gets a new certificate whenever it needs one."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from core.algorithms import Digest, KeyKind
from core.clock import FixedClock
from tests.support.pki import TIME_STAMPING, Party, root
from tsa.request import MessageImprint
from tsa.token import TokenBuilder

LIFE = timedelta(days=1000)


@dataclass
class LongLivedAuthority:
    """Its clock is the test's. `kind`: what the next certificate's key will be."""

    clock: FixedClock
    kind: KeyKind = KeyKind.SM2
    root: Party = field(init=False)
    unit: Party = field(init=False)
    given: list[bytes] = field(default_factory=list)
    _serials: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.root = root(self.kind, not_before=self.clock.now() - timedelta(days=1), common_name=f"Root {self.kind}")
        self.next_certificate()

    def next_certificate(self) -> None:
        begin = self.clock.now() - timedelta(hours=1)
        self.unit = self.root.issue("TSA", extended=(TIME_STAMPING,), kind=self.kind, not_before=begin, days=LIFE.days)

    def stamp(self, digest: Digest, value: bytes, *, nonce: int | None = None) -> bytes:
        builder = TokenBuilder(self.unit.key, self.unit.certificate, [], policy="1.2.3", accuracy_seconds=1)
        draft = builder.draft(
            MessageImprint.of(digest, value),
            serial=next(self._serials),
            gen_time=self.clock.now(),
            nonce=nonce,
            include_certificates=True,
        )
        token = draft.signed()
        self.given.append(token)
        return token
