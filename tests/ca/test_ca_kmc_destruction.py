"""Destruction of escrowed keys by two officers, and certificates that our own books say do not stand any more."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from ca import revocation
from ca.escrow import KeyRequest
from ca.hierarchy import chain_of
from ca.kmc import records
from ca.kmc.allotment import allot, revoke
from ca.kmc.destruction import destroy, due_for_destruction
from ca.kmc.history import find_key
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.recovery_rules import Path as RecoveryPath
from ca.kmc.recovery_rules import Stage
from ca.kmc.state import Pool
from ca.kmc.statements import Officers, OfficerSession
from ca.state import Reason
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.envelope_reading import open_envelope
from core.keys.private_key import Sm2Key
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support.ca import TestCentre, make_subject, pooled_key
from tests.support.kmc import OFFICERS, Centre, hierarchy, party

TERM = timedelta(days=10)


@pytest.fixture
def centre(context: Context, tmp_path: Path) -> Centre:
    return Centre(context, tmp_path)


@pytest.fixture
def due(centre: Centre, clock: FixedClock) -> str:
    """A key whose term is over."""
    allotted = centre.allot("张三", days=TERM.days)
    revoke(centre.context, allotted.number, actor="ca")
    clock.advance(TERM)
    return allotted.number


def is_kept(centre: Centre, number: str) -> bool:
    with centre.context.storage.reading() as connection:
        key = find_key(connection, number)
    return key.wrapped is not None and key.pool is Pool.HISTORICAL


def change(centre: Centre, table: sa.Table, **values: object) -> None:
    with centre.context.storage.transaction() as connection:
        connection.execute(sa.update(table).values(values))


def test_two_officers_destroy_and_both_statements_are_good_elsewhere(centre: Centre, due: str) -> None:
    assert not destroy(centre.desk, centre.session("甲"), due)
    (waiting,) = due_for_destruction(centre.context)
    assert (waiting.number, waiting.officer) == (due, "甲")
    assert is_kept(centre, due)
    assert destroy(centre.desk, centre.session("乙"), due)
    assert not is_kept(centre, due)
    with pytest.raises(YinxinError, match="cannot be moved"):
        destroy(centre.desk, centre.session("丙"), due)
    with centre.context.storage.reading() as connection:
        kept = connection.execute(sa.select(records.destruction_statements)).all()
    assert [row.officer for row in kept] == ["甲", "乙"]
    for row in kept:
        (info,) = asn1_cms.ContentInfo.load(row.statement)["content"]["signer_infos"]
        point = curve.point_of(party(row.officer).key.public_key_info)
        assert point is not None
        signed_attributes = b"\x31" + info["signed_attrs"].dump()[1:]
        assert GmsslEngine().verify(point, info["signature"].native, signed_attributes)


def test_one_officer_alone_destroys_nothing(centre: Centre, due: str) -> None:
    destroy(centre.desk, centre.session("甲"), due)
    second_name = hierarchy().issue("化名", key=party("甲").key, not_before=centre.context.clock.now())
    centre.officers.certificates["化名"] = second_name.certificate  # type: ignore[index]
    stranger = party("路人")
    for session in (
        centre.session("甲"),
        OfficerSession("化名", second_name.certificate, second_name.key),
        OfficerSession("路人", stranger.certificate, stranger.key),
        OfficerSession("乙", party("乙").certificate, stranger.key),
    ):
        with pytest.raises(YinxinError) as caught:
            destroy(centre.desk, session, due)
        assert caught.value.kind in (Kind.FORBIDDEN, Kind.INVALID)
    assert is_kept(centre, due)


def test_the_term_is_what_the_centre_vouched_for(centre: Centre, due: str, clock: FixedClock) -> None:
    with centre.context.storage.reading() as connection:
        until = connection.scalars(sa.select(records.allotments.c.keep_until)).one()
    change(centre, records.allotments, keep_until=until - timedelta(days=1))
    with pytest.raises(YinxinError) as caught:
        destroy(centre.desk, centre.session("甲"), due)
    assert caught.value.kind is Kind.INVALID
    change(centre, records.allotments, keep_until=until)
    clock.advance(-timedelta(seconds=1))
    with pytest.raises(YinxinError, match="kept until"):
        destroy(centre.desk, centre.session("甲"), due)
    clock.advance(timedelta(seconds=1))
    destroy(centre.desk, centre.session("甲"), due)
    clock.advance(-timedelta(seconds=1))
    with pytest.raises(YinxinError, match="kept until"):
        destroy(centre.desk, centre.session("乙"), due)
    assert is_kept(centre, due)


def test_an_order_about_another_key_does_not_count(centre: Centre, due: str, clock: FixedClock) -> None:
    other = centre.allot("张三", days=0)
    revoke(centre.context, other.number, actor="ca")
    destroy(centre.desk, centre.session("甲"), other.number)
    with centre.context.storage.transaction() as connection:
        connection.execute(sa.update(records.destruction_statements).values(key_id=find_key(connection, due).id))
    with pytest.raises(YinxinError, match="something else"):
        destroy(centre.desk, centre.session("乙"), due)
    assert is_kept(centre, due)


def test_a_destruction_that_cannot_be_recorded_does_not_happen(
    centre: Centre, due: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    destroy(centre.desk, centre.session("甲"), due)
    with monkeypatch.context() as patch:
        patch.setattr("core.audit.AuditLog.extend", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            destroy(centre.desk, centre.session("乙"), due)
    assert is_kept(centre, due)
    assert destroy(centre.desk, centre.session("乙"), due)


class Known:
    """A centre beside a certificate authority that issued its officers' and its holder's certificates."""

    def __init__(self, context: Context, folder: Path) -> None:
        self.authority = TestCentre(context).activate().build()
        self.serials: dict[str, int] = {}
        self.sessions: dict[str, OfficerSession] = {}
        for name in (*OFFICERS, "张三"):
            key = pooled_key(f"known {name}", KeyKind.SM2)
            issued = self.authority.issue(key=key, subject=make_subject("staff", name))
            self.serials[name] = issued.serial
            self.sessions[name] = OfficerSession(name, issued.certificate, key)
        self.kmc = Centre(context, folder)
        self.chain = chain_of(context.storage, "sm2-issuing")
        officers = Officers({name: self.sessions[name].certificate for name in OFFICERS})
        self.desk = RecoveryDesk(context, self.kmc.custodian, officers, tuple(self.chain[-1:]))
        self.kmc.fill()
        holder = x509.Certificate.load(self.sessions["张三"].certificate)
        until = context.clock.now() + TERM
        asked = KeyRequest("R1", holder.subject.dump(), holder.public_key.dump(), until)
        self.key = allot(context, self.kmc.custodian, asked, actor="ca").number

    def request(self) -> str:
        """A recovery asked for by 甲."""
        recipient = [self.sessions["张三"].certificate, *self.chain[:-1]]
        return self.desk.request(
            self.sessions["甲"], key=self.key, path=RecoveryPath.HOLDER, recipient=recipient, reason="lost"
        )

    def end(self, name: str, *, hold: bool = False) -> None:
        """Revoke somebody's certificate, or only hold it."""
        given = (self.kmc.context, "sm2-issuing", self.serials[name])
        if hold:
            revocation.hold(*given, actor="operator")
        else:
            revocation.revoke(*given, Reason.KEY_COMPROMISE, actor="operator")


