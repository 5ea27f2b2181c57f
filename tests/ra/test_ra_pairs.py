"""Double certificates in the hands of operators: what happens to the encryption key when they are renewed."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from asn1crypto import x509

from ca.activation import activate
from ca.issuance import CertificateAuthority, IssuedCertificate
from ca.kmc.client import LocalCentre
from ca.kmc.custody import Custodian
from ca.kmc.pools import statistics
from ca.kmc.state import Pool
from ca.profiles import load_profile
from ca.records import pairs
from ca.retirement import retire_keys
from ca.state import Reason
from core import sm2
from core.algorithms import KeyKind
from core.csr import build_csr
from core.keys.envelope_reading import open_envelope
from core.keys.private_key import Sm2Key, generate
from core.keys.store import KeyStore
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from ra import records, requests, succession
from ra.issuance import issue
from tests.support.office import PROFILES, STAFF, Office

DAYS = 120
LU, SHEN, ZHI = "lu.enter", "shen.review", "zhi.make"


class Pairs:
    """An office whose staff get double certificates, and somebody with a key."""

    def __init__(self, office: Office) -> None:
        self.office = office
        custodian = Custodian(KeyStore(office.folder / "keys" / "kmc", lambda: b"the centre's own"))
        custodian.found()
        self.centre = LocalCentre(office.context, custodian, "ca")
        self.key = Sm2Key(sm2.engine().generate())
        brief = []
        for name in ("staff", "staff-encryption"):
            text = (PROFILES / f"{name}.toml").read_text().replace("validity_days = 1096", f"validity_days = {DAYS}")
            (office.folder / f"{name}.toml").write_text(text)
            brief.append(load_profile(office.folder / f"{name}.toml"))
        activate(office.context, brief, actor="ceremony")

    @property
    def authority(self) -> CertificateAuthority:
        authority = self.office.authority
        authority.encryption_keys = self.centre
        return authority

    def make(self, number: str) -> IssuedCertificate:
        requests.approve(self.office.context, self.office.sessions[SHEN], number)
        (issued,) = issue(self.office.context, self.authority, self.office.sessions[ZHI], [number])
        return issued

    def first(self) -> IssuedCertificate:
        return self.make(self.office.enter(csr=build_csr(self.key, STAFF.name())))

    def pools(self) -> dict[Pool, int]:
        return {one.pool: one.count for one in statistics(self.office.context)}

    def retire(self) -> int:
        return len(retire_keys(self.office.context, self.centre))


@pytest.fixture
def double(office: Office) -> Pairs:
    return Pairs(office)


def key_of(issued: IssuedCertificate) -> bytes:
    assert issued.encryption
    key: bytes = x509.Certificate.load(issued.encryption.certificate).public_key.dump()
    return key


def test_a_renewal_brings_the_same_encryption_key_in_a_new_envelope(double: Pairs) -> None:
    office, before = double.office, double.first()
    office.clock.advance(timedelta(days=DAYS - 30))
    after = double.make(succession.renew(office.context, office.sessions[LU], "sm2-issuing", before.serial))
    assert key_of(after) == key_of(before)
    # As it is kept for the delivery of this request.
    rows = {row.serial: row for row in office.rows(records.request_certificates)}
    assert after.encryption
    envelope = rows[after.encryption.serial].envelope
    private = open_envelope(envelope, double.key)
    point = curve.point_of(key_of(after))
    assert point and GmsslEngine().verify(point, private.sign(b"the same"), b"the same")
    assert double.pools() == {Pool.ACTIVE: 1}
    office.clock.advance(timedelta(days=31))
    assert double.retire() == 0
    office.clock.advance(timedelta(days=DAYS))
    assert double.retire() == 1
    assert double.pools() == {Pool.HISTORICAL: 1}


@pytest.mark.parametrize("revoked", [True, False])
def test_a_rekeying_brings_a_new_one_and_the_former_rests(double: Pairs, revoked: bool) -> None:
    office, before = double.office, double.first()
    number = succession.rekey(
        office.context,
        office.sessions[LU],
        "sm2-issuing",
        before.serial,
        csr=build_csr(generate(KeyKind.SM2), STAFF.name()),
        revoke=Reason.SUPERSEDED if revoked else None,
    )
    office.clock.advance(timedelta(days=5))
    after = double.make(number)
    assert key_of(after) != key_of(before)
    assert double.retire() == int(revoked)
    office.clock.advance(timedelta(days=DAYS - 5))
    assert double.retire() == int(not revoked)
    assert double.pools() == {Pool.ACTIVE: 1, Pool.HISTORICAL: 1}


def test_a_change_that_revokes_the_former_leaves_its_key_in_use(double: Pairs) -> None:
    office, before = double.office, double.first()
    number = succession.change(
        office.context,
        office.sessions[LU],
        "sm2-issuing",
        before.serial,
        lambda subject: subject.model_copy(update={"organizational_unit": "信息中心"}),
        revoke=Reason.AFFILIATION_CHANGED,
    )
    after = double.make(number)
    assert key_of(after) == key_of(before)
    assert double.retire() == 0
    assert double.pools() == {Pool.ACTIVE: 1}
    with office.storage.reading() as connection:
        answering = connection.scalars(sa.select(pairs.c.signing_serial).where(pairs.c.key_due_at.is_not(None)))
        assert list(answering) == [after.serial]


def test_a_change_with_a_new_key_brings_a_new_one(double: Pairs) -> None:
    office, before = double.office, double.first()
    number = succession.change(
        office.context,
        office.sessions[LU],
        "sm2-issuing",
        before.serial,
        lambda subject: subject.model_copy(update={"organizational_unit": "信息中心"}),
        csr=build_csr(generate(KeyKind.SM2), STAFF.name()),
    )
    assert key_of(double.make(number)) != key_of(before)
