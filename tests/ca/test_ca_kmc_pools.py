"""Escrowed keys from making to destruction: pools, allotment, and what somebody with the database could try."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.escrow import KeyRequest
from ca.kmc import pools, records
from ca.kmc.allotment import allot, find_by_reference, holder_of, revoke
from ca.kmc.destruction import destroy, due_for_destruction
from ca.kmc.history import find_key
from ca.kmc.pools import Level
from ca.kmc.state import MOVES, Move, Pool
from core.algorithms import KeyKind
from core.audit import read_entries
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.envelope import open_cms
from core.keys.envelope_reading import inspect, open_envelope
from core.keys.private_key import PycaKey, Sm2Key, generate
from core.storage import Storage
from tests.support import pki
from tests.support.kmc import Centre, party
from tests.support.openssl import openssl


@pytest.fixture
def centre(context: Context, tmp_path: Path) -> Centre:
    return Centre(context, tmp_path)


@pytest.fixture
def each_centre(each_storage: Storage, clock: FixedClock, tmp_path: Path) -> Iterator[Centre]:
    yield Centre(Context(each_storage, clock), tmp_path)


def pool_of(centre: Centre, number: str) -> Pool:
    with centre.context.storage.reading() as connection:
        return find_key(connection, number).pool


def holder_key(name: str = "张三") -> Sm2Key:
    key = party(name).key
    assert isinstance(key, Sm2Key)
    return key


def change(centre: Centre, table: sa.Table, **values: object) -> None:
    with centre.context.storage.transaction() as connection:
        connection.execute(sa.update(table).values(values))


def test_the_life_of_a_key(each_centre: Centre, clock: FixedClock) -> None:
    centre = each_centre
    (number,) = centre.fill()
    assert pool_of(centre, number) is Pool.SPARE
    request = centre.request(days=10)
    allotted = allot(centre.context, centre.custodian, request, actor="ca")
    assert allotted.number == number
    found = inspect(allotted.envelope, holder_key(), allotted.public_key_info)
    assert found.key is not None
    assert found.remarks == ()
    with centre.context.storage.reading() as connection:
        assert find_by_reference(connection, request.reference) == number
    with pytest.raises(YinxinError, match="cannot be moved"):
        destroy(centre.desk, centre.session("甲"), number)
    revoke(centre.context, number, actor="ca", reference="serial 1")
    assert pool_of(centre, number) is Pool.HISTORICAL
    assert due_for_destruction(centre.context) == []
    with pytest.raises(YinxinError, match="kept until"):
        destroy(centre.desk, centre.session("甲"), number)
    clock.advance(timedelta(days=10))
    assert [one.number for one in due_for_destruction(centre.context)] == [number]
    assert [destroy(centre.desk, centre.session(name), number) for name in ("甲", "乙")] == [False, True]
    assert due_for_destruction(centre.context) == []
    assert pool_of(centre, number) is Pool.DESTROYED
    with centre.context.storage.reading() as connection:
        assert connection.scalar(sa.select(records.keys.c.wrapped)) is None
        acts = [(entry["act"], entry["actor"]) for entry in read_entries(connection, limit=10)]
        moves = list(connection.scalars(sa.select(records.key_events.c.move).order_by(records.key_events.c.sequence)))
    made = [act for act, _actor in reversed(acts) if act.startswith("kmc.key.")]
    assert made == [f"kmc.key.{move}" for move in moves]
    assert ("kmc.key.destroy", "乙") in acts
    assert moves == ["generate", "allot", "revoke", "destroy"]
    assert acts[-1][1] == "keeper"


def test_the_same_request_again_gives_the_same_pair(centre: Centre) -> None:
    centre.fill(2)
    request = centre.request()
    first, second = (allot(centre.context, centre.reopened(), request, actor="ca") for _time in range(2))
    assert (first.number, first.public_key_info) == (second.number, second.public_key_info)
    assert first.envelope != second.envelope
    other = centre.request("李四", reference=request.reference)
    with pytest.raises(YinxinError, match="another holder"):
        allot(centre.context, centre.custodian, other, actor="ca")
    revoke(centre.context, first.number, actor="ca")
    with pytest.raises(YinxinError, match="no longer in use"):
        allot(centre.context, centre.custodian, request, actor="ca")


def test_no_key_is_allotted_twice_by_processes_at_once(each_centre: Centre) -> None:
    centre = each_centre
    centre.fill(6)
    requests = [centre.request() for _number in range(6)]

    def one(request: KeyRequest) -> str:
        for _attempt in range(20):
            try:
                return allot(centre.context, centre.custodian, request, actor="ca").number
            except YinxinError as error:
                assert error.kind in (Kind.CONFLICT, Kind.UNAVAILABLE)
        raise AssertionError("never allotted")

    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(one, requests))
    assert len(set(numbers)) == 6


def test_an_empty_pool_and_its_refill(centre: Centre) -> None:
    with pytest.raises(YinxinError, match="no spare key") as caught:
        allot(centre.context, centre.custodian, centre.request(), actor="ca")
    assert caught.value.kind is Kind.UNAVAILABLE
    level = Level(least=2, full=3)
    assert len(pools.refill(centre.context, centre.custodian, KeyKind.SM2, level, actor="timer")) == 3
    for spare in (2, 1):
        assert pools.refill(centre.context, centre.custodian, KeyKind.SM2, level, actor="timer") == []
        allot(centre.context, centre.custodian, centre.request(), actor="ca")
        counts = {one.pool: one.count for one in pools.statistics(centre.context)}
        assert counts == {Pool.SPARE: spare, Pool.ACTIVE: 3 - spare}
    assert len(pools.refill(centre.context, centre.custodian, KeyKind.SM2, level, actor="timer")) == 2


def test_signing_keys_are_never_escrowed(centre: Centre) -> None:
    for kind in (KeyKind.P256, KeyKind.P384):
        with pytest.raises(YinxinError, match="never escrowed"):
            centre.fill(kind=kind)


def test_a_failing_audit_log_undoes_everything(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    (number,) = centre.fill()
    with monkeypatch.context() as patch:
        patch.setattr("core.audit.AuditLog.extend", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            allot(centre.context, centre.custodian, centre.request(), actor="ca")
        with pytest.raises(ZeroDivisionError):
            centre.fill()
    assert pool_of(centre, number) is Pool.SPARE
    assert [one.count for one in pools.statistics(centre.context)] == [1]


def test_a_pair_that_cannot_be_delivered_is_not_allotted(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    (number,) = centre.fill()
    with monkeypatch.context() as patch:
        patch.setattr("ca.kmc.allotment.wrap_sm2_key", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            allot(centre.context, centre.custodian, centre.request(), actor="ca")
    assert pool_of(centre, number) is Pool.SPARE


def test_rsa_holders(centre: Centre, clock: FixedClock, tmp_path: Path) -> None:
    centre.fill(kind=KeyKind.RSA_2048)
    holder = pki.root(KeyKind.RSA_2048, not_before=clock.now())
    until = clock.now() + timedelta(days=1)
    request = KeyRequest("R", holder.name, holder.key.public_key_info, until, KeyKind.RSA_2048)
    wrong: list[tuple[KeyRequest, bytes | None]] = [
        (replace(request, kind=KeyKind.SM2), None),
        (request, party("张三").certificate),
    ]
    for asked, certificate in wrong:
        with pytest.raises(YinxinError):
            allot(centre.context, centre.custodian, asked, actor="ca", certificate=certificate)
    early = allot(centre.context, centre.custodian, request, actor="ca")  # the certificate is not signed yet
    allotted = allot(centre.context, centre.custodian, request, actor="ca", certificate=holder.certificate)
    assert (early.envelope, early.number) == (b"", allotted.number)
    assert isinstance(holder.key, PycaKey)
    opened = open_cms(allotted.envelope, holder.certificate, holder.key)
    assert opened.public_key_info == allotted.public_key_info
    (tmp_path / "message").write_bytes(allotted.envelope)
    (tmp_path / "key").write_bytes(holder.key.pkcs8())
    arguments = ("-inform", "DER", "-in", tmp_path / "message", "-inkey", tmp_path / "key", "-keyform", "DER")
    assert openssl("cms", "-decrypt", *arguments) == opened.pkcs8()


def test_a_key_that_somebody_else_wrapped_is_never_allotted(centre: Centre, tmp_path: Path) -> None:
    """Anybody can encrypt to the centre's public key; only the centre vouches."""
    (number,) = centre.fill()
    stranger = Centre(centre.context, tmp_path / "stranger")
    planted = stranger.custodian.keep(number, generate(KeyKind.SM2))
    change(centre, records.keys, wrapped=planted.wrapped, voucher=planted.voucher)
    with pytest.raises(YinxinError, match="changed by somebody else"):
        allot(centre.context, centre.custodian, centre.request(), actor="ca")
    assert pool_of(centre, number) is Pool.SPARE


