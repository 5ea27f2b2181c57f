"""Reading the books: page by page, by serial number in either notation."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from ca.reconciliation import reconcile
from ca.register import Filter, count, every, find, history_of, page, serial_numbers
from ca.revocation import hold
from ca.state import State
from core.errors import Kind, YinxinError
from tests.support.ca import TestCentre, make_subject


def test_pages_cover_everything_once(each_centre: TestCentre) -> None:
    each_centre.ca.issue([each_centre.request() for _ in range(7)], actor="operator")
    storage = each_centre.context.storage
    seen, after = [], 0
    while records := page(storage, Filter(), after=after, limit=2):
        assert len(records) <= 2
        seen += [record.serial for record in records]
        after = records[-1].id
    assert len(seen) == len(set(seen)) == count(storage) == 9
    assert [record.serial for record in every(storage, Filter())] == seen


def test_filters(each_centre: TestCentre) -> None:
    storage = each_centre.context.storage
    one = each_centre.issue(subject=make_subject("staff", "100%_张"), reference="R-77")
    unit = each_centre.issue("unit")
    hold(each_centre.context, "sm2-issuing", unit.serial, actor="operator")

    def serials(wanted: Filter) -> list[int]:
        return [record.serial for record in page(storage, wanted)]

    assert serials(Filter(profile="unit")) == [unit.serial]
    assert serials(Filter(state=State.HELD)) == [unit.serial]
    assert serials(Filter(subject="%_")) == [one.serial]
    assert serials(Filter(approval_reference="R-77")) == [one.serial]
    assert serials(Filter(serial=one.serial)) == [one.serial]
    assert len(serials(Filter(authority="sm2-root"))) == 2
    assert serials(Filter(expires_before=each_centre.context.clock.now())) == []
    assert set(serials(Filter(expires_before=each_centre.context.clock.now() + timedelta(days=1200)))) == {
        one.serial,
        unit.serial,
    }


@pytest.mark.parametrize("form", ["{0:x}", "0x{0:X}", "{0}", "0{0:x}", " {0} "])
def test_serial_numbers_in_any_notation(centre: TestCentre, form: str) -> None:
    issued = centre.issue()
    record = find(centre.context.storage, form.format(issued.serial))
    assert record.serial == issued.serial
    assert record.certificate == issued.certificate
    assert [step.state for step in history_of(centre.context.storage, record)] == [State.VALID]


def test_colons_and_digits_that_could_be_either() -> None:
    assert serial_numbers("01:10") == [0x110]
    assert serial_numbers("110") == [110, 0x110]
    with pytest.raises(YinxinError) as caught:
        serial_numbers("whatever")
    assert caught.value.kind is Kind.INVALID


def test_what_is_not_there(centre: TestCentre) -> None:
    with pytest.raises(YinxinError) as caught:
        find(centre.context.storage, "1234")
    assert caught.value.kind is Kind.NOT_FOUND


def test_intents_are_shown_as_what_they_are(centre: TestCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_arguments: object) -> bytes:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("ca.signing.AuthorityKey.sign", dead)
        with pytest.raises(RuntimeError):
            centre.issue(reference="R-1")
    (record,) = page(centre.context.storage, Filter(approval_reference="R-1"))
    assert (record.state, record.certificate) == (None, None)
    reconcile(centre.context)
    (record,) = page(centre.context.storage, Filter(approval_reference="R-1"))
    assert record.state is State.PRESUMED
    assert record.approvers == ("李四", "王五")


def test_a_serial_number_is_found_by_an_index(centre: TestCentre) -> None:
    """That of authorities and serial numbers: one for serial numbers alone would cost every issuance."""
    queries: list[str] = []
    storage = centre.context.storage
    sa.event.listen(storage.engine, "before_cursor_execute", lambda _c, _u, text, *_more: queries.append(text))
    page(storage, Filter(serial=5))
    query = queries[-1]
    with storage.reading() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ("",) * query.count("?")).all()
    assert [str(row[3]) for row in plan if "SEARCH ca_certificates" in str(row[3]) and "serial=?" in str(row[3])], plan
    assert not [row for row in plan if "SCAN ca_certificates" in str(row[3])], plan
