"""The only thing that OCSP knows of the CA."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca.records import serial_octets
from ca.revocation import Reason, hold, revoke
from ca.status import State, StatusReader
from core.errors import Kind, YinxinError
from core.storage import Storage
from tests.support.ca import TestCentre


def test_issuers_are_the_complete_authorities(each_centre: TestCentre) -> None:
    issuers = StatusReader(each_centre.context.storage).issuers()
    assert [issuer.name for issuer in issuers] == ["sm2-root", "sm2-issuing"]
    for issuer in issuers:
        assert issuer.public_key_info == each_centre.keys.signer(issuer.name).public_key_info
        assert issuer.subject in issuer.certificate
        assert issuer.public_key_info in issuer.certificate


def test_the_table_of_answers(each_centre: TestCentre) -> None:
    valid, held, revoked = each_centre.ca.issue([each_centre.request() for _ in range(3)], actor="operator")
    context = each_centre.context
    hold(context, "sm2-issuing", held.serial, actor="operator")
    revoke(context, "sm2-issuing", revoked.serial, Reason.KEY_COMPROMISE, actor="operator")
    reader = StatusReader(context.storage)
    root, issuing = reader.issuers()
    now = context.clock.now()

    def answer(issuer: int, serial: int) -> object:
        status = reader.status(issuer, serial)
        return status and (status.state, status.revoked_at, status.reason)

    assert answer(issuing.id, valid.serial) == (State.VALID, None, None)
    assert answer(issuing.id, held.serial) == (State.HELD, now, Reason.CERTIFICATE_HOLD)
    assert answer(issuing.id, revoked.serial) == (State.REVOKED, now, Reason.KEY_COMPROMISE)
    assert answer(issuing.id, valid.serial + 1) is None  # never issued
    assert answer(root.id, valid.serial) is None  # another issuer's
    assert answer(99, valid.serial) is None
    sub = next(authority for authority in reader.issuers() if authority.name == "sm2-issuing")
    serial = int.from_bytes(sub.certificate[sub.certificate.index(b"\x02\x13\x01") + 2 :][:19], "big")
    assert answer(root.id, serial) == (State.VALID, None, None)  # a sub-CA's certificate


@given(st.integers(-(2**170), 2**170))
def test_any_number_has_an_answer(serial: int) -> None:
    octets = serial_octets(serial)
    assert len(octets) == (20 if 0 <= serial < 2**160 else 0)
    assert int.from_bytes(octets, "big") in (serial, 0)


@pytest.mark.parametrize("serial", [0, -1, 2**160, 2**4000])
def test_impossible_numbers_were_never_issued(centre: TestCentre, serial: int) -> None:
    reader = StatusReader(centre.context.storage)
    assert reader.status(reader.issuers()[1].id, serial) is None


def test_many_threads_share_a_reader(each_centre: TestCentre) -> None:
    issued = each_centre.ca.issue([each_centre.request() for _ in range(4)], actor="operator")
    reader = StatusReader(each_centre.context.storage)
    issuer = reader.issuers()[1].id
    answers: list[object] = []

    def ask() -> None:
        for one in issued * 5:
            status = reader.status(issuer, one.serial)
            answers.append(status and status.state)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [State.VALID] * 120


def test_a_dropped_connection_is_opened_again(each_centre: TestCentre) -> None:
    issued = each_centre.issue()
    reader = StatusReader(each_centre.context.storage)
    issuer = reader.issuers()[1].id
    assert reader.status(issuer, issued.serial)
    reader._held.connection.close()  # as when the server was restarted
    assert reader.status(issuer, issued.serial)


def test_a_database_that_is_gone_is_said_to_be(centre: TestCentre) -> None:
    elsewhere = Storage(centre.context.storage.url)
    reader = StatusReader(elsewhere)
    with elsewhere.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE certificate_events RENAME TO gone")
    with pytest.raises(YinxinError, match="does not answer") as caught:
        reader.status(1, 1)
    assert caught.value.kind is Kind.UNAVAILABLE
    elsewhere.close()
