"""Uses of seals: within their bounds, counted whoever uses them at the same time, in the books before they leave."""

import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms import KeyKind
from core.audit import read_entries
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.refusals import RefusedError
from core.storage import Storage
from seals import records, use
from seals.contracts import SealingSupport
from seals.levels import Level
from seals.placement.placement import Placement
from seals.register.bounds import BEIJING, Bounds, Use, bounds_of, day_of, require_within
from seals.register.registered import find
from seals.register.statements import Act
from seals.register.uses import Sealed, UseRecord, list_uses, record
from seals.verification.report import Verdict
from tests.support.seal_people import (
    AUDITOR,
    CUSTODIAN,
    MANAGERS,
    Bureau,
    Crew,
    OfficeSupport,
    bureau_of,
    order_of,
    refused,
)
from tests.support.sealing import Office

MORNING = datetime(2026, 11, 2, 9, 30, tzinfo=BEIJING)
"""A Monday."""


@pytest.fixture
def bureau(each_storage: Storage, sm2_office: Office, crew: Crew) -> Bureau:
    return bureau_of(Context(each_storage, sm2_office.clock), sm2_office, crew)


@pytest.fixture(scope="module")
def filled(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office, crew: Crew) -> Path:
    """A database with three seals in use: without bounds, with a quota, and one that asks for permissions."""
    file = tmp_path_factory.mktemp("filled") / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    storage = Storage(f"sqlite:///{file}")
    bureau = bureau_of(Context(storage, sm2_office.clock), sm2_office, crew)
    bureau.seal()
    bureau.seal("few", bounds=Bounds(per_day=2, total=3, callers=("oa",)))
    bureau.seal("strict", bounds=Bounds(approval=True))
    storage.close()
    return file


@pytest.fixture
def seals(with_seal: Bureau) -> Bureau:
    """The register with those seals."""
    return with_seal


def order_for(plain: bytes, level: Level = Level.B_LTA, **more: Any) -> use.UseOrder:
    return use.UseOrder(plain, Placement(1, 100, 100), level, purpose="a notice", **more)


def stamp(seals: Bureau, order: use.UseOrder, name: str = "office", support: OfficeSupport | None = None) -> bytes:
    support = support or seals.support
    return use.stamp(seals.context, seals.keys, support, seals.crew, name, order, actor="oa").read()


def uses(seals: Bureau) -> list[Any]:
    with seals.context.storage.reading() as connection:
        return list(connection.execute(sa.select(records.seal_uses).order_by(records.seal_uses.c.id)).all())


def enter(seals: Bureau, name: str = "few", *, at: datetime | None = None, document: str = "0" * 64) -> int:
    """A use without a document, which takes no time."""
    context = seals.context if at is None else Context(seals.context.storage, FixedClock(at))
    seal = find(context, seals.crew, name)
    sealed = Sealed(document, "1" * 64, "B-B", 1, "100, 100 mm")
    return record(context, seals.crew, name, Use("oa"), sealed, digest=seal.digest)


def test_every_use_is_recorded(seals: Bureau, plain: bytes) -> None:
    order = order_for(plain, person="张三", document_type="notice")
    sealed = stamp(seals, order)
    assert seals.office.report(sealed).verdict is Verdict.VALID
    (row,) = uses(seals)
    assert (row.sha256_before, row.sha256_after) == (sha256(plain).hexdigest(), sha256(sealed).hexdigest())
    assert (row.actor, row.purpose, row.level, row.page) == ("oa", "a notice", "B-LTA", 1)
    assert (row.ordinal, row.revision, row.person, row.document_type) == (1, 1, "张三", "notice")
    assert row.place == "1: 100, 100 mm"
    with seals.context.storage.reading() as connection:
        entry = read_entries(connection, limit=1)[0]
    assert (entry["act"], entry["actor"], entry["subject"]) == ("seals.document.seal", "oa", "office")
    assert entry["details"]["sha256_after"] == sha256(sealed).hexdigest()
    assert entry["details"]["person"] == "张三"


@pytest.mark.parametrize("level", [Level.B_B, Level.B_T])
def test_the_token_in_the_books_is_the_last_in_the_document(seals: Bureau, plain: bytes, level: Level) -> None:
    given: list[bytes] = []
    seals.office.timestamper.answer = lambda token: given.append(token) or token  # type: ignore[func-returns-value]
    try:
        sealed = stamp(seals, order_for(plain, level))
    finally:
        seals.office.timestamper.answer = lambda token: token
    (row,) = uses(seals)
    assert row.token_sha256 == (sha256(given[-1]).hexdigest() if given else None)
    assert bool(given) is (level is Level.B_T)
    assert all(token.hex().encode() in sealed.lower() for token in given[-1:])


