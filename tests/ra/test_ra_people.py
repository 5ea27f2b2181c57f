"""Administrators and operators: who appoints whom, careers that replay, and attempts to get round the rules."""

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
from ra.appointments import MOVES, Career, PersonState, appointment_of
from ra.issuance import issue
from ra.moves import State
from ra.operators import OperatorSession, Roster, find_operator, list_operators
from ra.refusals import RefusedError
from ra.register import find_request
from ra.roles import APPOINTS, FOUNDERS, OPERATORS, Role
from ra.statements import Act, Statement, sign_statement, verify_statement
from tests.support.office import ADMINISTRATORS, BUSINESS, ORGANIZATION, PEOPLE, PIN, Office

SUPER, AUDIT = ADMINISTRATORS


def refused(rule: str, attempt: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as refusal:
        attempt()
    assert refusal.value.rule == rule


def operator(office: Office, name: str) -> operators.Operator:
    with office.storage.reading() as connection:
        return find_operator(connection, name)


def career(office: Office, name: str) -> Career:
    with office.storage.reading() as connection:
        return Roster(connection).career(name)


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


def said(office: Office, act: Act, about: str, sequence: int, digest: str, by: str) -> Statement:
    subject, at = f"operator:{about}", office.clock.now()
    return Statement(act=act, subject=subject, sequence=sequence, digest=digest, at=at, operator=by)


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
    def attempt(replace: bool) -> OperatorSession:
        return personnel.found(
            office.context,
            office.authority,
            "li.super",
            Role.SUPER,
            generate(KeyKind.SM2),
            authority="sm2-issuing",
            organization=ORGANIZATION,
            replace=replace,
        )

    with pytest.raises(YinxinError) as error:
        attempt(False)
    assert error.value.kind is Kind.CONFLICT
    office.sessions["li.super"] = attempt(True)
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


# What somebody can try who writes to the database.


def forge(office: Office, name: str, by: OperatorSession, act: Act, roles: set[Role], of: OperatorSession) -> None:
    """Record an appointment of `name` with the key and certificate that `of` has."""
    row = next(row for row in office.rows(records.operator_moves) if row.certificate == of.certificate)
    original = career(office, of.name).present.appointment
    appointment = original.model_copy(update={"operator": name, "roles": tuple(sorted(roles))})
    statement = said(office, act, name, 1, appointment.digest, by.name)
    office.execute(sa.insert(records.operators).values(name=name, roles="enter", branch="", state="active"))
    office.execute(
        sa.insert(records.operator_moves).values(
            operator=name,
            sequence=1,
            act=act.value,
            administrator=by.name,
            at=office.clock.now(),
            content=appointment.canonical(),
            authority=row.authority,
            serial=row.serial,
            certificate=row.certificate,
            statement=by.sign(statement).message,
        )
    )


def test_nobody_slips_an_appointment_into_the_database(office: Office) -> None:
    lu = office.sessions["lu.enter"]
    forge(office, "ghost", lu, Act.APPOINT, {Role.REVIEW}, lu)
    refused("altered", lambda: operator(office, "ghost"))
    forge(office, "lu.enter2", office.sessions[BUSINESS], Act.APPOINT, {Role.REVIEW}, lu)
    refused("altered", lambda: operator(office, "lu.enter2"))


def test_nobody_founds_themselves_in_the_database(office: Office) -> None:
    lu = office.sessions["lu.enter"]
    own = OperatorSession("ghost", lu.certificate, lu.signer)
    forge(office, "ghost", own, Act.FOUND, {Role.SUPER}, lu)
    refused("altered", lambda: operator(office, "ghost"))


@pytest.mark.parametrize("column", ["statement", "content", "certificate"])
def test_one_altered_octet_is_seen(office: Office, column: str) -> None:
    row = next(row for row in office.rows(records.operator_moves) if row.operator == "lu.enter")
    value = bytes(getattr(row, column))
    for place in (len(value) - 1, len(value) // 2):
        changed = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        table = records.operator_moves
        office.execute(sa.update(table).where(table.c.id == row.id).values({column: changed}))
        refused("altered", lambda: operator(office, "lu.enter"))


def test_a_suspension_cannot_be_taken_out_of_the_middle(office: Office) -> None:
    for decide in (personnel.suspend, personnel.reinstate, personnel.suspend):
        office.clock.advance(timedelta(minutes=1))
        decide(office.context, office.sessions[BUSINESS], "lu.enter")
    table = records.operator_moves
    office.execute(sa.delete(table).where(table.c.operator == "lu.enter", table.c.sequence == 2))
    refused("altered", lambda: operator(office, "lu.enter"))


def test_columns_give_no_role(office: Office) -> None:
    office.execute(sa.update(records.operators).values(roles="review make", state="active"))
    assert operator(office, "lu.enter").roles == {Role.ENTER}
    number = office.enter()
    refused("role", lambda: requests.approve(office.context, office.sessions["lu.enter"], number))


def test_a_signature_by_another_key_appoints_nobody(office: Office) -> None:
    appointment = appointment_of("ghost", {Role.REVIEW}, office.csr(), authority="sm2-issuing", organization="某局")
    statement = said(office, Act.APPOINT, "ghost", 1, appointment.digest, BUSINESS)
    forged = sign_statement(statement, generate(KeyKind.SM2), office.sessions[BUSINESS].certificate)
    refused(
        "signature",
        lambda: personnel.submit_appointment(office.context, office.authority, forged.message, appointment.canonical()),
    )


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
