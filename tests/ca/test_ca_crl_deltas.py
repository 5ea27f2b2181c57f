"""Shards and deltas: base + delta = full, whatever happened; and lists that refuse to be anything else."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca import conformance, crl, hierarchy
from ca.crl.issue import Terms
from ca.issuance import Approval
from ca.records import crl_parts, crls
from ca.revocation import Reason, hold, resume, revoke
from core.algorithms import KeyKind
from core.audit import entries as audit_entries
from core.clock import FixedClock
from core.config import CaSettings
from core.context import Context
from core.errors import Kind, YinxinError
from core.storage import Storage
from core.subject import Subject
from tests.support.ca import NOW, TestCentre, pooled_key

SHARDS = 3
NAME = "sm2-divided"
TERMS = Terms(hours=24, delta_hours=2)


def divide(centre: TestCentre, shards: int = SHARDS, *, deltas: bool = True) -> None:
    """An authority whose lists are split."""
    approval = Approval("ceremony divided", b"\x00" * 32, ("keeper",))
    subject = Subject.of_service("测试中心", "Divided")
    hierarchy.create_issuing(
        centre.ca, NAME, KeyKind.SM2, subject, issuer="sm2-root", approval=approval, actor="keeper",
        shards=shards, deltas=deltas,
    )  # fmt: skip


@pytest.fixture
def divided(centre: TestCentre) -> TestCentre:
    divide(centre)
    return centre


def parsed(centre: TestCentre, shard: int, *, delta: bool = False) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(crl.latest(centre.context, NAME, shard=shard, delta=delta))


def number_of(parsed_list: x509.CertificateRevocationList) -> int:
    return parsed_list.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


Entries = dict[int, tuple[datetime, str | None]]


def entries_of(parsed_list: x509.CertificateRevocationList) -> Entries:
    entries: Entries = {}
    for entry in parsed_list:
        reasons = [one.value.reason.value for one in entry.extensions if isinstance(one.value, x509.CRLReason)]
        entries[entry.serial_number] = (entry.revocation_date_utc, reasons[0] if reasons else None)
    return entries


def combined(base: Entries, delta: Entries) -> Entries:
    """RFC 5280 5.2.4, by somebody who relies on lists."""
    after = base | delta
    return {serial: entry for serial, entry in after.items() if entry[1] != "removeFromCRL"}


def test_certificates_name_the_list_on_which_they_would_stand(divided: TestCentre) -> None:
    crl.publish(divided.context, divided.keys, NAME, TERMS)
    for _each in range(3):
        issued = divided.issue(authority=NAME)
        extensions = x509.load_der_x509_certificate(issued.certificate).extensions
        shard = issued.serial % SHARDS
        (point,) = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        (freshest,) = extensions.get_extension_for_class(x509.FreshestCRL).value
        assert point.full_name and freshest.full_name
        assert point.full_name[0].value == f"http://ca.test/crl/{NAME}/{shard}.crl"
        assert freshest.full_name[0].value == f"http://ca.test/crl/{NAME}/{shard}-delta.crl"
        full, delta = parsed(divided, shard), parsed(divided, shard, delta=True)
        for one in (full, delta):
            scope = one.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
            assert scope.critical
            assert scope.value.full_name == point.full_name
        assert full.extensions.get_extension_for_class(x509.FreshestCRL).value == x509.FreshestCRL([freshest])
        indicator = delta.extensions.get_extension_for_oid(ExtensionOID.DELTA_CRL_INDICATOR)
        assert indicator.critical
        revoke(divided.context, NAME, issued.serial, Reason.SUPERSEDED, actor="operator")
        crl.publish(divided.context, divided.keys, NAME, TERMS)
        found = [number for number in range(SHARDS) if issued.serial in entries_of(parsed(divided, number))]
        assert found == [shard]


def test_every_list_satisfies_pkilint(divided: TestCentre) -> None:
    serial = divided.issue(authority=NAME).serial
    hold(divided.context, NAME, serial, actor="operator")
    terms = Terms(hours=24, keeps_expired=True)
    crl.publish(divided.context, divided.keys, NAME, terms)
    resume(divided.context, NAME, serial, actor="operator")
    published = crl.publish(divided.context, divided.keys, NAME, terms)
    assert len(published) == 2 * SHARDS
    for one in published:
        encoded = crl.latest(divided.context, NAME, shard=one.shard, delta=one.base is not None)
        assert conformance.lint_crl(encoded) == []
        since = x509.load_der_x509_crl(encoded).extensions.get_extension_for_oid(x509.ObjectIdentifier("2.5.29.60"))
        assert since.value.public_bytes()[:2] == b"\x18\x0f"


def test_a_resumed_certificate_leaves_by_the_delta(divided: TestCentre, clock: FixedClock) -> None:
    serial = divided.issue(authority=NAME).serial
    shard = serial % SHARDS
    hold(divided.context, NAME, serial, actor="operator")
    crl.publish(divided.context, divided.keys, NAME, TERMS)
    clock.advance(timedelta(hours=1))
    resume(divided.context, NAME, serial, actor="operator")
    assert [one.full for one in crl.due(divided.context) if one.authority.name == NAME] == [False] * SHARDS
    crl.publish(divided.context, divided.keys, NAME, TERMS, full=False)
    assert entries_of(parsed(divided, shard))[serial][1] == "certificateHold"
    delta = parsed(divided, shard, delta=True)
    assert entries_of(delta)[serial][1] == "removeFromCRL"
    assert delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number == 1
    assert number_of(delta) == 2
    # One sequence of numbers for both (5.2.3): the next full list goes on behind the delta.
    crl.publish(divided.context, divided.keys, NAME, TERMS, shards=[shard])
    assert (number_of(parsed(divided, shard)), number_of(parsed(divided, shard, delta=True))) == (3, 3)


ACTS = st.one_of(
    st.tuples(st.sampled_from(["hold", "resume", "revoke"]), st.integers(0, 4)),
    st.just(("issue", 0)),
    st.tuples(st.just("pass"), st.sampled_from([1, 13, 30, 24 * 200])),
    st.tuples(st.sampled_from(["full", "delta"]), st.just(0)),
)


@pytest.fixture(scope="module")
def prepared(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], TestCentre]:
    """A centre with a divided authority and five certificates of a year, the database put back each time."""
    folder = tmp_path_factory.mktemp("deltas")
    shutil.copy(migrated_sqlite, folder / "first.db")
    storage = Storage(f"sqlite:///{folder}/first.db")
    centre = TestCentre(Context(storage, FixedClock(NOW))).activate().build()
    divide(centre, 2)
    key = pooled_key  # keys of holders are made once
    for number in range(5):
        centre.issue("ocsp" if number % 2 else "staff", authority=NAME, key=key(f"delta {number}", KeyKind.SM2))
    crl.publish(centre.context, centre.keys, NAME, TERMS)
    storage.close()
    count = iter(range(10_000))

    def fresh() -> TestCentre:
        path = folder / f"{next(count)}.db"
        path.write_bytes((folder / "first.db").read_bytes())
        copy = TestCentre(Context(Storage(f"sqlite:///{path}"), FixedClock(NOW)))
        copy.keys.made.update(centre.keys.made)
        return copy

    return fresh


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=st.lists(ACTS, max_size=14))
def test_base_and_delta_make_the_full_list(prepared: Callable[[], TestCentre], history: list[tuple[str, int]]) -> None:
    centre = prepared()
    context, clock = centre.context, centre.context.clock
    assert isinstance(clock, FixedClock)
    with context.storage.reading() as connection:
        rows = connection.execute(sa.text("SELECT serial, not_after FROM ca_certificates WHERE authority_id = 3")).all()
    expiry = {
        int.from_bytes(row.serial, "big"): datetime.fromisoformat(row.not_after).replace(tzinfo=UTC) for row in rows
    }
    fulls: dict[int, list[x509.CertificateRevocationList]] = {shard: [parsed(centre, shard)] for shard in range(2)}
    try:
        for act, argument in [*history, ("full", 0)]:
            serial = sorted(expiry)[argument % len(expiry)] if act in ("hold", "resume", "revoke") else 0
            try:
                match act:
                    case "hold":
                        hold(context, NAME, serial, actor="op")
                    case "resume":
                        resume(context, NAME, serial, actor="op")
                    case "revoke":
                        revoke(context, NAME, serial, Reason.SUPERSEDED, actor="op")
                    case "pass":
                        clock.advance(timedelta(hours=argument))
                    case "full" | "delta":
                        crl.publish(context, centre.keys, NAME, TERMS, full=act == "full")
                        _compare(centre, fulls, expiry, full=act == "full")
            except YinxinError as error:
                assert error.kind is Kind.CONFLICT  # a move that cannot be made
    finally:
        context.storage.close()


def _compare(
    centre: TestCentre,
    fulls: dict[int, list[x509.CertificateRevocationList]],
    expiry: dict[int, datetime],
    *,
    full: bool,
) -> None:
    """Every list that held at some time, with the delta, says what the full list of the same moment says."""
    now = centre.context.clock.now()
    for shard, before in fulls.items():
        delta = parsed(centre, shard, delta=True)
        base_number = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
        if not full:
            continue
        newest = parsed(centre, shard)
        assert number_of(newest) == number_of(delta) > number_of(before[-1])
        expected = {serial: entry for serial, entry in entries_of(newest).items() if expiry[serial] >= now}
        for base in before:
            holds = base.next_update_utc is not None and base.next_update_utc >= now
            assert not holds or number_of(base) >= base_number  # whoever has a list that holds can go on from it
            if number_of(base) >= base_number:
                result = combined(entries_of(base), entries_of(delta))
                assert {serial: entry for serial, entry in result.items() if expiry[serial] >= now} == expected
        before.append(newest)


def stored(centre: TestCentre) -> list[tuple[int, bytes]]:
    with centre.context.storage.reading() as connection:
        query = sa.select(crl_parts.c.crl_id, crl_parts.c.octets).order_by(crl_parts.c.crl_id)
        return [(row.crl_id, row.octets) for row in connection.execute(query)]


@pytest.mark.parametrize("fault", ["flipped", "cut", "longer", "other list", "forged number", "lost entry"])
def test_the_publisher_trusts_nobody(centre: TestCentre, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """What was kept is not what was signed, or what was signed is not what the books say: it does not get in force."""
    context = centre.context
    held = centre.issue().serial
    hold(context, "sm2-issuing", held, actor="operator")
    crl.publish(context, centre.keys, "sm2-issuing", TERMS)
    before = crl.latest(context, "sm2-issuing")
    hold(context, "sm2-issuing", centre.issue().serial, actor="operator")
    from ca.crl import issue as made

    real = made.make

    def faulty(context: Context, key: object, reserved: made.Reserved) -> None:
        if fault == "lost entry":
            with monkeypatch.context() as patch:
                patch.setattr("ca.crl.entries.Selection.entries", lambda *_arguments: iter(()))
                real(context, key, reserved)  # type: ignore[arg-type]
            return
        real(context, key, reserved)  # type: ignore[arg-type]
        with context.storage.transaction() as connection:
            row = sa.select(crl_parts.c.octets).where(crl_parts.c.crl_id == reserved.id)
            octets = connection.scalar(row) or b""
            altered = {
                "flipped": octets[:200] + bytes((octets[200] ^ 1,)) + octets[201:],
                "cut": octets[:-1],
                "longer": octets + b"\x00",
                "other list": before,
                "forged number": octets,
            }[fault]
            connection.execute(sa.update(crl_parts).where(crl_parts.c.crl_id == reserved.id).values(octets=altered))
            if fault == "forged number":
                connection.execute(sa.update(crls).where(crls.c.id == reserved.id).values(number=77))

    monkeypatch.setattr("ca.crl.publication.make", faulty)
    with pytest.raises(YinxinError, match="is not published") as caught:
        crl.publish(context, centre.keys, "sm2-issuing", TERMS)
    assert caught.value.kind is Kind.INVALID
    assert crl.latest(context, "sm2-issuing") == before
    with context.storage.reading() as connection:
        acts = connection.scalars(sa.select(audit_entries.c.act).order_by(audit_entries.c.id.desc())).first()
    assert acts == "ca.crl.refuse"


def test_a_compromise_is_published_before_its_time(divided: TestCentre, clock: FixedClock) -> None:
    serials = [divided.issue(authority=NAME).serial for _ in range(2)]
    crl.publish(divided.context, divided.keys, NAME, TERMS)

    def due() -> list[tuple[int, bool]]:
        return [(one.shard, one.full) for one in crl.due(divided.context) if one.authority.name == NAME]

    assert due() == []
    revoke(divided.context, NAME, serials[0], Reason.SUPERSEDED, actor="operator")
    assert due() == []
    revoke(divided.context, NAME, serials[1], Reason.KEY_COMPROMISE, actor="operator")
    assert due() == [(serials[1] % SHARDS, True)]
    outcomes = list(crl.publish_due(divided.context, divided.keys, CaSettings(), only=NAME))
    assert [one.base is not None for one in outcomes if isinstance(one, crl.PublishedCrl)] == [False, True]
    assert due() == []
    assert entries_of(parsed(divided, serials[1] % SHARDS))[serials[1]][1] == "keyCompromise"


def test_kept_expired_certificates_are_announced(divided: TestCentre, clock: FixedClock) -> None:
    serial = divided.issue("ocsp", authority=NAME).serial
    shard = serial % SHARDS
    revoke(divided.context, NAME, serial, Reason.SUPERSEDED, actor="operator")
    for days in (0, 367, 1):
        clock.advance(timedelta(days=days))
        crl.publish(divided.context, divided.keys, NAME, Terms(24, keeps_expired=True))
    assert serial in entries_of(parsed(divided, shard))
    crl.publish(divided.context, divided.keys, NAME, TERMS)
    assert serial not in entries_of(parsed(divided, shard))


def test_old_lists_are_let_go_of_and_remembered(centre: TestCentre, clock: FixedClock) -> None:
    for _each in range(3):
        crl.publish(centre.context, centre.keys, "sm2-issuing", TERMS)
        clock.advance(timedelta(days=10))
    assert [number for number, _octets in stored(centre)] == [1, 2, 3]
    clock.advance(timedelta(days=20))
    crl.publish(centre.context, centre.keys, "sm2-issuing", TERMS)
    assert [number for number, _octets in stored(centre)] == [3, 4]
    with centre.context.storage.reading() as connection:
        assert len(connection.scalars(sa.select(crls.c.digest).where(crls.c.digest.is_not(None))).all()) == 4
