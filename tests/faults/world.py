"""An installation with people, keys and seals, all of it open in this process, so that a child of it works at once."""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from asn1crypto import x509

from ca.encryption_keys import encryption_keys_of
from ca.hierarchy import chain_of
from ca.service import open_authority
from core.algorithms import KeyKind
from core.certificates import read_certificates
from core.clock import SystemClock
from core.csr import build_csr
from core.home import Authority, Home
from core.keys import passphrase
from core.keys.private_key import generate
from core.subject import Identity, Subject
from ra.operators import OperatorSession, open_session
from seals.api import api_keys, granting
from seals.register import registered
from tests.support import pki
from tests.support.sealing import blank_pdf
from yinxin.demo import cast
from yinxin.seal_people import SealPeople
from yinxin.wiring import sealing_support

LABEL = "sm2"
ISSUING = f"{LABEL}-issuing"
SEAL = f"{LABEL}-office"
CALLER = "campaign"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
STORES: tuple[Authority, ...] = ("ca", "ocsp", "tsa", "seals", "kmc", "ra", "audit")


@dataclass
class World:
    """What acts are done with."""

    home: Home
    sessions: dict[str, OperatorSession] = field(default_factory=dict)
    valid: list[int] = field(default_factory=list)
    """Serial numbers of holders' certificates that were issued and not yet touched."""
    notes: dict[int, str] = field(default_factory=dict)
    """Checkpoints that somebody was told, by size."""

    def __post_init__(self) -> None:
        """Open every key and every session: a child has no time for it."""
        home = self.home
        for store in STORES:
            keys = home.key_store(store)
            for name in keys.names():
                keys.signer(name)
        pin = passphrase.from_file(home.path / "people" / "pin")
        people = (cast.ENTERER, cast.REVIEWER, cast.SECOND_REVIEWER, cast.ADMINISTRATOR, cast.SEAL_CUSTODIAN)
        for name in (*people, *cast.SEAL_ADMINISTRATORS):
            self.sessions[name] = open_session(
                home.context, name, home.path / "people" / "operators" / f"{name}.pem", pin
            )
        self.ca = open_authority(home, encryption_keys_of(home))
        self.people, self.support = SealPeople(home.context), sealing_support(home)
        self.timestamps = self.support.authority
        self.document = blank_pdf()
        office = pki.root(KeyKind.SM2, not_before=LONG_AGO, common_name="custodian")
        self.custodian = office.issue("custodian", usages=(2, 3), not_before=LONG_AGO).certificate
        """Who can open backups."""
        home.context.lookup_key  # noqa: B018 - opened here
        if api_keys.named(home.context, CALLER) is None:
            scopes = api_keys.Terms([api_keys.Scope.DOCUMENTS, api_keys.Scope.BATCHES])
            granting.admit(
                home.context, self.people, self.sessions[cast.SEAL_ADMINISTRATORS[0]], CALLER, [SEAL], scopes
            )

    @classmethod
    def reopened(cls, home: Home, other: "World") -> "World":
        """The same at another time, without what only sessions need."""
        world = object.__new__(cls)
        world.home, world.people, world.document = home, SealPeople(home.context), other.document
        world.support = sealing_support(home)
        return world

    @cached_property
    def role_holder(self) -> int:
        """The serial number of the certificate whose holder is given attributes."""
        file = self.home.path / "people" / "staff" / f"{LABEL}-{cast.ROLE_HOLDER}.crt"
        number: int = x509.Certificate.load(read_certificates(file)[0]).serial_number
        return number

    @cached_property
    def unit_certificate(self) -> bytes:
        """The seal's owner's."""
        return registered.find(self.home.context, self.people, SEAL).certificate

    @cached_property
    def chain(self) -> list[bytes]:
        """Of the issuing authority."""
        return chain_of(self.home.storage, ISSUING)

    @property
    def later(self) -> Home:
        """The same installation, some minutes later: leases and claims of the dead have ended."""
        return Home(self.home.path, Later(minutes=5))

    def subject(self) -> Subject:
        """A member of the staff whom nobody has met before."""
        somebody = {"common_name": f"张{uuid.uuid4().hex[:12]}", "identity": Identity()}
        return cast.STAFF[cast.ROLE_HOLDER].model_copy(update=somebody)

    def csr(self, subject: Subject) -> bytes:
        """By a key of its own: one key is one holder's."""
        return build_csr(generate(KeyKind.SM2), subject.name())

    def variant(self) -> bytes:
        """A document that was never sealed before."""
        return self.document + b"\n%% %d\n" % random.getrandbits(64)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """No connection is open: none is taken into a child."""
        self.home.storage.close()
        yield
        self.home.storage.close()


class Later:
    """The machine's clock, set forward."""

    def __init__(self, **by: float) -> None:
        self.by, self.clock = timedelta(**by), SystemClock()

    def now(self) -> datetime:
        """Later than now."""
        return self.clock.now() + self.by
