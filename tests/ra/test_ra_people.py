"""Administrators and operators: who appoints whom, careers that replay, and attempts to get round the rules."""

import functools
import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from ca.authorities import authority_of
from ca.history import steps_of
from ca.records import certificates as ca_certificates
from ca.state import State as CertificateState
from core.algorithms import KeyKind
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.subject import Subject
from ra import operators, personnel, records, requests
from ra.appointments import MOVES, PersonState, appointment_of
from ra.issuance import issue
from ra.moves import State
from ra.operators import OperatorSession, list_operators
from ra.refusals import RefusedError
from ra.register import find_request
from ra.roles import APPOINTS, FOUNDERS, OPERATORS, Role
from ra.statements import Act, Statement, verify_statement
from tests.support.office import ADMINISTRATORS, BUSINESS, ORGANIZATION, PEOPLE, PIN, Office
from tests.support.people import career, operator, refused, said

SUPER, AUDIT = ADMINISTRATORS


def test_the_office_is_what_its_statements_say(office: Office) -> None:
    found = {one.name: one.roles for one in list_operators(office.context)}
    assert found == {
        SUPER: {Role.SUPER},
        AUDIT: {Role.AUDIT},
        BUSINESS: {Role.BUSINESS},
        **PEOPLE,
    }
    administrators = {row.operator: row.administrator for row in office.rows(records.operator_moves)}
    assert administrators == {
        SUPER: SUPER,
        AUDIT: AUDIT,
        BUSINESS: SUPER,
        **dict.fromkeys(PEOPLE, BUSINESS),
    }


def test_every_appointment_is_signed_as_another_implementation_finds(office: Office) -> None:
    for row in office.rows(records.operator_moves):
        signed = verify_statement(row.statement)
        info = asn1_cms.ContentInfo.load(row.statement)["content"]["signer_infos"][0]
        point = curve.point_of(x509.Certificate.load(signed.certificate).public_key.dump())
        assert point is not None
        assert GmsslEngine().verify(point, info["signature"].native, b"\x31" + info["signed_attrs"].dump()[1:])


def test_the_certificates_name_the_two_administrators_and_nobody_else_so() -> None:
    csr = office_csr()
    for role in Role:
        appointment = appointment_of("某人", {role}, csr, authority="a", organization="o")
        unit = appointment.subject.organizational_unit
        assert unit == (f"{role.value}-administrator" if role in FOUNDERS else None)


def office_csr() -> bytes:

    return build_csr(generate(KeyKind.SM2), Subject(common_name="某人").name())


ADMINISTRATOR_OF = {Role.SUPER: SUPER, Role.AUDIT: AUDIT, Role.BUSINESS: BUSINESS, Role.ENTER: "quan.all"}


@pytest.mark.parametrize(("who", "role"), list(itertools.product(ADMINISTRATOR_OF, Role)))
def test_the_table_of_who_appoints_whom_is_kept(office: Office, who: Role, role: Role) -> None:
    before = len(office.rows(ca_certificates))

    def attempt() -> object:
        return office.appoint("xin.lai", frozenset({role}), by=ADMINISTRATOR_OF[who])

    if role in APPOINTS.get(who, ()):
        attempt()
        assert operator(office, "xin.lai").roles == {role}
    else:
        refused("not-their-administrator", attempt)
        assert len(office.rows(ca_certificates)) == before


@pytest.mark.parametrize("decide", [personnel.suspend, personnel.remove])
@pytest.mark.parametrize(("one", "other"), [(SUPER, AUDIT), (AUDIT, SUPER)])
def test_neither_of_the_two_administrators_decides_on_the_other(
    office: Office, decide: Callable[..., object], one: str, other: str
) -> None:
    refused("not-their-administrator", lambda: decide(office.context, office.sessions[one], other))


@pytest.mark.parametrize("decide", [personnel.suspend, personnel.remove])
@pytest.mark.parametrize("who", [SUPER, BUSINESS, "quan.all"])
def test_nobody_decides_on_themselves(office: Office, decide: Callable[..., object], who: str) -> None:
    refused("oneself", lambda: decide(office.context, office.sessions[who], who))


def test_nobody_gives_themselves_a_role(office: Office) -> None:
    session = office.sessions["lu.enter"]
    refused("oneself", lambda: personnel.change_roles(office.context, session, "lu.enter", OPERATORS))
    lu = career(office, "lu.enter").present.appointment
    greedy = lu.model_copy(update={"roles": tuple(sorted(OPERATORS)), "csr": office.csr()})
    message = session.sign(said(office, Act.RENEW, "lu.enter", 2, greedy.digest, "lu.enter")).message
    refused(
        "renewal",
        lambda: personnel.submit_appointment(office.context, office.authority, message, greedy.canonical()),
    )
    assert operator(office, "lu.enter").roles == {Role.ENTER}


