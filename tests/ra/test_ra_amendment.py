"""Amendments cancel approvals and keep every version; what nobody decides in time expires."""

import json
from datetime import timedelta

import pytest
import rfc8785
import sqlalchemy as sa

from core.errors import Kind, YinxinError
from core.subject import Subject
from ra import records, requests
from ra.applications import digest_of, parse_application
from ra.dossiers import next_statement
from ra.filters import RequestFilter
from ra.issuance import issue
from ra.moves import State
from ra.refusals import RefusedError
from ra.register import find_request, list_requests
from ra.requests import DECIDE_WITHIN
from ra.roles import OPERATORS
from ra.statements import Act
from tests.support.office import Office

LI = Subject(organization="宝鸡市人民政府办公室", common_name="李四")


def amend(office: Office, number: str, who: str = "lu.enter") -> State:
    return requests.amend(office.context, office.sessions[who], number, subject=LI)


def conflict(attempt: object) -> None:
    with pytest.raises(YinxinError) as error:
        attempt()  # type: ignore[operator]
    assert error.value.kind is Kind.CONFLICT


def test_an_amendment_cancels_approvals_and_keeps_every_version(each_office: Office) -> None:
    office = each_office
    number = office.approved()
    before = find_request(office.context, number)
    assert amend(office, number) is State.ENTERED
    conflict(lambda: issue(office.context, office.authority, office.sessions["zhi.make"], [number]))
    after = find_request(office.context, number)
    assert (after.intact, after.earlier) == (True, [before.content])
    assert after.application is not None and before.application is not None
    assert (after.application.revision, after.application.subject) == (2, LI)
    assert after.application.csr == before.application.csr
    requests.approve(office.context, office.sessions["shen.review"], number)
    (one,) = issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    assert "李四".encode() in one.certificate
    digests = [signed.statement.digest for signed in find_request(office.context, number).statements]
    assert digests == [before.digest] * 2 + [after.digest] * 3


def test_whoever_amended_cannot_approve_nor_who_entered(office: Office) -> None:
    office.appoint("yu.all", OPERATORS)
    number = office.enter("quan.all")
    amend(office, number, "yu.all")
    for who in ("quan.all", "yu.all"):
        with pytest.raises(RefusedError) as refusal:
            requests.approve(office.context, office.sessions[who], number)
        assert refusal.value.rule == "self-approval"


def test_an_approval_of_the_earlier_version_does_not_count(office: Office) -> None:
    number = office.enter()
    seen = find_request(office.context, number).digest
    amend(office, number)
    with pytest.raises(RefusedError) as refusal:
        requests.approve(office.context, office.sessions["shen.review"], number, digest=seen)
    assert refusal.value.rule == "other-content"


def test_a_rejected_request_goes_back_to_entry(office: Office) -> None:
    number = office.enter()
    requests.reject(office.context, office.sessions["shen.review"], number, "姓名有误")
    assert amend(office, number) is State.ENTERED
    assert requests.approve(office.context, office.sessions["shen.review"], number) is State.APPROVED


def test_what_is_issued_or_withdrawn_is_not_amended(office: Office) -> None:
    number, withdrawn = office.approved(), office.enter()
    issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    requests.withdraw(office.context, office.sessions["lu.enter"], withdrawn)
    for one in (number, withdrawn):
        conflict(lambda one=one: amend(office, one))
        assert find_request(office.context, one).earlier == []


def test_an_amendment_is_about_this_request_and_its_kind_of_certificate(office: Office) -> None:
    number = office.enter()
    application = parse_application(office.rows(records.requests)[0].content)
    session = office.sessions["lu.enter"]
    for changes, expected in (
        ({"number": "20261101-AAAAAAAA", "revision": 2}, "other-content"),
        ({"profile": "unit", "revision": 2}, "other-profile"),
        ({"authority": "other", "revision": 2}, "other-profile"),
        ({"approvals": 1, "revision": 3}, None),
    ):
        content = application.model_copy(update=changes).canonical()
        statement = next_statement(office.context, session, number, Act.AMEND, digest=digest_of(content))
        with pytest.raises(YinxinError) as error:
            requests.submit_amendment(office.context, session.sign(statement).message, content)
        assert getattr(error.value, "rule", None) == expected


@pytest.mark.parametrize("table", [records.request_versions, records.requests])
def test_no_version_can_be_altered_or_lost(office: Office, table: sa.Table) -> None:
    number = office.enter()
    amend(office, number)
    requests.approve(office.context, office.sessions["shen.review"], number)
    content = json.loads(office.rows(records.requests)[0].content)
    content["subject"]["common_name"] = "李鬼"
    office.execute(sa.update(table).values(content=rfc8785.dumps(content)))
    assert not find_request(office.context, number).intact


def test_an_earlier_version_cannot_be_taken_away(office: Office) -> None:
    number = office.enter()
    amend(office, number)
    office.execute(sa.delete(records.request_versions))
    assert not find_request(office.context, number).intact


def test_what_nobody_decides_in_time_expires(office: Office) -> None:
    waiting, approved, shen = office.enter(), office.approved(), office.sessions["shen.review"]
    office.clock.advance(DECIDE_WITHIN + timedelta(minutes=1))
    assert find_request(office.context, waiting).entry.state is State.EXPIRED
    assert find_request(office.context, waiting).intact
    assert [
        entry.number for entry in list_requests(office.context, shen, RequestFilter(state=State.EXPIRED)).entries
    ] == [waiting]
    assert list_requests(office.context, shen, RequestFilter(state=State.ENTERED)).entries == []
    conflict(lambda: requests.approve(office.context, office.sessions["shen.review"], waiting))
    conflict(lambda: amend(office, waiting))
    conflict(lambda: requests.withdraw(office.context, office.sessions["lu.enter"], waiting))
    issue(office.context, office.authority, office.sessions["zhi.make"], [approved])


def test_an_amendment_begins_the_time_anew(office: Office) -> None:
    number = office.enter()
    office.clock.advance(DECIDE_WITHIN - timedelta(days=1))
    amend(office, number)
    office.clock.advance(timedelta(days=2))
    assert requests.approve(office.context, office.sessions["shen.review"], number) is State.APPROVED


def test_the_deadline_cannot_be_moved_in_the_column(office: Office) -> None:
    number = office.enter()
    office.clock.advance(DECIDE_WITHIN + timedelta(minutes=1))
    office.execute(sa.update(records.requests).values(decide_by=None))
    conflict(lambda: requests.approve(office.context, office.sessions["shen.review"], number))
