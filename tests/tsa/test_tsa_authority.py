"""Rules that hold whatever happens: recorded before returned, no serial twice, time never back, units by policy."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from core.algorithms import SHA256, SM3, KeyKind
from core.clock import FixedClock, SystemClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.storage import Storage, Writer
from tests.support.pki import OCSP_SIGNING, TIME_STAMPING
from tests.support.tsa import Stamps, read_response
from tsa import records
from tsa.authority import TimeStampAuthority, new_serial
from tsa.request import MessageImprint, TimeStampRequest
from tsa.response import token_of
from tsa.unit import Unit
from tsa.verification import read_token

VALUE = SHA256.of(b"document")
REQUEST = TimeStampRequest(MessageImprint.of(SHA256, VALUE), nonce=7, wants_certificates=True).encode()


def failure_of(response: bytes) -> set[str]:
    status, failures, token = read_response(response)
    assert (status, token) == (2, None)
    return failures


def recorded(storage: Storage) -> list[sa.Row[Any]]:
    with storage.reading() as connection:
        return list(connection.execute(sa.select(records.tokens).order_by(records.tokens.c.number)))


def test_a_token_is_in_the_books(each_storage: Storage, clock: FixedClock, stamps: Stamps) -> None:
    authority = TimeStampAuthority(Context(each_storage, clock), stamps.units)
    token = token_of(authority.respond(REQUEST))
    other = authority.stamp(SM3, SM3.of(b"another"), unit="rsa")
    first, second = recorded(each_storage)
    stamped = read_token(token)
    assert (first.number, first.unit, first.policy) == (1, "sm2", stamps.policy("sm2"))
    assert int(first.serial, 16) == stamped.serial
    assert (first.imprint_algorithm, first.imprint, first.gen_time) == ("sha256", VALUE, clock.now())
    assert first.token_digest == hashlib.sha256(token).digest()
    assert (second.number, second.unit, second.imprint_algorithm) == (2, "rsa", "sm3")
    assert second.token_digest == hashlib.sha256(other).digest()


def test_no_record_no_token(context: Context, authority: TimeStampAuthority) -> None:
    with context.storage.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE tsa_tokens")
    assert failure_of(authority.respond(REQUEST)) == {"system_failure"}
    with pytest.raises(YinxinError) as caught:
        authority.stamp(SHA256, VALUE)
    assert caught.value.kind is Kind.UNAVAILABLE


def test_a_failure_at_commit_gives_no_token(each_storage: Storage, clock: FixedClock, stamps: Stamps) -> None:
    class FailsAtCommit(Writer):
        @contextmanager
        def transaction(self) -> Iterator[sa.Connection]:
            with super().transaction() as connection:
                yield connection
                raise sa.exc.OperationalError("COMMIT", None, OSError("disk full"))

    class Failing(Storage):
        def writer(self) -> Writer:
            return FailsAtCommit(self)

    failing = Failing(each_storage.url)
    authority = TimeStampAuthority(Context(failing, clock), stamps.units)
    assert failure_of(authority.respond(REQUEST)) == {"system_failure"}
    assert recorded(each_storage) == []
    failing.close()


def test_a_broken_signer_gives_a_response(context: Context, stamps: Stamps) -> None:
    class Broken:
        algorithm = stamps.units[0].signer.algorithm
        public_key_info = stamps.units[0].signer.public_key_info

        def sign(self, data: bytes) -> bytes:
            raise RuntimeError("the device was pulled out")

    authority = TimeStampAuthority(context, [replace(stamps.units[0], signer=Broken())])
    assert failure_of(authority.respond(REQUEST)) == {"system_failure"}
    assert recorded(context.storage) == []


def test_time_never_goes_back(each_storage: Storage, clock: FixedClock, stamps: Stamps) -> None:
    authority = TimeStampAuthority(Context(each_storage, clock), stamps.units)
    authority.stamp(SHA256, VALUE)
    clock.advance(timedelta(seconds=-1))
    # A restart forgets nothing, and another unit is no way round.
    restarted = TimeStampAuthority(Context(each_storage, clock), stamps.units)
    for unit in restarted.unit_names:
        assert failure_of(restarted.respond(REQUEST, unit=unit)) == {"time_not_available"}
    assert len(recorded(each_storage)) == 1
    clock.advance(timedelta(seconds=1))
    token_of(restarted.respond(REQUEST))
    assert [row.number for row in recorded(each_storage)] == [1, 2]


def test_a_second_that_passes_while_signing_is_no_failure(context: Context, clock: FixedClock, stamps: Stamps) -> None:
    """A slower thread that looked at the clock earlier tries again."""
    authority = TimeStampAuthority(context, stamps.units)

    class Overtaken:
        algorithm = stamps.units[0].signer.algorithm
        public_key_info = stamps.units[0].signer.public_key_info
        overtaken = False

        def sign(self, data: bytes) -> bytes:
            if not self.overtaken:
                self.overtaken = True
                clock.advance(timedelta(seconds=1))
                authority.stamp(SHA256, VALUE)
            return stamps.units[0].signer.sign(data)

    slow = TimeStampAuthority(context, [replace(stamps.units[0], signer=Overtaken())])
    assert read_token(slow.stamp(SHA256, VALUE)).gen_time == clock.now()
    assert len(recorded(context.storage)) == 2


def test_threads_never_share_a_serial_nor_a_number(each_storage: Storage, stamps: Stamps) -> None:
    authority = TimeStampAuthority(Context(each_storage, SystemClock()), stamps.units[2:])
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _task: token_of(authority.respond(REQUEST)), range(80)))
    serials = {read_token(token).serial for token in tokens}
    rows = recorded(each_storage)
    assert len(serials) == len(rows) == 80
    assert {int(row.serial, 16) for row in rows} == serials
    assert [row.number for row in rows] == list(range(1, 81))
    times = [row.gen_time for row in rows]
    assert times == sorted(times)


def test_a_serial_that_came_up_twice_is_not_used_twice(
    each_storage: Storage, clock: FixedClock, stamps: Stamps
) -> None:
    authority = TimeStampAuthority(Context(each_storage, clock), stamps.units, serial_of=lambda _moment: 42)
    authority.stamp(SHA256, VALUE)
    assert failure_of(authority.respond(REQUEST)) == {"system_failure"}
    assert len(recorded(each_storage)) == 1


def test_serials_are_random_and_fit() -> None:
    moment = datetime(2026, 10, 1, tzinfo=UTC)
    serials = [new_serial(moment) for _number in range(200)]
    assert len(set(serials)) == 200
    assert len({serial & (1 << 80) - 1 for serial in serials}) == 200
    assert all(0 < serial < 2**159 for serial in (*serials, new_serial(datetime.max.replace(tzinfo=UTC))))


def test_the_index_of_serials_grows_at_its_end(each_storage: Storage, clock: FixedClock, stamps: Stamps) -> None:
    """As the books write them: text that sorts as it came."""
    authority = TimeStampAuthority(Context(each_storage, clock), stamps.units)
    for _token in range(5):
        authority.stamp(SHA256, VALUE, unit="p256")
        clock.advance(timedelta(microseconds=1))
    serials = [row.serial for row in recorded(each_storage)]
    assert serials == sorted(serials)


@pytest.mark.parametrize("unit", ["sm2", "rsa", "p256"])
def test_units_by_policy_and_by_address(authority: TimeStampAuthority, stamps: Stamps, unit: str) -> None:
    policy = stamps.policy(unit)
    by_policy = TimeStampRequest(MessageImprint.of(SHA256, VALUE), policy, None, True).encode()
    for response in (authority.respond(by_policy), authority.respond(REQUEST, unit=unit)):
        stamped = read_token(token_of(response))
        assert stamped.policy == policy
        assert stamped.certificate == stamps.hierarchies[unit].tsa.certificate


def test_the_policy_must_be_that_of_the_address(authority: TimeStampAuthority, stamps: Stamps) -> None:
    request = TimeStampRequest(MessageImprint.of(SHA256, VALUE), stamps.policy("rsa")).encode()
    assert failure_of(authority.respond(request, unit="sm2")) == {"unaccepted_policy"}
    with pytest.raises(YinxinError) as caught:
        authority.respond(request, unit="dsa")
    assert caught.value.kind is Kind.NOT_FOUND
    with pytest.raises(YinxinError):
        authority.stamp(SHA256, VALUE, unit="dsa")


def test_an_expired_unit_gives_no_token(context: Context, clock: FixedClock, authority: TimeStampAuthority) -> None:
    clock.moment = datetime(2040, 1, 1, tzinfo=UTC)
    assert failure_of(authority.respond(REQUEST)) == {"system_failure"}
    with pytest.raises(YinxinError, match="gives tokens from 2026-01-01"):
        authority.stamp(SHA256, VALUE)
    clock.moment = datetime(2025, 1, 1, tzinfo=UTC)
    with pytest.raises(YinxinError, match=r"gives tokens from 2026-01-01.*check the clock"):
        authority.stamp(SHA256, VALUE)
    assert recorded(context.storage) == []


def test_the_next_unit_of_a_policy_takes_over(context: Context, clock: FixedClock, stamps: Stamps) -> None:
    hierarchy = stamps.hierarchies["sm2"]
    late = hierarchy.issuing.issue("TSA next", extended=(TIME_STAMPING,), not_before=clock.now() + timedelta(days=700))
    units = [stamps.units[0], Unit("sm2-next", stamps.policy("sm2"), late.key, late.certificate)]
    authority = TimeStampAuthority(context, units)
    assert read_token(authority.stamp(SHA256, VALUE)).certificate == hierarchy.tsa.certificate
    clock.moment = datetime(2029, 6, 1, tzinfo=UTC)
    assert read_token(authority.stamp(SHA256, VALUE)).certificate == late.certificate


@pytest.mark.parametrize("purposes", [(), (OCSP_SIGNING,), (TIME_STAMPING, OCSP_SIGNING)])
def test_only_a_certificate_for_time_stamping_serves(
    stamps: Stamps, clock: FixedClock, purposes: tuple[str, ...]
) -> None:
    party = stamps.hierarchies["p256"].issuing.issue(
        "Other", extended=purposes, kind=KeyKind.P256, not_before=clock.now()
    )
    with pytest.raises(YinxinError, match="only extended key usage"):
        Unit("other", "1.2.3", party.key, party.certificate)


def test_key_and_certificate_must_fit(stamps: Stamps) -> None:
    with pytest.raises(YinxinError, match="not for the key"):
        replace(stamps.units[0], signer=stamps.hierarchies["sm2"].issuing.key)


def test_units_are_needed_and_named_once(context: Context, stamps: Stamps) -> None:
    with pytest.raises(YinxinError, match="at least one"):
        TimeStampAuthority(context, [])
    with pytest.raises(YinxinError, match="same name"):
        TimeStampAuthority(context, [stamps.units[0], stamps.units[0]])
