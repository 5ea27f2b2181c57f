"""Counties: made by the super administrator, each with people of its own, who see and move only what is their own."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ca.state import Reason
from core.errors import Kind, YinxinError
from ra import branches, personnel, records, requests, revocation
from ra.delivery import deliver
from ra.issuance import issue
from ra.refusals import RefusedError
from ra.register import find_request, list_requests, look_up
from ra.roles import OPERATORS, Role
from tests.support.office import BUSINESS, Office

SUPER = "zhao.super"


def refused(rule: str, attempt: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as refusal:
        attempt()
    assert refusal.value.rule == rule


@pytest.fixture
def county(office: Office) -> Office:
    """With the branches `chencang` and `meixian`: an administrator, two operators with every role, each."""
    for name, title in (("chencang", "陈仓区"), ("meixian", "眉县")):
        branches.establish(office.context, office.sessions[SUPER], name, title)
        office.appoint(f"{name}.business", frozenset({Role.BUSINESS}), by=SUPER, branch=name)
        for place in ("1", "2"):
            office.appoint(f"{name}.{place}", OPERATORS, by=f"{name}.business", branch=name)
    return office


def test_a_certificate_from_entry_to_revocation_within_a_branch(county: Office) -> None:
    number = county.enter("chencang.1")
    requests.approve(county.context, county.sessions["chencang.2"], number)
    (one,) = issue(county.context, county.authority, county.sessions["chencang.2"], [number])
    deliver(county.context, county.sessions["chencang.2"], number)
    other = county.sessions["meixian.1"]
    refused(
        "other-branch",
        lambda: revocation.revoke(county.context, other, one.authority, one.serial, Reason.SUPERSEDED),
    )
    revocation.revoke(county.context, county.sessions["chencang.1"], one.authority, one.serial, Reason.SUPERSEDED)
    assert find_request(county.context, number).intact


@pytest.mark.parametrize("who", ["meixian.1", "quan.all"])
def test_nobody_of_another_branch_moves_a_request(county: Office, who: str) -> None:
    number, session = county.enter("chencang.1"), county.sessions[who]
    for move in (requests.approve, requests.withdraw, requests.amend):
        refused("other-branch", lambda move=move: move(county.context, session, number))  # type: ignore[misc]
    requests.approve(county.context, county.sessions["chencang.2"], number)
    refused("other-branch", lambda: issue(county.context, county.authority, session, [number]))
    refused("other-branch", lambda: requests.reject(county.context, session, number, "不符"))


def test_a_branch_sees_its_own_and_the_centre_sees_all(county: Office) -> None:
    own, other, centre = (county.enter(who) for who in ("chencang.1", "meixian.1", "lu.enter"))

    def seen(who: str) -> list[str]:
        return [entry.number for entry in list_requests(county.context, county.sessions[who]).entries]

    assert seen("chencang.2") == [own]
    assert seen("meixian.2") == [other]
    assert seen("shen.review") == [own, other, centre]
    assert look_up(county.context, county.sessions["chencang.2"], own).entry.number == own
    for number in (other, centre):
        refused("other-branch", lambda n=number: look_up(county.context, county.sessions["chencang.2"], n))  # type: ignore[misc]
    county.appoint("wu.auditor", frozenset({Role.AUDITOR}), by="qian.audit")
    assert seen("wu.auditor") == [own, other, centre]


def test_auditors_read_and_do_nothing_else_and_administrators_do_not_read(county: Office) -> None:
    number = county.enter("lu.enter")
    auditor = county.appoint("wu.auditor", frozenset({Role.AUDITOR}), by="qian.audit")
    for move in (requests.approve, requests.withdraw):
        refused("role", lambda move=move: move(county.context, auditor, number))  # type: ignore[misc]
    refused("role", lambda: county.enter("wu.auditor"))
    for who in (SUPER, "qian.audit", BUSINESS):
        refused("role", lambda who=who: list_requests(county.context, county.sessions[who]))  # type: ignore[misc]
    personnel.suspend(county.context, county.sessions["qian.audit"], "wu.auditor")
    refused("suspended", lambda: look_up(county.context, auditor, number))


def test_administrators_of_a_branch_decide_on_its_operators_only(county: Office) -> None:
    chencang = county.sessions["chencang.business"]
    for name in ("meixian.1", "lu.enter"):
        refused("other-branch", lambda n=name: personnel.suspend(county.context, chencang, n))  # type: ignore[misc]
    refused("other-branch", lambda: personnel.suspend(county.context, county.sessions[BUSINESS], "chencang.1"))
    for branch in ("meixian", ""):
        name = f"x{branch}"
        refused(
            "other-branch",
            lambda n=name, b=branch: county.appoint(n, OPERATORS, by="chencang.business", branch=b),  # type: ignore[misc]
        )
    personnel.suspend(county.context, chencang, "chencang.1")


def test_only_the_super_administrator_makes_branches(office: Office) -> None:
    for who in ("qian.audit", BUSINESS, "quan.all"):
        refused("role", lambda w=who: branches.establish(office.context, office.sessions[w], "new", "新区"))  # type: ignore[misc]
    branches.establish(office.context, office.sessions[SUPER], "new", "新区")
    with pytest.raises(YinxinError) as error:
        branches.establish(office.context, office.sessions[SUPER], "new", "新区")
    assert error.value.kind is Kind.CONFLICT
    assert [(entry.branch, entry.title) for entry in branches.list_branches(office.context)] == [("new", "新区")]
    with pytest.raises(YinxinError):
        branches.establish(office.context, office.sessions[SUPER], "New County", "新区")


def test_nobody_is_appointed_to_a_branch_that_nobody_made(office: Office) -> None:
    with pytest.raises(YinxinError) as error:
        office.appoint("b.business", frozenset({Role.BUSINESS}), by=SUPER, branch="nowhere")
    assert error.value.kind is Kind.NOT_FOUND


def test_a_branch_in_the_database_that_nobody_signed_is_none(county: Office) -> None:
    county.execute(sa.update(records.branches).values(content=b'{"name":"other","title":"x","version":1}'))
    with pytest.raises(YinxinError):
        county.appoint("b.business", frozenset({Role.BUSINESS}), by=SUPER, branch="chencang")


def test_the_branch_column_moves_nothing(county: Office) -> None:
    number = county.enter("chencang.1")
    county.execute(sa.update(records.requests).values(branch="meixian"))
    refused("other-branch", lambda: requests.approve(county.context, county.sessions["meixian.1"], number))
