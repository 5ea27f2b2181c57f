"""People with seals who are known by their keys alone, and a seal that they have made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.wrappers import Request

from core.algorithms import KeyKind
from core.api.address import TAG
from core.audit import read_entries
from core.context import Context
from core.http_signatures import Message, claimed_key_id, verify_request
from core.keys.signer import Signer
from core.keys.store import KeyStore
from core.refusals import RefusedError
from core.statements import SignedStatement
from seals.contracts import Duty, Official, SealingSupport, Session
from seals.electronic.making import Maker
from seals.register import register, registered
from seals.register.kinds import SealKind
from seals.register.life import State
from seals.register.orders import SealOrder
from seals.register.statements import Act
from tests.support import pki
from tests.support.sealing import NAME, Office, picture

MANAGERS = ("song.lin", "tang.yue", "xu.kai")
CUSTODIAN, AUDITOR, STRANGER = "he.qing", "jiang.shen", "lu.ren"
DUTIES = {
    **dict.fromkeys(MANAGERS, Duty.MANAGE),
    CUSTODIAN: Duty.USE,
    "ma.hao": Duty.USE,
    AUDITOR: Duty.AUDIT,
}


@dataclass(frozen=True)
class TestSession:
    __test__ = False

    name: str
    certificate: bytes
    signer: Signer


@dataclass
class Crew:
    """Everybody, each with a key and a certificate of the office's authority."""

    office: Office
    suspended: set[str] = field(default_factory=set)
    revoked: set[bytes] = field(default_factory=set)
    revoked_makers: dict[bytes, datetime] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    asked: int = 0
    """How often it was asked what somebody was."""

    @cached_property
    def sessions(self) -> dict[str, TestSession]:
        def session(name: str) -> TestSession:
            party: pki.Party = self.office.issuing.issue(name, kind=KeyKind.SM2, not_before=self.office.start)
            return TestSession(name, party.certificate, party.key)

        return {name: session(name) for name in (*DUTIES, STRANGER)}

    def __getitem__(self, name: str) -> TestSession:
        return self.sessions[name]

    def admit_request(self, request: Request, body: bytes, edge_addresses: tuple[str, ...]) -> Session:
        """By a signature only, each as often as it comes."""
        query = request.environ.get("QUERY_STRING", "")
        url = request.base_url + (f"?{query}" if query else "")
        message = Message(request.method, url, dict(request.headers.items()))
        session = self.sessions[claimed_key_id(message, TAG)]
        key = session.signer
        verify_request(message, body, key.algorithm, key.public_key_info, tag=TAG, now=self.office.clock.now())
        return session

    def open_session(self, name: str, key_file: Path, pin: bytes) -> Session:
        assert pin
        assert key_file.exists()
        return self.sessions[name]

    def identify(self, _connection: sa.Connection, signed: SignedStatement[Any]) -> None:
        known = self.sessions.get(signed.statement.operator)
        if known is None or known.certificate != signed.certificate:
            raise RefusedError("other-certificate", "not this person's certificate")

    def admit(self, connection: sa.Connection, signed: SignedStatement[Any]) -> Official:
        self.identify(connection, signed)
        return self._official(signed.statement.operator)

    def admit_reader(self, _connection: sa.Connection, session: Session) -> Official:
        return self._official(session.name)

    def _official(self, name: str) -> Official:
        if name in self.suspended:
            raise RefusedError("suspended", f"{name} is suspended")
        return Official(self._duties(name), self.branches.get(name, ""))

    def require_standing(self, _connection: sa.Connection, certificate: bytes) -> None:
        if certificate in self.revoked:
            raise RefusedError("certificate", "the certificate is revoked")

    def require_maker(self, _connection: sa.Connection, certificate: bytes, moment: datetime) -> bool:
        revoked_at = self.revoked_makers.get(certificate)
        if revoked_at is not None and revoked_at <= moment:
            raise RefusedError("maker", "the seal maker's certificate was revoked")
        return certificate in self.revoked_makers

    def duties_when_signing(
        self, connection: sa.Connection, signed: SignedStatement[Any], branch: str
    ) -> frozenset[Duty]:
        self.asked += 1
        self.identify(connection, signed)
        if self.branches.get(signed.statement.operator, "") != branch:
            raise RefusedError("other-branch", "of another branch")
        return self._duties(signed.statement.operator)

    def _duties(self, name: str) -> frozenset[Duty]:
        return frozenset({DUTIES[name]} if name in DUTIES else ())