@pytest.mark.parametrize(
    "roles", [{Role.BUSINESS, Role.ENTER}, {Role.AUDITOR, Role.QUERY}, {Role.SUPER, Role.AUDIT}, set()]
)
def test_administrators_and_auditors_are_nothing_else(office: Office, roles: set[Role]) -> None:
    for who in (SUPER, AUDIT, BUSINESS):
        with pytest.raises(YinxinError):
            office.appoint(f"x.{who}", frozenset(roles), by=who)


def test_what_was_done_before_a_change_of_roles_stands_and_nothing_is_done_after(office: Office) -> None:
    approved, waiting = office.approved(), office.enter()
    office.clock.advance(timedelta(minutes=1))
    personnel.change_roles(office.context, office.sessions[BUSINESS], "shen.review", {Role.QUERY})
    office.clock.advance(timedelta(minutes=1))
    refused("role", lambda: requests.approve(office.context, office.sessions["shen.review"], waiting))
    assert find_request(office.context, approved).intact
    issue(office.context, office.authority, office.sessions["zhi.make"], [approved])
    assert [standing.roles for standing in career(office, "shen.review").standings] == [{Role.REVIEW}, {Role.QUERY}]


def test_a_role_that_comes_later_does_not_cover_what_was_forged_before(office: Office) -> None:
    """Replay is by the roles of the time: an enterer who becomes a reviewer later had no approval to give."""
    number = office.enter("quan.all")
    forged = office.sessions["lu.enter"].sign(
        Statement(
            act=Act.APPROVE,
            subject=number,
            sequence=2,
            digest=find_request(office.context, number).digest,
            at=office.clock.now(),
            operator="lu.enter",
        )
    )
    office.clock.advance(timedelta(minutes=1))
    personnel.change_roles(office.context, office.sessions[BUSINESS], "lu.enter", {Role.ENTER, Role.REVIEW})
    insert = sa.insert(records.request_moves).values(
        request_id=1, sequence=2, act="approve", operator="lu.enter", at=office.clock.now(), statement=forged.message
    )
    office.execute(insert)
    refused("altered", lambda: issue(office.context, office.authority, office.sessions["zhi.make"], [number]))


def test_a_renewed_certificate_signs_and_the_old_one_still_verifies(office: Office) -> None:
    approved = office.approved()
    office.clock.advance(timedelta(days=700))
    waiting = office.enter()
    key = generate(KeyKind.SM2)

    csr = build_csr(key, Subject(common_name="shen.review").name())
    old = office.sessions["shen.review"]
    renewed = personnel.renew(office.context, office.authority, old, "shen.review", csr)
    new = OperatorSession("shen.review", renewed.certificate, key)
    refused("other-certificate", lambda: requests.approve(office.context, old, waiting))
    assert requests.approve(office.context, new, waiting) is State.APPROVED
    office.clock.advance(timedelta(days=60))
    assert find_request(office.context, waiting).intact
    assert find_request(office.context, approved).intact
    assert len(career(office, "shen.review").standings) == 2


def test_an_administrator_renews_what_has_expired(office: Office) -> None:
    refused(
        "not-their-administrator",
        lambda: personnel.renew(
            office.context, office.authority, office.sessions["he.review"], "lu.enter", office_csr()
        ),
    )
    personnel.renew(office.context, office.authority, office.sessions[BUSINESS], "lu.enter", office.csr())
    assert len(career(office, "lu.enter").standings) == 2


def test_removal_revokes_the_certificate_and_the_name_is_never_given_again(office: Office) -> None:
    approved = office.approved()
    shen = operator(office, "shen.review")
    removed = personnel.remove(office.context, office.sessions[BUSINESS], "shen.review", "调离")
    assert removed.state is PersonState.REMOVED
    with office.storage.reading() as connection:
        steps = steps_of(connection, authority_of(connection, shen.authority).id, shen.serial)
    assert steps[-1].state is CertificateState.REVOKED
    refused("suspended", lambda: office.open("shen.review"))
    for attempt in (
        lambda: personnel.reinstate(office.context, office.sessions[BUSINESS], "shen.review"),
        lambda: office.appoint("shen.review ", frozenset({Role.REVIEW})),
    ):
        with pytest.raises(YinxinError):
            attempt()
    office.key_file("shen.review").unlink()
    with pytest.raises(YinxinError) as error:
        office.appoint("shen.review", frozenset({Role.REVIEW}))
    assert error.value.kind is Kind.CONFLICT
    assert find_request(office.context, approved).intact


