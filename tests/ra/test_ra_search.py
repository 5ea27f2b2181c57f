"""Certificates are found by what people know of them, by indexes, and only by those who may search."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core import sm2
from core.algorithms import SM3
from core.audit import read_entries
from core.errors import YinxinError
from core.keys.lookup import LookupKey
from core.keys.private_key import Sm2Key
from core.storage import metadata
from core.subject import Subject
from ra import branches, records, reindexing
from ra.filters import RequestFilter
from ra.issuance import issue
from ra.refusals import RefusedError
from ra.register import list_requests
from ra.roles import OPERATORS, Role
from ra.search import By, search
from tests.support.office import NOW, RESIDENT_ID, STAFF, UNIT, Office

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
    sha1 = hashlib.sha1(certificate, usedforsecurity=False).hexdigest()
    for fingerprint in (hashlib.sha256(certificate).hexdigest(), colons, sha1):
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
    for by, what in (
        (By.NAME, "张"),
        (By.UNIT, "宝鸡"),
        (By.SERIAL, "12"),
        (By.FINGERPRINT, "ab" * 32),
        (By.IDENTITY, RESIDENT_ID),
    ):
        queries.clear()
        found(office, by, what)
        query = next(one for one in reversed(queries) if "ra_requests.number" in one)
        with office.storage.reading() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (b"",) * query.count("?")).all()
        assert not [row for row in plan if str(row[3]).startswith("SCAN")], (by, plan)


def test_identity_numbers_are_found_and_not_kept(each_office: Office) -> None:
    office = each_office
    numbers = [
        office.approved(subject=STAFF),
        office.approved(subject=STAFF),
        office.approved(profile="unit", subject=UNIT),
    ]
    issue(office.context, office.authority, office.sessions["zhi.make"], numbers)
    assert found(office, By.IDENTITY, RESIDENT_ID) == ["张三", "张三"]
    assert found(office, By.IDENTITY, f" {RESIDENT_ID.lower()} ") == ["张三", "张三"]
    credit_code = UNIT.identity.credit_code or ""
    assert found(office, By.IDENTITY, credit_code) == [UNIT.common_name]
    assert found(office, By.IDENTITY, RESIDENT_ID[:-1]) == found(office, By.IDENTITY, "") == []
    with office.storage.reading() as connection:
        entered = read_entries(connection, limit=100)
    views = [one for one in entered if one["act"] == "ra.certificate.search"]
    assert len({one["details"]["what"] for one in views if one["details"]["count"] == 2}) == 2
    assert views[0]["actor"] == "quan.all" and RESIDENT_ID not in str(entered)
    first = search(office.context, office.sessions["quan.all"], By.IDENTITY, RESIDENT_ID, limit=1)
    assert first.next and found(office, By.IDENTITY, RESIDENT_ID, after=first.next) == ["张三"]

    # In clear only in the signed request and in what is certified; the digest is of no use without the key.
    table = records.certificate_identities
    with office.storage.reading() as connection:
        digests = set(connection.scalars(sa.select(table.c.digest)))
    key = office.lookup_key
    assert key is not None and digests == {key.digest(RESIDENT_ID.encode()), key.digest(credit_code.encode())}
    assert SM3.of(RESIDENT_ID.encode()) not in digests
    kept = {(name, column) for name, column in texts(office, RESIDENT_ID)}
    assert kept == {
        ("ra_requests", "content"),
        ("ra_request_certificates", "certificate"),
        ("ca_certificates", "tbs"),
        ("ca_certificates", "certificate"),
    }

    other = replace(office, lookup_key=LookupKey(Sm2Key(sm2.engine().generate()), b"tests"))
    assert found(other, By.IDENTITY, RESIDENT_ID) == []
    with pytest.raises(YinxinError, match="yinxin migrate"):
        found(replace(office, lookup_key=None), By.IDENTITY, RESIDENT_ID)


def texts(office: Office, text: str) -> Iterator[tuple[str, str]]:
    """The columns that hold a text, in any table."""
    for table in metadata.sorted_tables:
        with office.storage.reading() as connection:
            for row in connection.execute(sa.select(table)):
                for column, value in row._mapping.items():
                    if text.encode() in (value if isinstance(value, bytes) else str(value).encode()):
                        yield table.name, column


def test_what_earlier_versions_recorded_is_made_findable(each_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """As migration 0003 left it: nothing but the certificate and its request; with an interruption half way."""
    office, session = each_office, each_office.sessions["quan.all"]
    numbers = [office.approved() for _number in range(5)]
    issue(office.context, office.authority, office.sessions["zhi.make"], numbers)
    table, wanted = records.request_certificates, RequestFilter(unit=STAFF.organization)
    before = office.rows(table)
    office.execute(
        sa.update(table).values(holder=None, unit=None, branch=None, not_after=None, sha256=None, sha1=None, sm3=None)
    )
    office.execute(sa.update(records.requests).values(unit=None))
    office.execute(sa.delete(records.certificate_identities))
    assert found(office, By.NAME, "张三") == found(office, By.IDENTITY, RESIDENT_ID) == []
    assert list_requests(office.context, session, wanted).entries == []

    monkeypatch.setattr(reindexing, "BATCH", 2)
    assert reindexing.waiting(office.context) == 10
    for _batch in range(2):
        interrupted = reindexing.reindex(office.context, actor="system")
        next(interrupted)
        del interrupted
    assert reindexing.waiting(office.context) == 6
    assert sum(reindexing.reindex(office.context, actor="system")) == 6
    assert list(reindexing.reindex(office.context, actor="system")) == []
    assert office.rows(table) == before
    assert len(found(office, By.IDENTITY, RESIDENT_ID)) == 5
    assert [entry.number for entry in list_requests(office.context, session, wanted).entries] == numbers
    assert office.acts().count("ra.reindex") == 1

    reindexing.forget(office.context)
    other = replace(office, lookup_key=LookupKey(Sm2Key(sm2.engine().generate()), b"tests"))
    assert sum(reindexing.reindex(other.context, actor="system")) == 5
    assert found(office, By.IDENTITY, RESIDENT_ID) == []
    assert len(found(other, By.IDENTITY, RESIDENT_ID)) == 5
    assert office.rows(table) == before
