"""Lists are narrowed by every filter alone and together, page by page, by an index, and as a plain reading says."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import YinxinError
from core.subject import Subject
from ra import branches, records, requests
from ra.filters import RequestFilter, Selection
from ra.issuance import issue
from ra.moves import State
from ra.register import list_requests, look_up, visible_among
from ra.roles import OPERATORS, Role
from ra.statements import Act
from tests.support.office import NOW, UNIT, Office

UNITS = ("甲单位", "乙单位")
DAYS = [NOW + timedelta(days=day) for day in (-1, 0, 1, 2, 3, 4)]
EXPIRIES = [NOW + timedelta(days=day) for day in (0, 364, 366, 1094, 1096, 1098, 4000)]
FILTERS = st.builds(
    RequestFilter,
    state=st.sampled_from([None, *State]),
    profile=st.sampled_from([None, "staff", "unit"]),
    unit=st.sampled_from([None, *UNITS]),
    branch=st.sampled_from([None, "", "county"]),
    operator=st.sampled_from([None, "quan.all", "lu.enter", "shen.review", "he.review", "c.two"]),
    act=st.sampled_from([Act.ENTER, Act.AMEND, Act.APPROVE, Act.ISSUE]),
    since=st.sampled_from([None, *DAYS]),
    until=st.sampled_from([None, *DAYS]),
    expires_from=st.sampled_from([None, *EXPIRIES]),
    expires_before=st.sampled_from([None, *EXPIRIES]),
)


@dataclass(frozen=True)
class Plain:
    """A request as the stored and signed evidence tells it, to be filtered by a plain reading."""

    number: str
    state: State
    profile: str
    unit: str
    branch: str
    deeds: list[tuple[Act, str, datetime]]
    expiry: datetime | None

    def place(self, wanted: RequestFilter) -> datetime | None:
        """When the act was done last, by the operator if one is named."""
        acts = [at for act, who, at in self.deeds if act is wanted.act and wanted.operator in (None, who)]
        return acts[-1] if acts else None

    def fits(self, wanted: RequestFilter) -> bool:
        same = all(
            getattr(wanted, name) in (None, getattr(self, name)) for name in ("state", "profile", "unit", "branch")
        )
        if (wanted.act, wanted.operator, wanted.since, wanted.until) != (Act.ENTER, None, None, None):
            at = self.place(wanted)
            same &= (
                at is not None and (not wanted.since or at >= wanted.since) and (not wanted.until or at < wanted.until)
            )
        if wanted.expires_from or wanted.expires_before:
            same &= self.expiry is not None and (
                (not wanted.expires_from or self.expiry >= wanted.expires_from)
                and (not wanted.expires_before or self.expiry < wanted.expires_before)
            )
        return same


def fill(office: Office) -> list[Plain]:
    """A dozen requests of two branches on several days, in every state."""
    branches.establish(office.context, office.sessions["zhao.super"], "county", "某县")
    office.appoint("c.business", frozenset({Role.BUSINESS}), by="zhao.super", branch="county")
    for name in ("c.one", "c.two"):
        office.appoint(name, OPERATORS, by="c.business", branch="county")
    numbers = []
    for place, (unit, profile) in enumerate(itertools.product((*UNITS, *UNITS), ("staff", "unit"))):
        county = place % 4 == 3
        enters, reviews, also, makes = (
            ("c.one", "c.two", "", "c.one")
            if county
            else (
                "lu.enter" if place % 2 else "quan.all",
                "shen.review",
                "he.review",
                "zhi.make",
            )
        )
        subject = Subject(organization=unit, common_name=f"张{place}")
        if profile == "unit":
            subject = Subject(organization=unit, common_name=unit, identity=UNIT.identity)
        number = office.enter(enters, profile=profile, subject=subject)
        numbers.append(number)
        office.clock.moment += timedelta(hours=13)
        if place == 4:
            requests.amend(office.context, office.sessions[enters], number, csr=office.csr())
        if place == 5:
            requests.reject(office.context, office.sessions[reviews], number, "材料不全")
        elif place == 6:
            requests.withdraw(office.context, office.sessions[enters], number)
        elif place != 7:
            requests.approve(office.context, office.sessions[reviews], number)
            if also and look_up(office.context, office.sessions[also], number).entry.state is State.ENTERED:
                requests.approve(office.context, office.sessions[also], number)
            if (
                office.sessions[makes]
                and place < 4
                and look_up(office.context, office.sessions[makes], number).entry.state is State.APPROVED
            ):
                issue(office.context, office.authority, office.sessions[makes], [number])
    return [plain(office, number) for number in numbers]


def plain(office: Office, number: str) -> Plain:
    record = look_up(office.context, office.sessions["quan.all"], number)
    assert record.application is not None
    rows = [row for row in office.rows(records.request_certificates) if row.request_id == _id(office, number)]
    return Plain(
        number,
        record.entry.state,
        record.entry.profile,
        record.application.subject.organization or "",
        record.application.branch,
        [(one.statement.act, one.statement.operator, one.statement.at) for one in record.statements],
        rows[-1].not_after if rows else None,
    )


def _id(office: Office, number: str) -> object:
    return next(row.id for row in office.rows(records.requests) if row.number == number)


def pages(office: Office, wanted: RequestFilter, limit: int, who: str = "quan.all") -> Iterator[str]:
    after = None
    while True:
        page = list_requests(office.context, office.sessions[who], wanted, after=after, limit=limit)
        yield from (entry.number for entry in page.entries)
        if (after := page.next) is None:
            return


@pytest.fixture
def filled(each_office: Office) -> tuple[Office, list[Plain]]:
    return each_office, fill(each_office)


def test_every_filter_finds_what_a_plain_reading_finds(filled: tuple[Office, list[Plain]]) -> None:
    office, everything = filled
    assert {one.state for one in everything} >= {*State} - {State.DELIVERED, State.EXPIRED}

    @settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
    @given(FILTERS, st.integers(1, 5), st.sampled_from(["quan.all", "c.two"]))
    def check(wanted: RequestFilter, limit: int, who: str) -> None:
        seen = [one for one in everything if who == "quan.all" or one.branch == "county"]
        fitting = [one for one in seen if one.fits(wanted)]
        found = list(pages(office, wanted, limit, who))
        assert sorted(found) == sorted(one.number for one in fitting)
        assert len(set(found)) == len(found)
        if wanted.by_act:
            at = {one.number: one.place(wanted) for one in fitting}
            assert [at[number] for number in found] == sorted(at.values())  # type: ignore[type-var]
        elif wanted.by_expiry:
            expiry = {one.number: one.expiry for one in fitting}
            assert [expiry[number] for number in found] == sorted(expiry.values())  # type: ignore[type-var]
        else:
            assert found == [one.number for one in fitting]
        numbers = [one.number for one in everything]
        assert visible_among(office.context, office.sessions[who], numbers, wanted) == set(found)

    check()


def test_a_request_that_cannot_be_in_the_list_is_no_place_to_go_on_from(office: Office) -> None:
    number = office.enter()
    session = office.sessions["quan.all"]
    for wanted in (
        RequestFilter(act=Act.ISSUE),
        RequestFilter(expires_before=NOW),
        RequestFilter(operator="he.review"),
    ):
        with pytest.raises(YinxinError, match="first page"):
            list_requests(office.context, session, wanted, after=number)
    assert list_requests(office.context, session, RequestFilter(state=State.ISSUED), after=number).entries == []


def test_no_filter_reads_the_whole_table(office: Office) -> None:
    number = office.enter()
    choices = {
        "state": State.ENTERED,
        "profile": "staff",
        "unit": UNITS[0],
        "branch": "county",
        "operator": "lu.enter",
        "since": NOW - timedelta(days=1),
        "expires_before": NOW,
    }
    assert choices.keys() < {field.name for field in fields(RequestFilter)}
    chosen = itertools.chain.from_iterable(itertools.combinations(choices, count) for count in (1, 2, 3))
    with office.storage.reading() as connection:
        for names in chosen:
            wanted = RequestFilter(**{name: choices[name] for name in names})  # type: ignore[arg-type]
            after = None if wanted.by_expiry else number
            query = Selection(wanted, NOW).page(connection, after, 10)
            plan = connection.execute(sa.text("EXPLAIN QUERY PLAN " + _literally(query))).all()
            assert not [row for row in plan if row.detail.startswith("SCAN")], (names, plan)


def _literally(query: sa.Select[Any]) -> str:
    from sqlalchemy.dialects import sqlite

    return str(query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})).replace(":", "\\:")