def test_what_cannot_be_recorded_is_not_handed_out(seals: Bureau, plain: bytes) -> None:
    with seals.context.storage.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE audit_entries")
    with pytest.raises(YinxinError, match="database"):
        stamp(seals, order_for(plain, Level.B_B))
    assert uses(seals) == []


@pytest.mark.parametrize("acts", [(Act.FREEZE,), (Act.HAND_IN,)])
def test_a_seal_that_is_not_active_seals_nothing(seals: Bureau, plain: bytes, acts: tuple[Act, ...]) -> None:
    for act in acts:
        seals.decide(act, MANAGERS[0])
    with pytest.raises(YinxinError, match=r"the seal is (frozen|handed-in)") as caught:
        stamp(seals, order_for(plain))
    assert caught.value.kind is Kind.CONFLICT


def test_a_seal_that_was_never_activated_seals_nothing(seals: Bureau, plain: bytes) -> None:
    seals.apply(order_of(seals.office, "new"))
    with pytest.raises(YinxinError, match="the seal is applied"):
        stamp(seals, order_for(plain), "new")


def test_a_seal_frozen_or_changed_while_it_seals_seals_nothing(seals: Bureau, plain: bytes) -> None:
    class Meanwhile(OfficeSupport):
        def __init__(self, act: Callable[[], object]) -> None:
            super().__init__(seals.office)
            self.act = act

        def support(self, algorithm: object) -> SealingSupport:
            self.act()
            return super().support(algorithm)

    def change() -> None:
        seals.change(order_of(seals.office))
        seals.put_to_use()

    with pytest.raises(YinxinError, match="has changed meanwhile"):
        stamp(seals, order_for(plain, Level.B_B), support=Meanwhile(change))
    with pytest.raises(YinxinError, match="the seal is frozen"):
        stamp(seals, order_for(plain, Level.B_B), support=Meanwhile(lambda: seals.decide(Act.FREEZE, MANAGERS[0])))
    assert uses(seals) == []


def test_an_unknown_seal(seals: Bureau, plain: bytes) -> None:
    with pytest.raises(YinxinError, match="no seal of this name") as caught:
        stamp(seals, order_for(plain), "none")
    assert caught.value.kind is Kind.NOT_FOUND


def test_so_many_a_day_and_so_many_in_all(seals: Bureau) -> None:
    day = MORNING
    assert [enter(seals, at=day), enter(seals, at=day + timedelta(hours=14))] == [1, 2]
    refused("per-day", lambda: enter(seals, at=day + timedelta(hours=14, minutes=29)))
    # Midnight in Beijing, not in Greenwich.
    assert enter(seals, at=day + timedelta(hours=14, minutes=30)) == 3
    refused("total", lambda: enter(seals, at=day + timedelta(days=3)))
    assert [row.ordinal for row in uses(seals)] == [1, 2, 3]
    with seals.context.storage.reading() as connection:
        entry = read_entries(connection, limit=1)[0]
    assert (entry["act"], entry["details"]) == ("seals.document.seal.refused", {"rule": "total"})


def test_uses_are_counted_over_all_versions(seals: Bureau) -> None:
    enter(seals)
    seals.change(order_of(seals.office, "few", bounds=Bounds(total=2)))
    seals.put_to_use("few")
    assert enter(seals) == 2
    refused("total", lambda: enter(seals))
    assert [row.revision for row in uses(seals)] == [1, 2]


def test_what_is_out_of_bounds_is_refused_before_anything_is_sealed(seals: Bureau, plain: bytes) -> None:
    class Untouched(OfficeSupport):
        def support(self, _algorithm: object) -> SealingSupport:
            raise AssertionError

    order = order_for(plain)
    arguments = (seals.context, seals.keys, Untouched(seals.office), seals.crew, "few", order)
    refused("caller", lambda: use.stamp(*arguments, actor="mail"))


USE = Use("oa", "张三", "notice")


@pytest.mark.parametrize(
    ("bounds", "changed", "rule"),
    [
        ({"callers": ("oa",)}, {"caller": "mail"}, "caller"),
        ({"persons": ("张三", "李四")}, {"person": "王五"}, "person"),
        ({"persons": ("张三",)}, {"person": ""}, "person"),
        ({"document_types": ("notice",)}, {"document_type": "contract"}, "document-type"),
    ],
)
def test_who_and_what_for(bounds: dict[str, Any], changed: dict[str, str], rule: str) -> None:
    def attempt(one: Use) -> None:
        require_within(bounds_of(**bounds), one, MORNING, today=0, in_all=0, seal="s")

    attempt(USE)
    refused(rule, lambda: attempt(replace(USE, **changed)))