@pytest.mark.parametrize("column", ["wrapped", "voucher", "public_key_info"])
def test_what_is_moved_from_one_row_to_another_is_noticed(centre: Centre, column: str) -> None:
    centre.fill(2)
    with centre.context.storage.transaction() as connection:
        first, second = connection.execute(sa.select(records.keys).order_by(records.keys.c.id))
        connection.execute(
            sa.update(records.keys).where(records.keys.c.id == first.id).values({column: getattr(second, column)})
        )
    with pytest.raises(YinxinError, match="changed by somebody else"):
        allot(centre.context, centre.custodian, centre.request(), actor="ca")


def test_an_active_key_called_spare_in_the_database_is_not_allotted_again(centre: Centre) -> None:
    centre.allot()
    change(centre, records.keys, pool="spare")
    with pytest.raises(YinxinError, match="cannot be moved"):
        allot(centre.context, centre.custodian, centre.request(), actor="ca")


def test_an_allotment_rewritten_to_somebody_else_is_noticed(centre: Centre) -> None:
    allotted = centre.allot()
    change(centre, records.allotments, holder=party("李四").name)
    with centre.context.storage.reading() as connection, pytest.raises(YinxinError, match="changed by somebody else"):
        holder_of(connection, centre.custodian, find_key(connection, allotted.number))


