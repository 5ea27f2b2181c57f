"""The register: seals are made, moved and used, and every use is in the books before the document leaves."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.algorithms import KeyKind
from core.asn1.ses import parse_seal
from core.audit import read_entries
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.signer import Signer
from core.keys.store import KeyStore
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from seals import api_keys, records, register, use
from seals.contracts import SealingSupport
from seals.levels import Level
from seals.making import Maker, check_maker_signature
from seals.placement import Placement
from seals.register import MOVES, SealKind, SealOrder, State
from seals.report import Verdict
from tests.support.sealing import NAME, Office, picture


class OfficeKeys(KeyStore):
    """The office's key, under the name `unit`."""

    def __init__(self, office: Office) -> None:
        super().__init__(Path("/nonexistent"), lambda: b"")
        self.office = office

    def signer(self, name: str) -> Signer:
        assert name == "unit"
        return self.office.unit.key


class OfficeSupport:
    def __init__(self, office: Office) -> None:
        self.office = office

    def support(self, _algorithm: object) -> SealingSupport:
        return self.office.support


@pytest.fixture
def maker(sm2_office: Office) -> Maker:
    party = sm2_office.issuing.issue("Seal Maker", kind=KeyKind.SM2, not_before=sm2_office.start)
    return Maker(party.key, party.certificate)


@pytest.fixture
def keys(sm2_office: Office) -> OfficeKeys:
    return OfficeKeys(sm2_office)


@pytest.fixture
def order(sm2_office: Office) -> SealOrder:
    unit = sm2_office.unit
    return SealOrder("office", NAME, SealKind.OFFICIAL, "unit", unit.certificate, unit.chain, picture(), 42)


@pytest.fixture
def books(context: Context, keys: OfficeKeys, maker: Maker, order: SealOrder) -> Context:
    """A register with one seal."""
    register.make(context, keys, maker, order, actor="tester")
    return context


def use_order(plain: bytes, level: Level = Level.B_LTA) -> use.UseOrder:
    return use.UseOrder(plain, Placement(1, 100, 100), level, purpose="a notice")


def test_a_seal_is_made_and_found_again(
    each_storage: Storage, maker: Maker, keys: OfficeKeys, order: SealOrder
) -> None:
    context = Context(each_storage, keys.office.clock)
    made = register.make(context, keys, maker, order, actor="tester")
    assert made == register.find(context, "office") == register.list_seals(context)[0]
    assert (made.owner, made.kind, made.state) == (NAME, SealKind.OFFICIAL, State.ACTIVE)
    assert (made.certificate, made.chain) == (order.certificate, tuple(order.chain))
    assert made.valid_until == x509.Certificate.load(order.certificate).not_valid_after
    register.move(context, "office", State.FROZEN, actor="tester", reason="lost")
    assert register.find(context, "office").state is State.FROZEN
    with each_storage.reading() as connection:
        acts = [entry["act"] for entry in read_entries(connection, limit=10)]
    assert acts == ["seals.seal.move", "seals.seal.make"]


def test_the_structure_is_a_seal_of_gbt_38540(books: Context, maker: Maker) -> None:
    seal = parse_seal(register.find(books, "office").structure)
    check_maker_signature(seal)
    # GB/T 38540: the maker signs DER(eSealInfo), with Z of the default ID, and nothing beside it.
    point = curve.point_of(maker.signer.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, seal.signature, seal.signed)
    assert seal.algorithm == "1.2.156.10197.1.501"
    info = seal.structure["seal_info"].native
    assert info["property"]["cert_list"] == [register.find(books, "office").certificate]
    assert (info["picture"]["width"], info["picture"]["height"]) == (42, 42)
    changed = parse_seal(seal.original.replace(NAME.encode(), NAME.encode()[:-1] + b"\xa5"))
    with pytest.raises(YinxinError, match="changed since"):
        check_maker_signature(changed)


def test_an_rsa_maker_can_make_seals_too(
    context: Context, rsa_office: Office, keys: OfficeKeys, order: SealOrder
) -> None:
    party = rsa_office.issuing.issue("Maker", kind=KeyKind.RSA_2048, not_before=rsa_office.start)
    made = register.make(context, keys, Maker(party.key, party.certificate), order, actor="tester")
    check_maker_signature(parse_seal(made.structure))
    assert parse_seal(made.structure).algorithm == "1.2.840.113549.1.1.11"


def test_what_is_wrong_with_an_order_is_said(
    context: Context, keys: OfficeKeys, maker: Maker, order: SealOrder, rsa_office: Office
) -> None:
    wrong = [
        (replace(order, name="Amt!"), "a-z"),
        (replace(order, certificate=rsa_office.unit.certificate), "not for the key"),
        (replace(order, picture=b"picture"), "PNG"),
        (replace(order, owner=""), "needs a name"),
    ]
    for bad, words in wrong:
        with pytest.raises(YinxinError, match=words):
            register.make(context, keys, maker, bad, actor="tester")
    with pytest.raises(YinxinError, match="does not belong"):
        register.make(context, keys, Maker(rsa_office.unit.key, maker.certificate), order, actor="tester")
    assert register.list_seals(context) == []
    register.make(context, keys, maker, order, actor="tester")
    with pytest.raises(YinxinError, match="already") as caught:
        register.make(context, keys, maker, order, actor="tester")
    assert caught.value.kind is Kind.CONFLICT


