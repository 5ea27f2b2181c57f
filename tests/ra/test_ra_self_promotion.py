"""Nobody gives themselves a role: every person, every act, every role, every way in; and the founders are equal."""

import itertools

import pytest

from core.csr import build_csr
from core.errors import YinxinError
from core.keys.signer import Signer
from core.subject import Subject
from ra import personnel
from ra.appointments import Appointment, PersonState, appointment_of
from ra.operators import OperatorSession, list_operators
from ra.roles import APPOINTS, FOUNDERS, Role
from ra.statements import Act, sign_statement
from tests.support.office import ADMINISTRATORS, BUSINESS, ORGANIZATION, PEOPLE, Office
from tests.support.people import career, operator, said

SUPER, AUDIT = ADMINISTRATORS
DECISIONS = (Act.CHANGE, Act.SUSPEND, Act.REINSTATE, Act.REMOVE)
WITH_A_KEY = (Act.APPOINT, Act.RENEW, Act.FOUND)


def everybody(office: Office) -> dict[str, tuple[frozenset[Role], PersonState]]:
    return {one.name: (one.roles, one.state) for one in list_operators(office.context)}


def test_no_statement_about_oneself_gives_a_role(office: Office) -> None:
    before = everybody(office)
    attempts = 0
    for name, act, role in itertools.product((SUPER, BUSINESS, "lu.enter"), (Act.CHANGE, *WITH_A_KEY), Role):
        session, present = office.sessions[name], career(office, name).present.appointment
        if role in present.roles:
            continue
        alone = not PEOPLE.get(name, frozenset()) or attempts % 2
        wanted = present.model_copy(update={"roles": (role,) if alone else tuple(sorted({role, *present.roles}))})
        statement = said(office, act, name, len(career(office, name).standings) + 1, wanted.digest, name)
        message = session.sign(statement).message
        with pytest.raises(YinxinError):
            if act is Act.CHANGE:
                personnel.submit_decision(office.context, message, wanted.canonical())
            else:
                personnel.submit_appointment(office.context, office.authority, message, wanted.canonical())
        attempts += 1
    assert everybody(office) == before
    assert attempts == 3 * 4 * (len(Role) - 1)


def test_nobody_becomes_somebody_else_with_the_key_they_have(office: Office) -> None:
    """A second name for the same key would be a second pair of eyes that is the first."""
    for administrator, role in ((SUPER, Role.BUSINESS), (AUDIT, Role.AUDITOR), (BUSINESS, Role.REVIEW)):
        session = office.sessions[administrator]
        csr = build_csr(session.signer, Subject(common_name="second").name())
        with pytest.raises(YinxinError):
            personnel.appoint(
                office.context,
                office.authority,
                session,
                "second",
                {role},
                csr,
                authority="sm2-issuing",
                organization=ORGANIZATION,
            )
    assert "second" not in everybody(office)


def test_nobody_signs_as_their_own_administrator(office: Office) -> None:
    """With one's own key and the administrator's certificate, or the administrator's name and one's own certificate."""
    lu, administrator = office.sessions["lu.enter"], office.sessions[BUSINESS]
    present = career(office, "lu.enter").present.appointment
    wanted = present.model_copy(update={"roles": (Role.ENTER, Role.REVIEW)})
    statement = said(office, Act.CHANGE, "lu.enter", 2, wanted.digest, BUSINESS)
    signers: tuple[tuple[Signer, bytes], ...] = (
        (lu.signer, administrator.certificate),
        (lu.signer, lu.certificate),
    )
    for signer, certificate in signers:
        message = sign_statement(statement, signer, certificate).message
        with pytest.raises(YinxinError):
            personnel.submit_decision(office.context, message, wanted.canonical())
    assert operator(office, "lu.enter").roles == {Role.ENTER}


def test_two_administrators_of_equal_rank(office: Office) -> None:
    """Neither has a right over the other, and nobody has one over both; what they appoint has nothing in common."""
    assert {Role.SUPER, Role.AUDIT} == FOUNDERS
    assert not any(below & FOUNDERS for below in APPOINTS.values())
    assert not APPOINTS[Role.SUPER] & APPOINTS[Role.AUDIT]
    before = everybody(office)
    for name, other in ((SUPER, AUDIT), (AUDIT, SUPER), *((name, SUPER) for name in ("quan.all", BUSINESS))):
        session, present = office.sessions[name], career(office, other).present.appointment
        decisions: list[tuple[Act, Appointment]] = [(act, present) for act in DECISIONS if act is not Act.CHANGE]
        decisions += [(Act.CHANGE, present.model_copy(update={"roles": (role,)})) for role in Role]
        for act, wanted in decisions:
            message = session.sign(said(office, act, other, 2, wanted.digest, name)).message
            with pytest.raises(YinxinError):
                personnel.submit_decision(office.context, message, wanted.canonical())
        renewed = renewal_of(office, other)
        message = session.sign(said(office, Act.RENEW, other, 2, renewed.digest, name)).message
        with pytest.raises(YinxinError):
            personnel.submit_appointment(office.context, office.authority, message, renewed.canonical())
    assert everybody(office) == before


def renewal_of(office: Office, name: str) -> Appointment:
    present = career(office, name).present.appointment
    return present.model_copy(update={"csr": office.csr()})


def test_no_line_of_appointments_leads_back_to_whoever_began_it(office: Office) -> None:
    """Through any number of people in between: roles that somebody may give never give the giver's own role."""
    for role in APPOINTS:
        reached, waiting = set[Role](), set(APPOINTS[role])
        while waiting:
            one = waiting.pop()
            reached.add(one)
            waiting |= set(APPOINTS.get(one, ())) - reached
        assert role not in reached


def test_the_founding_needs_the_ceremony(office: Office) -> None:
    """A statement by which somebody founds themselves is worth nothing without the CA's own certificate."""
    for name, role in itertools.product((BUSINESS, "lu.enter"), FOUNDERS):
        session = office.sessions[name]
        csr = build_csr(session.signer, Subject(common_name="new.founder").name())
        wanted = appointment_of("new.founder", {role}, csr, authority="sm2-issuing", organization=ORGANIZATION)
        own = OperatorSession("new.founder", session.certificate, session.signer)
        for signing in (session, own):
            statement = said(office, Act.FOUND, "new.founder", 1, wanted.digest, signing.name)
            message = signing.sign(statement).message
            with pytest.raises(YinxinError):
                personnel.submit_appointment(office.context, office.authority, message, wanted.canonical())
            with pytest.raises(YinxinError):
                personnel.submit_decision(office.context, message, wanted.canonical())
    assert "new.founder" not in everybody(office)
