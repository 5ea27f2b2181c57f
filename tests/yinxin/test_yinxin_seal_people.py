"""People with seals as the registration authority knows them: appointed, suspended, removed; and what they stated."""

from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import x509

from ca import revocation
from ca.state import Reason
from core.algorithms import KeyKind
from core.asn1.ses import parse_seal
from core.clock import FixedClock
from core.context import Context
from core.errors import YinxinError
from core.home import Home
from core.keys import passphrase
from core.refusals import RefusedError
from ra import personnel
from ra.operators import OperatorSession, open_session
from ra.roles import Role
from seals.register import register, registered
from seals.register.bounds import Use
from seals.register.life import State
from seals.register.statements import Act
from seals.register.uses import Sealed, record, usable
from tests.support.tsa import make_hierarchy
from yinxin.demo import cast
from yinxin.seal_people import SealPeople

FIRST, SECOND, _THIRD = cast.SEAL_ADMINISTRATORS
SEAL = "sm2-office"


class House:
    """The sample installation."""

    def __init__(self, path: Path) -> None:
        self.home = Home(path)
        self.context = self.home.context
        self.people = SealPeople(self.context)

    def session(self, name: str) -> OperatorSession:
        folder = self.home.path / "people"
        return open_session(
            self.context, name, folder / "operators" / f"{name}.pem", passphrase.from_file(folder / "pin")
        )

    def decide(self, who: OperatorSession, act: Act) -> State:
        return register.decide(self.context, self.people, who, SEAL, act, "why")

    def state(self) -> State:
        return registered.find(self.context, SealPeople(self.context), SEAL).state


@pytest.fixture
def house(home_copy: Path) -> House:
    return House(home_copy)


def test_the_sample_seals_are_what_people_stated(house: House) -> None:
    seal = registered.find(house.context, house.people, SEAL)
    assert (seal.state, seal.owner, seal.custodians) == (State.ACTIVE, cast.OFFICE, frozenset({cast.SEAL_CUSTODIAN}))
    assert seal.drawing is not None


def test_operators_of_the_registration_authority_have_no_say(house: House) -> None:
    for name in (cast.ENTERER, cast.REVIEWER, cast.ADMINISTRATOR):
        with pytest.raises(RefusedError, match="not for"):
            house.decide(house.session(name), Act.FREEZE)
    assert house.state() is State.ACTIVE


def test_who_is_suspended_or_removed_states_nothing_more_and_what_was_stated_stays(house: House) -> None:
    custodian, administrator = house.session(cast.SEAL_CUSTODIAN), house.session(cast.ADMINISTRATOR)
    assert house.decide(custodian, Act.FREEZE) is State.FROZEN
    personnel.suspend(house.context, administrator, cast.SEAL_CUSTODIAN)
    with pytest.raises(RefusedError, match="suspended"):
        house.decide(custodian, Act.FREEZE)
    manager = house.session(FIRST)
    assert house.decide(manager, Act.RESUME) is State.ACTIVE
    personnel.remove(house.context, administrator, FIRST)
    with pytest.raises(YinxinError):
        house.decide(manager, Act.FREEZE)
    assert house.state() is State.ACTIVE


def test_somebody_elses_statement_is_no_statement(house: House) -> None:
    first, second = house.session(FIRST), house.session(SECOND)
    pretender = OperatorSession(FIRST, second.certificate, second.signer)
    with pytest.raises(RefusedError):
        house.decide(pretender, Act.FREEZE)
    assert house.decide(first, Act.FREEZE) is State.FROZEN


def test_a_decision_on_a_person_does_not_precede_what_they_stated_about_a_seal(house: House) -> None:
    custodian, administrator = house.session(cast.SEAL_CUSTODIAN), house.session(cast.ADMINISTRATOR)
    # By a clock that is fast.
    later = Context(house.context.storage, FixedClock(house.context.clock.now() + timedelta(minutes=1)))
    register.decide(later, SealPeople(later), custodian, SEAL, Act.FREEZE)
    with pytest.raises(YinxinError, match="signed something later"):
        personnel.suspend(house.context, administrator, cast.SEAL_CUSTODIAN)
    assert house.state() is State.FROZEN


@pytest.mark.parametrize("other", [Role.SEAL_ADMINISTRATOR, Role.ENTER, Role.AUDITOR])
def test_nobody_has_two_duties(house: House, other: Role) -> None:
    administrator = house.session(cast.ADMINISTRATOR)
    with pytest.raises(YinxinError, match="no other role"):
        personnel.change_roles(house.context, administrator, cast.SEAL_CUSTODIAN, {Role.SEAL_CUSTODIAN, other})


def test_whoever_changes_duties_does_no_more_of_the_former(house: House) -> None:
    administrator, manager = house.session(cast.ADMINISTRATOR), house.session(FIRST)
    personnel.change_roles(house.context, administrator, FIRST, {Role.SEAL_CUSTODIAN})
    with pytest.raises(RefusedError, match="not for"):
        house.decide(manager, Act.HAND_IN)
    assert house.state() is State.ACTIVE


def test_what_somebody_was_is_looked_up_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    registered.find(house.context, house.people, SEAL)
    monkeypatch.setattr("yinxin.seal_people.Roster", None)
    assert registered.find(house.context, house.people, SEAL).state is State.ACTIVE


def test_a_maker_counts_by_what_it_was_when_it_made_the_seal(house: House) -> None:
    seal = registered.find(house.context, house.people, SEAL)
    maker = parse_seal(seal.structure).maker_certificate
    serial = x509.Certificate.load(maker).serial_number
    moment = house.context.clock.now()
    revocation.revoke(house.context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="test")
    with house.context.storage.reading() as connection:
        for before in (seal.made_at, moment):
            assert house.people.require_maker(connection, maker, before)
        with pytest.raises(RefusedError, match="was revoked when the seal was made"):
            house.people.require_maker(connection, maker, house.context.clock.now())
        # Another authority's: these books say nothing of it.
        assert not house.people.require_maker(connection, make_hierarchy(KeyKind.SM2).tsa.certificate, moment)
    assert usable(house.context, house.people, SEAL, Use("oa"), "0" * 64)


def test_a_held_or_revoked_certificate_seals_nothing_whatever_the_level(house: House) -> None:
    seal = registered.find(house.context, house.people, SEAL)
    certificate = x509.Certificate.load(seal.certificate)
    ours = "sm2-issuing", certificate.serial_number
    the_use, digest = Use("oa"), "0" * 64
    sealed = Sealed(digest, "1" * 64, "B-B", 1, "100, 100 mm")

    def may_be_used() -> bool:
        try:
            usable(house.context, house.people, SEAL, the_use, digest)
        except RefusedError as error:
            assert error.rule == "certificate"
            return False
        return True

    assert may_be_used()
    revocation.hold(house.context, *ours, actor="test")
    assert not may_be_used()
    # Held between the question and the entry: what was signed meanwhile is not handed out.
    with pytest.raises(RefusedError, match="the certificate of the seal is held"):
        record(house.context, house.people, SEAL, the_use, sealed, digest=seal.digest)
    revocation.resume(house.context, *ours, actor="test")
    assert may_be_used()
    revocation.revoke(house.context, *ours, Reason.SUPERSEDED, actor="test")
    assert not may_be_used()
    # Another authority's: these books say nothing of it.
    with house.context.storage.reading() as connection:
        house.people.require_standing(connection, make_hierarchy(KeyKind.SM2).tsa.certificate)
