"""Certificates are found by what people know of them, by indexes, and only by those who may search."""

import hashlib
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core.algorithms import SM3
from core.errors import YinxinError
from core.subject import Subject
from ra import branches
from ra.issuance import issue
from ra.refusals import RefusedError
from ra.roles import OPERATORS, Role
from ra.search import By, search
from tests.support.office import NOW, Office

NAMES = ("张三", "张三丰", "李四", "张伟")


@pytest.fixture
def filled(each_office: Office) -> Office:
    office = each_office
    subjects = [Subject(organization=f"{name[0]}家单位", common_name=name) for name in NAMES]
    numbers = [office.approved(subject=subject) for subject in subjects]
    issue(office.context, office.authority, office.sessions["zhi.make"], numbers)
    return office


def found(office: Office, by: By, what: str, who: str = "quan.all", **more: object) -> list[str]:
    return [one.holder for one in search(office.context, office.sessions[who], by, what, **more).found]  # type: ignore[arg-type]


def test_certificates_are_found_by_what_people_know(filled: Office) -> None:
    assert set(found(filled, By.NAME, "张")) == {"张三", "张三丰", "张伟"}
    assert found(filled, By.NAME, "张三") == ["张三", "张三丰"]
    assert found(filled, By.NAME, "王") == found(filled, By.NAME, "%") == []
    assert found(filled, By.UNIT, "李家") == ["李四"]
    (one,) = search(filled.context, filled.sessions["quan.all"], By.NAME, "李四").found
    for serial in (str(one.serial), f"{one.serial:x}", f"0x{one.serial:X}", f"{one.serial:040x}"):
        assert found(filled, By.SERIAL, serial) == ["李四"]
    with filled.storage.reading() as connection:
        from ra.records import request_certificates as table

        certificate = connection.scalar(sa.select(table.c.certificate).where(table.c.serial == one.serial)) or b""
    colons = SM3.of(certificate).hex(":").upper()
    for fingerprint in (hashlib.sha256(certificate).hexdigest(), colons):
        assert found(filled, By.FINGERPRINT, fingerprint) == ["李四"]

    # Page by page, in the order of the names; and by expiry.
    names, after = [], None
    while True:
        page = search(filled.context, filled.sessions["quan.all"], By.NAME, "张", after=after, limit=1)
        names += [entry.holder for entry in page.found]
        if (after := page.next) is None:
            break
    assert names == found(filled, By.NAME, "张")
    assert found(filled, By.NAME, "张", expires_before=NOW) == []
    assert len(found(filled, By.NAME, "张", expires_before=NOW + timedelta(days=5000))) == 3

    for by, what in ((By.NAME, ""), (By.SERIAL, "xyz"), (By.SERIAL, "1_0"), (By.FINGERPRINT, "abcd")):
        with pytest.raises(YinxinError):
            found(filled, by, what)


def test_only_those_who_may_search_find_and_a_branch_only_its_own(office: Office) -> None:
    branches.establish(office.context, office.sessions["zhao.super"], "county", "某县")
    office.appoint("c.business", frozenset({Role.BUSINESS}), by="zhao.super", branch="county")
    office.appoint("c.all", OPERATORS, by="c.business", branch="county")
    office.appoint("wu.auditor", frozenset({Role.AUDITOR}), by="qian.audit")
    issue(office.context, office.authority, office.sessions["zhi.make"], [office.approved()])
    assert found(office, By.NAME, "张", "wu.auditor") == ["张三"]
    assert found(office, By.NAME, "张", "c.all") == []
    for who in ("lu.enter", "shen.review", "zhi.make", "zhao.super", "sun.business"):
        with pytest.raises(RefusedError) as refusal:
            found(office, By.NAME, "张", who)
        assert refusal.value.rule == "role"


def test_every_search_is_served_by_an_index(office: Office) -> None:
    queries: list[str] = []
    sa.event.listen(
        office.storage.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_more: queries.append(statement) if "ORDER BY" in statement else None,
    )
    for by, what in ((By.NAME, "张"), (By.UNIT, "宝鸡"), (By.SERIAL, "12"), (By.FINGERPRINT, "ab" * 32)):
        queries.clear()
        found(office, by, what)
        query = next(one for one in reversed(queries) if "ra_requests.number" in one)
        with office.storage.reading() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (b"",) * query.count("?")).all()
        assert not [row for row in plan if str(row[3]).startswith("SCAN")], (by, plan)