class OfficeKeys(KeyStore):
    """The office's key, under the name `unit`."""

    def __init__(self, office: Office) -> None:
        super().__init__(Path("/nonexistent"), lambda: b"")
        self.office = office
        self.removed: list[str] = []

    def signer(self, name: str) -> Signer:
        assert name.startswith("unit")
        return self.office.unit.key

    def remove(self, name: str) -> None:
        self.removed.append(name)


@dataclass
class OfficeSupport:
    office: Office

    def support(self, _algorithm: object) -> SealingSupport:
        return self.office.support


def order_of(office: Office, name: str = "office", **changes: Any) -> SealOrder:
    unit = office.unit
    order = SealOrder(
        name, NAME, SealKind.OFFICIAL, "unit", unit.certificate, unit.chain, picture(), 42, custodians=[CUSTODIAN]
    )
    return replace(order, **changes)


@dataclass
class Bureau:
    """A register, its people, and whatever they need."""

    context: Context
    crew: Crew
    keys: OfficeKeys
    maker: Maker

    @property
    def office(self) -> Office:
        return self.crew.office

    @property
    def support(self) -> OfficeSupport:
        return OfficeSupport(self.office)

    def apply(self, order: SealOrder, who: str = MANAGERS[0]) -> None:
        register.apply(self.context, self.crew, self.crew[who], self.keys, order)

    def change(self, order: SealOrder, who: str = MANAGERS[0]) -> None:
        register.change(self.context, self.crew, self.crew[who], self.keys, order)

    def decide(self, act: Act, who: str, name: str = "office", why: str = "why") -> State:
        return register.decide(self.context, self.crew, self.crew[who], name, act, why)

    def make(self, who: str = MANAGERS[0], name: str = "office") -> bytes:
        return register.make(self.context, self.crew, self.crew[who], self.maker, name, self.support)

    def approve(self, name: str = "office", by: Sequence[str] = MANAGERS[1:]) -> None:
        for who in by:
            self.decide(Act.APPROVE, who, name)

    def put_to_use(self, name: str = "office") -> None:
        """What is applied for: approved, made and activated."""
        self.approve(name)
        self.make(name=name)
        self.decide(Act.ACTIVATE, CUSTODIAN, name)

    def seal(self, name: str = "office", **changes: Any) -> None:
        """A seal in use."""
        self.apply(order_of(self.office, name, **changes))
        self.put_to_use(name)


def bureau_of(context: Context, office: Office, crew: Crew | None = None) -> Bureau:
    party = office.issuing.issue("Seal Maker", kind=KeyKind.SM2, not_before=office.start)
    return Bureau(context, crew or Crew(office), OfficeKeys(office), Maker(party.key, party.certificate))


def read(bureau: Bureau, name: str = "office") -> registered.RegisteredSeal:
    return registered.find(bureau.context, bureau.crew, name)


def rows(bureau: Bureau, table: sa.Table) -> list[Any]:
    with bureau.context.storage.reading() as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.id)).all())


def acts(bureau: Bureau) -> list[str]:
    with bureau.context.storage.reading() as connection:
        return [entry["act"] for entry in read_entries(connection, limit=100)][::-1]


def refused(rule: str, attempt: Callable[..., object]) -> None:
    with pytest.raises(RefusedError) as caught:
        attempt()
    assert caught.value.rule == rule, caught.value