def test_who_has_expired_makes_nothing(storage: Storage, keys: OfficeKeys, order: SealOrder) -> None:
    party = keys.office.issuing.issue("Maker", kind=KeyKind.SM2, not_before=keys.office.start, days=15)
    maker = Maker(party.key, party.certificate)
    for days, words in (
        (6, "seal maker's certificate is not valid now"),
        (2000, "owner's certificate is not valid now"),
    ):
        context = Context(storage, FixedClock(keys.office.clock.now() + timedelta(days=days)))
        with pytest.raises(YinxinError, match=words):
            register.make(context, keys, maker, order, actor="tester")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.sampled_from(State), max_size=6))
def test_only_the_moves_of_the_table_are_made(
    context: Context, keys: OfficeKeys, maker: Maker, order: SealOrder, moves: list[State]
) -> None:
    name = f"s{len(register.list_seals(context))}"
    register.make(context, keys, maker, replace(order, name=name), actor="tester")
    state = State.ACTIVE
    for wanted in moves:
        if wanted in MOVES[state]:
            register.move(context, name, wanted, actor="tester", reason="test")
            state = wanted
        else:
            with pytest.raises(YinxinError, match="cannot become"):
                register.move(context, name, wanted, actor="tester", reason="test")
        assert register.find(context, name).state is state


def test_every_use_is_recorded(books: Context, keys: OfficeKeys, plain: bytes) -> None:
    sealed = use.stamp(books, keys, OfficeSupport(keys.office), "office", use_order(plain), actor="oa-system").read()
    assert keys.office.report(sealed).verdict is Verdict.VALID
    with books.storage.reading() as connection:
        (row,) = connection.execute(sa.select(records.seal_uses)).all()
        entry = read_entries(connection, limit=1)[0]
    assert (row.sha256_before, row.sha256_after) == (sha256(plain).hexdigest(), sha256(sealed).hexdigest())
    assert (row.actor, row.purpose, row.level, row.page) == ("oa-system", "a notice", "B-LTA", 1)
    assert (entry["act"], entry["actor"], entry["subject"]) == ("seals.document.seal", "oa-system", "office")
    assert entry["details"]["sha256_after"] == sha256(sealed).hexdigest()


def test_what_cannot_be_recorded_is_not_handed_out(books: Context, keys: OfficeKeys, plain: bytes) -> None:
    with books.storage.transaction() as connection:
        connection.exec_driver_sql("DROP TABLE audit_entries")
    with pytest.raises(YinxinError, match="database"):
        use.stamp(books, keys, OfficeSupport(keys.office), "office", use_order(plain), actor="oa-system").read()
    with books.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(records.seal_uses)) == 0


@pytest.mark.parametrize("state", [State.FROZEN, State.DESTROYED])
def test_a_seal_that_is_not_active_seals_nothing(books: Context, keys: OfficeKeys, plain: bytes, state: State) -> None:
    register.move(books, "office", state, actor="tester", reason="lost")
    with pytest.raises(YinxinError, match=f"the seal is {state}") as caught:
        use.stamp(books, keys, OfficeSupport(keys.office), "office", use_order(plain), actor="oa-system").read()
    assert caught.value.kind is Kind.CONFLICT


def test_a_seal_frozen_while_it_seals_seals_nothing(books: Context, keys: OfficeKeys, plain: bytes) -> None:
    class FreezesMeanwhile(OfficeSupport):
        def support(self, algorithm: object) -> SealingSupport:
            register.move(books, "office", State.FROZEN, actor="guard", reason="stolen")
            return super().support(algorithm)

    with pytest.raises(YinxinError, match="the seal is frozen"):
        use.stamp(books, keys, FreezesMeanwhile(keys.office), "office", use_order(plain), actor="oa-system").read()
    with books.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(records.seal_uses)) == 0


def test_an_unknown_seal(books: Context, keys: OfficeKeys, plain: bytes) -> None:
    with pytest.raises(YinxinError, match="no seal of this name") as caught:
        use.stamp(books, keys, OfficeSupport(keys.office), "none", use_order(plain), actor="oa-system")
    assert caught.value.kind is Kind.NOT_FOUND


def test_an_api_key_opens_its_seals_and_no_others(
    books: Context, keys: OfficeKeys, maker: Maker, order: SealOrder
) -> None:
    register.make(books, keys, maker, replace(order, name="other"), actor="tester")
    key = api_keys.create(books, "oa-system", ["office"], actor="tester")
    assert api_keys.bearer(books, key) == "oa-system"
    assert api_keys.bearer(books, key[:-1]) is None
    api_keys.require_use(books, "oa-system", "office")
    for seal in ("other", "none"):
        with pytest.raises(YinxinError, match="may not use") as caught:
            api_keys.require_use(books, "oa-system", seal)
        assert caught.value.kind is Kind.FORBIDDEN
    with books.storage.reading() as connection:
        (row,) = connection.execute(sa.select(records.api_keys)).all()
        assert key.encode() not in row.sha256
        assert all(key not in str(entry) for entry in read_entries(connection, limit=10))


@pytest.mark.parametrize(
    ("name", "seals", "words"),
    [("oa", ["none"], "no seal"), ("O A", ["office"], "a-z"), ("oa", [], "at least one")],
)
def test_an_api_key_that_cannot_be_made(books: Context, name: str, seals: list[str], words: str) -> None:
    with pytest.raises(YinxinError, match=words):
        api_keys.create(books, name, seals, actor="tester")
    with books.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(records.api_keys)) == 0
