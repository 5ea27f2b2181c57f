"""Whoever entered a request cannot approve it; approvals bind to a digest; every act is signed. Tried in every way."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import rfc8785
import sqlalchemy as sa

import ca.revocation
from ca.activation import activate
from ca.profiles import load_profile
from ca.records import certificates as ca_certificates
from ca.state import Reason
from core.algorithms import KeyKind
from core.audit import entries
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from ra import records, requests
from ra.applications import digest_of, parse_application
from ra.dossiers import next_statement
from ra.issuance import issue
from ra.moves import State
from ra.operators import find_operator, open_session
from ra.personnel import reinstate, suspend
from ra.refusals import RefusedError
from ra.register import find_request
from ra.roles import OPERATORS
from ra.statements import Act, sign_statement
from tests.support.office import BUSINESS, PIN, PROFILES, STAFF, UNIT, Office


def refused(rule: str, attempt: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as refusal:
        attempt()
    assert refusal.value.rule == rule
    assert refusal.value.kind is Kind.FORBIDDEN


def refusals_in_audit(office: Office) -> list[tuple[str, str, str]]:
    found = [(row.act, row.actor, json.loads(row.entry)["details"]) for row in office.rows(entries)]
    return [(act, actor, details["rule"]) for act, actor, details in found if act.endswith(".refused")]


def issue_it(office: Office, number: str) -> None:
    before = len(office.rows(ca_certificates))
    try:
        issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    except YinxinError:
        assert len(office.rows(ca_certificates)) == before, "refused, and yet the CA was asked"
        raise


def need_two_approvals(office: Office, needed: int = 2) -> None:
    stricter = load_profile(PROFILES / "unit.toml").model_copy(update={"approvals": needed, "encryption": ""})
    activate(office.context, [stricter], actor="ceremony")


def test_nobody_approves_what_they_entered_even_with_every_role(office: Office) -> None:
    number = office.enter("quan.all")
    refused("self-approval", lambda: requests.approve(office.context, office.sessions["quan.all"], number))
    assert find_request(office.context, number).entry.state is State.ENTERED
    assert refusals_in_audit(office) == [("ra.request.approve.refused", "quan.all", "self-approval")]


@pytest.mark.parametrize("who", ["lu.enter", "zhi.make"])
def test_only_reviewers_approve(office: Office, who: str) -> None:
    number = office.enter("quan.all")
    refused("role", lambda: requests.approve(office.context, office.sessions[who], number))
    assert refusals_in_audit(office) == [("ra.request.approve.refused", who, "role")]


def test_only_enterers_enter_and_only_makers_issue(office: Office) -> None:
    refused("role", lambda: office.enter("shen.review"))
    number = office.approved()
    refused("role", lambda: issue(office.context, office.authority, office.sessions["shen.review"], [number]))
    issue_it(office, number)


def test_a_request_altered_after_its_approval_is_not_issued(office: Office) -> None:
    number = office.approved()
    content = json.loads(office.rows(records.requests)[0].content)
    content["subject"]["common_name"] = "李鬼"
    office.execute(sa.update(records.requests).values(content=rfc8785.dumps(content)))
    refused("altered", lambda: issue_it(office, number))
    assert not find_request(office.context, number).intact
    assert ("ra.request.issue.refused", "zhi.make", "altered") in refusals_in_audit(office)


def test_an_approved_request_cannot_lend_its_content_to_another(office: Office) -> None:
    approved, other = office.approved(), office.enter()
    content = office.rows(records.requests)[1].content
    office.execute(sa.update(records.requests).where(records.requests.c.number == approved).values(content=content))
    refused("altered", lambda: issue_it(office, approved))
    refused("altered", lambda: requests.approve(office.context, office.sessions["he.review"], approved))
    assert find_request(office.context, other).intact


def test_a_state_column_that_was_set_approves_nothing(office: Office) -> None:
    number = office.enter()
    office.execute(sa.update(records.requests).values(state=State.APPROVED.value))
    with pytest.raises(YinxinError) as error:
        issue_it(office, number)
    assert error.value.kind is Kind.CONFLICT
    assert not find_request(office.context, number).intact


def test_one_altered_octet_in_a_stored_statement_is_seen(office: Office) -> None:
    number = office.approved()
    row = office.rows(records.request_moves)[1]
    message = bytes(row.statement)
    for place in (len(message) - 1, message.index(b"approve"), len(message) // 2):
        changed = message[:place] + bytes([message[place] ^ 1]) + message[place + 1 :]
        statement = sa.update(records.request_moves).where(records.request_moves.c.id == row.id)
        office.execute(statement.values(statement=changed))
        refused("altered", lambda: issue_it(office, number))


def test_an_approval_of_another_request_does_not_count_here(office: Office) -> None:
    office.approved()
    number = office.enter()
    target = office.rows(records.requests)[1].id
    approval = office.rows(records.request_moves)[1]
    insert_move(office, target, approval.operator, bytes(approval.statement))
    refused("altered", lambda: issue_it(office, number))


@pytest.mark.parametrize("who", ["lu.enter", "zhi.make"])
def test_an_operator_who_writes_to_the_database_still_lacks_the_role(office: Office, who: str) -> None:
    number = office.enter("lu.enter")
    statement = next_statement(office.context, office.sessions[who], number, Act.APPROVE)
    insert_move(office, 1, who, office.sessions[who].sign(statement).message)
    refused("altered", lambda: issue_it(office, number))


def test_the_enterer_cannot_slip_an_approval_into_the_database(office: Office) -> None:
    number = office.enter("quan.all")
    statement = next_statement(office.context, office.sessions["quan.all"], number, Act.APPROVE)
    insert_move(office, 1, "quan.all", office.sessions["quan.all"].sign(statement).message)
    # The column may name somebody else; the statement does not.
    office.execute(sa.update(records.request_moves).where(records.request_moves.c.id == 1).values(operator="he.review"))
    refused("altered", lambda: issue_it(office, number))


def test_a_rejection_cannot_be_taken_out_of_the_middle(office: Office) -> None:
    need_two_approvals(office)
    number = office.enter(profile="unit", subject=UNIT)
    for who in ("shen.review", "he.review"):
        requests.approve(office.context, office.sessions[who], number)
    office.execute(sa.delete(records.request_moves).where(records.request_moves.c.sequence == 2))
    refused("altered", lambda: issue_it(office, number))


def insert_move(office: Office, request_id: int, operator: str, message: bytes) -> None:
    office.execute(
        sa.insert(records.request_moves).values(
            request_id=request_id,
            sequence=2,
            act="approve",
            operator=operator,
            at=office.clock.now(),
            statement=message,
        )
    )


def test_a_suspended_operator_can_do_nothing_and_what_was_done_before_stands(office: Office) -> None:
    approved, waiting = office.approved(), office.enter()
    suspend(office.context, office.sessions[BUSINESS], "shen.review")
    refused("suspended", lambda: requests.approve(office.context, office.sessions["shen.review"], waiting))
    refused("suspended", lambda: office.open("shen.review"))
    issue_it(office, approved)
    reinstate(office.context, office.sessions[BUSINESS], "shen.review")
    assert requests.approve(office.context, office.open("shen.review"), waiting) is State.APPROVED


def test_an_operator_whose_certificate_is_revoked_can_do_nothing(office: Office) -> None:
    number = office.enter()
    with office.storage.reading() as connection:
        operator = find_operator(connection, "shen.review")
    ca.revocation.revoke(office.context, operator.authority, operator.serial, Reason.KEY_COMPROMISE, actor="ceremony")
    refused("certificate", lambda: requests.approve(office.context, office.sessions["shen.review"], number))
    refused("certificate", lambda: office.open("shen.review"))


def test_an_operator_whose_certificate_has_expired_can_do_nothing(office: Office) -> None:
    number = office.enter()
    office.clock.advance(timedelta(days=800))
    refused("certificate", lambda: requests.approve(office.context, office.sessions["shen.review"], number))


def test_another_key_file_or_a_wrong_pin_opens_no_session(office: Office) -> None:
    key_file = office.key_file("shen.review")
    refused("pin", lambda: open_session(office.context, "shen.review", key_file, b"000000"))
    refused("other-key", lambda: open_session(office.context, "shen.review", office.key_file("lu.enter"), PIN))
    assert refusals_in_audit(office) == [
        ("ra.session.open.refused", "unverified", "pin"),
        ("ra.session.open.refused", "unverified", "other-key"),
    ]


def test_nobody_signs_in_the_name_of_another(office: Office) -> None:
    number = office.enter("lu.enter")
    statement = next_statement(office.context, office.sessions["shen.review"], number, Act.APPROVE)
    own = office.sessions["lu.enter"]
    refused("other-certificate", lambda: requests.submit(office.context, own.sign(statement).message))
    foreign = sign_statement(statement, generate(KeyKind.SM2), office.sessions["shen.review"].certificate)
    refused("signature", lambda: requests.submit(office.context, foreign.message))
    unknown = own.sign(statement.model_copy(update={"operator": "nobody"}))
    refused("unknown-operator", lambda: requests.submit(office.context, unknown.message))
    # Nobody is blamed for what they did not sign.
    assert {actor for _act, actor, _rule in refusals_in_audit(office)} == {"unverified"}


def test_a_statement_altered_on_its_way_is_refused(office: Office) -> None:
    number = office.enter()
    session = office.sessions["shen.review"]
    message = session.sign(next_statement(office.context, session, number, Act.REJECT, decision="缺材料")).message
    refused("signature", lambda: requests.submit(office.context, message.replace(b"reject", b"delive")))
    refused("signature", lambda: requests.submit(office.context, b"nonsense"))
    assert requests.submit(office.context, message) is State.REJECTED


def test_an_approval_of_what_the_request_no_longer_is_does_not_count(office: Office) -> None:
    number, other = office.enter(), office.enter()
    seen = find_request(office.context, other).digest
    session = office.sessions["shen.review"]
    refused("other-content", lambda: requests.approve(office.context, session, number, digest=seen))
    assert find_request(office.context, number).entry.state is State.ENTERED


def test_a_statement_is_not_kept_for_later(office: Office) -> None:
    office.clock.advance(timedelta(days=1))
    number = office.enter()
    session = office.sessions["shen.review"]
    message = session.sign(next_statement(office.context, session, number, Act.APPROVE)).message
    office.clock.advance(timedelta(minutes=11))
    refused("stale", lambda: requests.submit(office.context, message))
    office.clock.advance(timedelta(minutes=-22))
    refused("stale", lambda: requests.submit(office.context, message))


def test_a_statement_counts_once(office: Office) -> None:
    need_two_approvals(office)
    number = office.enter(profile="unit", subject=UNIT)
    session = office.sessions["shen.review"]
    message = session.sign(next_statement(office.context, session, number, Act.APPROVE)).message
    assert requests.submit(office.context, message) is State.ENTERED
    with pytest.raises(YinxinError) as error:
        requests.submit(office.context, message)
    assert error.value.kind is Kind.CONFLICT
    refused("approved-twice", lambda: requests.approve(office.context, session, number))
    with pytest.raises(YinxinError):
        issue_it(office, number)
    assert requests.approve(office.context, office.sessions["he.review"], number) is State.APPROVED
    issue_it(office, number)
    (row,) = [row for row in office.rows(ca_certificates) if row.approval_reference == number]
    assert row.approvers == ["shen.review", "he.review"]
    assert bytes(row.approval_digest).hex() == find_request(office.context, number).digest


def test_a_request_cannot_ask_for_fewer_approvals_than_its_profile(office: Office) -> None:
    need_two_approvals(office)
    number = office.enter(profile="unit", subject=UNIT)
    application = parse_application(office.rows(records.requests)[0].content)
    lenient = application.model_copy(update={"approvals": 1, "number": number + "X"})
    session = office.sessions["lu.enter"]
    statement = next_statement(office.context, session, number, Act.ENTER).model_copy(
        update={"subject": lenient.number, "sequence": 1, "digest": digest_of(lenient.canonical())}
    )
    message = session.sign(statement).message
    refused("too-few-approvals", lambda: requests.submit_entry(office.context, message, lenient.canonical()))


def test_a_profile_made_stricter_binds_requests_that_wait(office: Office) -> None:
    number = office.approved(profile="unit", subject=UNIT)
    need_two_approvals(office, needed=3)
    refused("too-few-approvals", lambda: issue_it(office, number))


def test_entering_takes_a_statement_about_this_very_content(office: Office) -> None:
    office.enter()
    row = office.rows(records.requests)[0]
    application = parse_application(row.content)
    session = office.sessions["lu.enter"]
    other = application.model_copy(update={"number": "20261101-00000000", "subject": STAFF})
    statement = next_statement(office.context, session, application.number, Act.ENTER)
    message = session.sign(
        statement.model_copy(update={"subject": other.number, "sequence": 1, "digest": "00" * 32})
    ).message
    refused("other-content", lambda: requests.submit_entry(office.context, message, other.canonical()))
    assert len(office.rows(records.requests)) == 1


@pytest.mark.parametrize("act", [Act.ENTER, Act.ISSUE, Act.REVOKE])
def test_some_acts_take_more_than_a_statement(office: Office, act: Act) -> None:
    number = office.approved()
    session = office.appoint("ling.all", OPERATORS)
    message = session.sign(next_statement(office.context, session, number, act)).message
    with pytest.raises(RefusedError):
        requests.submit(office.context, message)