@pytest.fixture
def known(context: Context, tmp_path: Path) -> Known:
    return Known(context, tmp_path)


def test_with_certificates_that_stand_all_goes_its_way(known: Known) -> None:
    number = known.request()
    for name in ("乙", "丙"):
        known.desk.approve(known.sessions[name], number)
    envelope = known.desk.deliver(known.sessions["甲"], number)
    key = known.sessions["张三"].signer
    assert isinstance(key, Sm2Key)
    assert open_envelope(envelope, key)


@pytest.mark.parametrize("hold", [True, False])
def test_a_revoked_officer_approves_and_orders_nothing(known: Known, clock: FixedClock, hold: bool) -> None:
    number = known.request()
    known.end("乙", hold=hold)
    with pytest.raises(YinxinError, match="held" if hold else "revoked") as caught:
        known.desk.approve(known.sessions["乙"], number)
    assert (caught.value.kind, caught.value.subject) == (Kind.FORBIDDEN, "乙")
    assert known.desk.progress_of(number).approvers == ()
    revoke(known.kmc.context, known.key, actor="ca")
    clock.advance(TERM)
    with pytest.raises(YinxinError, match="held" if hold else "revoked"):
        destroy(known.desk, known.sessions["乙"], known.key)
    assert is_kept(known.kmc, known.key)
    if hold:
        revocation.resume(known.kmc.context, "sm2-issuing", known.serials["乙"], actor="operator")
        assert known.desk.approve(known.sessions["乙"], number).approvers == ("乙",)


@pytest.mark.parametrize("who", ["甲", "乙", "张三"])
def test_what_was_approved_is_not_delivered_after_a_revocation(known: Known, who: str) -> None:
    """Whoever asked, whoever approved, whoever is to receive it."""
    number = known.request()
    for name in ("乙", "丙"):
        known.desk.approve(known.sessions[name], number)
    known.end(who)
    with pytest.raises(YinxinError, match="revoked"):
        known.desk.deliver(known.sessions["丙"], number)
    assert known.desk.progress_of(number).stage is Stage.APPROVED
    if who == "张三":
        with pytest.raises(YinxinError, match="revoked"):
            known.request()


def test_an_order_does_not_outlast_its_officers_certificate(known: Known, clock: FixedClock) -> None:
    revoke(known.kmc.context, known.key, actor="ca")
    clock.advance(TERM)
    assert not destroy(known.desk, known.sessions["甲"], known.key)
    known.end("甲")
    with pytest.raises(YinxinError, match="revoked"):
        destroy(known.desk, known.sessions["乙"], known.key)
    assert is_kept(known.kmc, known.key)