def test_another_administrator_is_founded_only_when_the_key_of_the_former_is_given_up(office: Office) -> None:
    def attempt(replace: bool, witness: str | None = None) -> OperatorSession:
        return personnel.found(
            office.context,
            office.authority,
            "li.super",
            Role.SUPER,
            generate(KeyKind.SM2),
            authority="sm2-issuing",
            organization=ORGANIZATION,
            replace=replace,
            witness=office.sessions[witness] if witness else None,
        )

    with pytest.raises(YinxinError) as error:
        attempt(False)
    assert error.value.kind is Kind.CONFLICT
    for nobody in (None, "lu.enter", SUPER):
        refused("witness", functools.partial(attempt, True, nobody))
    office.sessions["li.super"] = attempt(True, BUSINESS)
    refused("certificate", lambda: office.appoint("b.one", frozenset({Role.BUSINESS}), by=SUPER))
    office.appoint("b.two", frozenset({Role.BUSINESS}), by="li.super")
    # Whom the former one appointed stays appointed.
    office.enter()


def test_a_decision_signed_before_something_that_the_person_signed_is_refused(office: Office) -> None:
    lu = career(office, "lu.enter").present.appointment
    session = office.sessions[BUSINESS]
    late = session.sign(said(office, Act.SUSPEND, "lu.enter", 2, lu.digest, BUSINESS)).message
    office.clock.advance(timedelta(minutes=1))
    number = office.enter("lu.enter")
    with pytest.raises(YinxinError) as error:
        personnel.submit_decision(office.context, late)
    assert error.value.kind is Kind.CONFLICT
    assert find_request(office.context, number).intact


def test_a_decision_counts_once(office: Office) -> None:
    lu = career(office, "lu.enter").present.appointment
    message = office.sessions[BUSINESS].sign(said(office, Act.SUSPEND, "lu.enter", 2, lu.digest, BUSINESS)).message
    personnel.submit_decision(office.context, message)
    personnel.reinstate(office.context, office.sessions[BUSINESS], "lu.enter")
    with pytest.raises(YinxinError) as error:
        personnel.submit_decision(office.context, message)
    assert error.value.kind is Kind.CONFLICT


@pytest.mark.parametrize("act", [Act.APPOINT, Act.RENEW, Act.FOUND, Act.APPROVE])
def test_some_acts_take_more_than_a_decision(office: Office, act: Act) -> None:
    lu = career(office, "lu.enter").present.appointment
    message = office.sessions[BUSINESS].sign(said(office, act, "lu.enter", 2, lu.digest, BUSINESS)).message
    with pytest.raises(RefusedError):
        personnel.submit_decision(office.context, message, lu.canonical())


@pytest.mark.parametrize("name", ["lu.enter", "", "-x", "a b", "x" * 65])
def test_a_name_is_unique_and_plain(office: Office, name: str) -> None:
    with pytest.raises(YinxinError):
        personnel.appoint(
            office.context,
            office.authority,
            office.sessions[BUSINESS],
            name,
            {Role.ENTER},
            office.csr(),
            authority="sm2-issuing",
            organization="某局",
        )
    assert len(list_operators(office.context)) == len(PEOPLE) + 3


def test_one_key_is_one_operator(office: Office) -> None:
    csr = office.csr()
    session = office.sessions[BUSINESS]
    given = {"authority": "sm2-issuing", "organization": "某局"}
    personnel.appoint(office.context, office.authority, session, "one", {Role.ENTER}, csr, **given)
    with pytest.raises(YinxinError) as error:
        personnel.appoint(office.context, office.authority, session, "two", {Role.REVIEW}, csr, **given)
    assert error.value.kind is Kind.CONFLICT


def test_every_state_of_a_person_is_reached_and_removal_is_final() -> None:
    assert {move.result for move in MOVES.values()} == set(PersonState)
    assert PersonState.REMOVED not in {state for move in MOVES.values() for state in move.origins}


def test_on_each_storage_an_administrator_appoints_and_decides(each_office: Office) -> None:
    office = each_office
    office.appoint("xin.lai", frozenset({Role.REVIEW}))
    personnel.suspend(office.context, office.sessions[BUSINESS], "xin.lai")
    personnel.reinstate(office.context, office.sessions[BUSINESS], "xin.lai")
    assert operators.open_session(office.context, "xin.lai", office.key_file("xin.lai"), PIN).name == "xin.lai"
