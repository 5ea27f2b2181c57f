"""What was done in a period and how its certificates stand, counted by what people ask for."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from ca.records import certificates
from ca.state import Reason
from core.errors import YinxinError
from core.subject import Subject
from ra import branches, requests, revocation
from ra.delivery import deliver
from ra.issuance import issue
from ra.refusals import RefusedError
from ra.roles import OPERATORS, Role
from ra.search import By, search
from ra.statistics import GroupBy, Of, Period, statistics
from tests.support.office import NOW, Office

YEAR = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def person(name: str, unit: str = "市局") -> Subject:
    return Subject(organization=unit, common_name=name)


def counted(
    office: Office, of: Of, by: GroupBy, period: Period = YEAR, who: str = "quan.all"
) -> dict[str, dict[str, int]]:
    lines = statistics(office.context, office.sessions[who], of, by, period)
    assert [line.group for line in lines] == sorted(line.group for line in lines)
    return {line.group: dict(line.counts) for line in lines}


def serial_of(office: Office, name: str) -> int:
    (found,) = search(office.context, office.sessions["quan.all"], By.NAME, name).found
    return found.serial


def test_acts_and_certificates_are_counted_by_what_people_ask(each_office: Office) -> None:
    office = each_office
    assert statistics(office.context, office.sessions["quan.all"], Of.ACTS, GroupBy.UNIT, YEAR) == []
    first = [office.approved(subject=person(name)) for name in ("张三", "李四")]
    issue(office.context, office.authority, office.sessions["zhi.make"], first)
    deliver(office.context, office.sessions["zhi.make"], first[0])
    office.clock.moment = NOW + timedelta(days=31)
    second = [office.approved(subject=person(name, "区局")) for name in ("王五", "赵六")]
    issue(office.context, office.authority, office.sessions["zhi.make"], second)
    refused = office.enter(subject=person("钱七", "区局"))
    requests.reject(office.context, office.sessions["shen.review"], refused, "材料不全")
    reviewer = office.sessions["shen.review"]
    revocation.revoke(office.context, reviewer, "sm2-issuing", serial_of(office, "李四"), Reason.AFFILIATION_CHANGED)
    revocation.hold(office.context, reviewer, "sm2-issuing", serial_of(office, "王五"))

    per_unit = {"enter": 2, "approve": 2, "issue": 2}
    assert counted(office, Of.ACTS, GroupBy.UNIT) == {
        "市局": per_unit | {"deliver": 1},
        "区局": per_unit | {"enter": 3, "reject": 1},
    }
    assert counted(office, Of.ACTS, GroupBy.OPERATOR) == {
        "lu.enter": {"enter": 5},
        "shen.review": {"approve": 4, "reject": 1},
        "zhi.make": {"issue": 4, "deliver": 1},
    }
    total = {"enter": 5, "approve": 4, "reject": 1, "issue": 4, "deliver": 1}
    assert counted(office, Of.ACTS, GroupBy.PROFILE) == {"staff": total}
    assert counted(office, Of.ACTS, GroupBy.BRANCH) == {"": total}
    assert set(counted(office, Of.ACTS, GroupBy.MONTH)) == {"2026-11", "2026-12"}
    december = Period(datetime(2026, 12, 1, tzinfo=UTC), YEAR.until)
    assert set(counted(office, Of.ACTS, GroupBy.UNIT, december)) == {"区局"}

    assert counted(office, Of.CERTIFICATES, GroupBy.UNIT) == {
        "市局": {"valid": 1, "revoked": 1},
        "区局": {"valid": 1, "held": 1},
    }
    assert counted(office, Of.CERTIFICATES, GroupBy.MONTH) == {
        "2026-11": {"valid": 1, "revoked": 1},
        "2026-12": {"valid": 1, "held": 1},
    }
    standing = {"valid": 2, "held": 1, "revoked": 1}
    assert counted(office, Of.CERTIFICATES, GroupBy.AUTHORITY) == {"sm2-issuing": standing}
    assert counted(office, Of.CERTIFICATES, GroupBy.PROFILE) == {"staff": standing}
    assert counted(office, Of.CERTIFICATES, GroupBy.AUTHORITY, december) == {"sm2-issuing": {"valid": 1, "held": 1}}


def test_what_is_over_is_expired_whatever_it_was(office: Office) -> None:
    numbers = [office.approved(subject=person(name)) for name in ("张三", "李四")]
    issue(office.context, office.authority, office.sessions["zhi.make"], numbers)
    over = serial_of(office, "李四")
    revocation.hold(office.context, office.sessions["shen.review"], "sm2-issuing", over)
    assert counted(office, Of.CERTIFICATES, GroupBy.PROFILE) == {"staff": {"valid": 1, "held": 1}}
    # Years later the operators' own certificates are over too: so the books are changed instead of the clock.
    office.execute(
        sa.update(certificates).where(certificates.c.serial == over).values(not_after=NOW - timedelta(seconds=1))
    )
    assert counted(office, Of.CERTIFICATES, GroupBy.PROFILE) == {"staff": {"valid": 1, "expired": 1}}


def test_months_are_those_of_the_place_that_asks(office: Office) -> None:
    office.clock.moment = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
    office.enter(subject=person("张三"))
    beijing = timezone(timedelta(hours=8))
    there = Period(datetime(2026, 1, 1, tzinfo=beijing), datetime(2027, 1, 1, tzinfo=beijing))
    assert set(counted(office, Of.ACTS, GroupBy.MONTH)) == {"2026-11"}
    assert set(counted(office, Of.ACTS, GroupBy.MONTH, there)) == {"2026-12"}


def test_a_branch_counts_its_own_and_only_those_who_may(office: Office) -> None:
    branches.establish(office.context, office.sessions["zhao.super"], "county", "某县")
    office.appoint("c.business", frozenset({Role.BUSINESS}), by="zhao.super", branch="county")
    office.appoint("c.all", OPERATORS, by="c.business", branch="county")
    office.appoint("wu.auditor", frozenset({Role.AUDITOR}), by="qian.audit")
    office.enter(subject=person("张三"))
    office.enter("c.all", subject=person("李四", "县局"))
    assert counted(office, Of.ACTS, GroupBy.BRANCH, who="wu.auditor") == {"": {"enter": 1}, "county": {"enter": 1}}
    assert counted(office, Of.ACTS, GroupBy.UNIT, who="c.all") == {"县局": {"enter": 1}}
    for who in ("lu.enter", "zhi.make", "zhao.super"):
        with pytest.raises(RefusedError) as refusal:
            counted(office, Of.ACTS, GroupBy.UNIT, who=who)
        assert refusal.value.rule == "role"


@pytest.mark.parametrize(
    ("of", "by", "period"),
    [
        (Of.ACTS, GroupBy.AUTHORITY, YEAR),
        (Of.CERTIFICATES, GroupBy.OPERATOR, YEAR),
        (Of.ACTS, GroupBy.UNIT, Period(YEAR.until, YEAR.since)),
        (Of.CERTIFICATES, GroupBy.MONTH, Period(datetime(1, 1, 1, tzinfo=UTC), YEAR.since)),
    ],
)
def test_what_cannot_be_counted_is_refused(office: Office, of: Of, by: GroupBy, period: Period) -> None:
    with pytest.raises(YinxinError):
        statistics(office.context, office.sessions["quan.all"], of, by, period)