@pytest.mark.parametrize(
    ("bounds", "at", "allowed"),
    [
        ({"hours": "08:30-18:00"}, (8, 29), False),
        ({"hours": "08:30-18:00"}, (8, 30), True),
        ({"hours": "08:30-18:00"}, (17, 59), True),
        ({"hours": "08:30-18:00"}, (18, 0), False),
        ({"hours": "20:00-06:00"}, (23, 0), True),
        ({"hours": "20:00-06:00"}, (5, 59), True),
        ({"hours": "20:00-06:00"}, (12, 0), False),
        ({"hours": "08:00-24:00"}, (23, 59), True),
        ({"hours": "08:00-24:00"}, (7, 59), False),
        ({"weekdays": (1, 2)}, (12, 0), True),
        ({"weekdays": (6, 7)}, (12, 0), False),
    ],
)
def test_hours_and_days(bounds: dict[str, Any], at: tuple[int, int], allowed: bool) -> None:
    moment = MORNING.replace(hour=at[0], minute=at[1])
    # Wherever the clock says it.
    moment = moment.astimezone(None)

    def attempt() -> None:
        require_within(bounds_of(**bounds), USE, moment, today=0, in_all=0, seal="s")

    if allowed:
        attempt()
    else:
        refused("hours", attempt)


@given(
    today=st.integers(0, 5),
    earlier=st.integers(0, 5),
    per_day=st.none() | st.integers(1, 5),
    total=st.none() | st.integers(1, 9),
)
def test_quotas_say_exactly_how_many(today: int, earlier: int, per_day: int | None, total: int | None) -> None:
    bounds = Bounds(per_day=per_day, total=total)
    within = (per_day is None or today < per_day) and (total is None or today + earlier < total)
    try:
        require_within(bounds, USE, MORNING, today=today, in_all=today + earlier, seal="s")
    except RefusedError as error:
        assert not within
        assert error.rule in ("per-day", "total")
    else:
        assert within


NO_BOUNDS: list[dict[str, Any]] = [
    *({"hours": hours} for hours in ("8-18", "08:00-25:00", "always")),
    *({"weekdays": (0,)}, {"per_day": 0}, {"total": -1}, {"callers": ("",)}),
]


@pytest.mark.parametrize("wrong", NO_BOUNDS)
def test_what_is_no_bound_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(YinxinError, match="not a bound"):
        bounds_of(**wrong)


def test_a_day_begins_at_midnight_in_beijing() -> None:
    assert day_of(MORNING) == MORNING.replace(hour=0, minute=0)
    assert day_of(MORNING.replace(hour=0, minute=0)) == MORNING.replace(hour=0, minute=0)


def compete(url: str, times: int) -> list[int]:
    """In a process of its own: use the seal as often as it lets us."""
    (competing,) = COMPETING
    storage = Storage(url)
    bureau = replace(competing, context=Context(storage, competing.office.clock))
    done = []
    for _turn in range(times):
        try:
            done.append(enter(bureau, "many"))
        except RefusedError as error:
            assert error.rule == "per-day"
    storage.close()
    return done


COMPETING: list[Bureau] = []
"""Inherited by the processes that are forked."""


def test_a_quota_holds_whoever_uses_the_seal_at_the_same_time(bureau: Bureau) -> None:
    """Two processes want sixteen uses, ten are allowed: exactly ten are made, numbered without gaps."""
    bureau.seal("many", bounds=Bounds(per_day=10))
    COMPETING[:] = [bureau]
    url = bureau.context.storage.url
    bureau.context.storage.close()
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        futures = [pool.submit(compete, url, 8) for _process in range(2)]
        done = [ordinal for future in futures for ordinal in future.result(timeout=60)]
    assert sorted(done) == list(range(1, 11))
    assert [row.ordinal for row in uses(bureau)] == list(range(1, 11))


def test_uses_are_for_auditors_and_custodians_to_see(seals: Bureau) -> None:
    for _turn in range(2):
        enter(seals)

    def listed(who: str, **page: Any) -> list[UseRecord]:
        return list_uses(seals.context, seals.crew, seals.crew[who], "few", **page)

    assert [one.ordinal for one in listed(AUDITOR)] == [2, 1]
    assert [one.ordinal for one in listed(CUSTODIAN, limit=1)] == [2]
    assert [one.ordinal for one in listed(CUSTODIAN, before=2)] == [1]
    for who in (MANAGERS[0], "ma.hao"):
        refused("duty", partial(listed, who))


def test_a_seal_whose_certificate_has_ended_seals_nothing(seals: Bureau) -> None:
    refusal = "the seal is no longer valid"
    with pytest.raises(YinxinError, match=refusal):
        enter(seals, at=seals.context.clock.now() + timedelta(days=2000))


def test_an_rsa_seal_is_used_alike(storage: Storage, rsa_office: Office, plain: bytes) -> None:
    bureau = bureau_of(Context(storage, rsa_office.clock), rsa_office)
    bureau.seal()
    assert rsa_office.kind is KeyKind.RSA_2048
    assert rsa_office.report(stamp(bureau, order_for(plain))).verdict is Verdict.VALID