def test_the_database_alone_opens_nothing(centre: Centre, tmp_path: Path) -> None:
    """Another centre's keys, as those of the CA's process would be, are of no use."""
    (number,) = centre.fill()
    with centre.context.storage.reading() as connection:
        kept = find_key(connection, number).kept()
    assert centre.reopened().open(kept).public_key_info == kept.public_key_info
    with pytest.raises(YinxinError):
        Centre(centre.context, tmp_path / "other").custodian.open(kept)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.sampled_from([Move.ALLOT, Move.REVOKE, Move.DESTROY]), max_size=6))
def test_random_moves_follow_the_table(centre: Centre, moves: list[Move]) -> None:
    (number,) = centre.fill()
    with centre.context.storage.transaction() as connection:  # older examples' keys out of the way
        connection.execute(
            sa.update(records.keys).where(records.keys.c.number != number).values(pool=Pool.DESTROYED.value)
        )
    state: Pool = Pool.SPARE
    for move in moves:
        expected = MOVES.get((state, move))
        try:
            if move is Move.ALLOT:
                allot(centre.context, centre.custodian, centre.request(days=0), actor="ca")
            elif move is Move.REVOKE:
                revoke(centre.context, number, actor="ca")
            else:
                destroy(centre.desk, centre.session("甲"), number)
                destroy(centre.desk, centre.session("乙"), number)
        except YinxinError:
            assert expected is None
        else:
            assert expected is not None
            state = expected
        assert pool_of(centre, number) is state


def test_the_envelope_is_for_the_holder_alone(centre: Centre) -> None:
    allotted = centre.allot("张三")
    assert open_envelope(allotted.envelope, holder_key("张三")).public_key_info == allotted.public_key_info
    with pytest.raises(YinxinError, match="not for this key"):
        open_envelope(allotted.envelope, holder_key("李四"))
