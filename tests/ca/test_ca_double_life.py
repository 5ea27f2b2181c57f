"""The encryption key of a pair over its successors: it stays with the signing key, and rests when nothing needs it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from asn1crypto import x509

from ca import revocation
from ca.escrow import AllottedKey, KeyRequest
from ca.issuance import ApprovedRequest, CertificateAuthority, IssuedCertificate
from ca.kmc import records as kmc_records
from ca.kmc.allotment import allot, retire_unclaimed
from ca.kmc.client import RemoteCentre
from ca.kmc.destruction import destroy, due_for_destruction
from ca.kmc.handler import Handler
from ca.kmc.messages import Correspondent
from ca.kmc.pools import RETENTION, statistics
from ca.kmc.state import Pool
from ca.kmc.statements import OfficerSession
from ca.reconciliation import reconcile
from ca.records import certificates, pairs
from ca.retirement import retire_keys
from ca.state import Reason
from ca.succession import Predecessor
from core import sm2
from core.algorithms import KeyKind
from core.asn1.enveloped_key import EnvelopedKey
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.private_key import Sm2Key, from_pkcs8, generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from core.subject import Subject
from tests.support.ca import URLS, make_subject
from tests.support.double import Double, double_centre
from tests.support.kmc import hierarchy, party
from tests.support.openssl import openssl

LIFE, WINDOW = timedelta(days=1096), timedelta(days=90)
ZHANG = make_subject("staff", "张三")


@pytest.fixture
def double(context: Context, tmp_path: Path) -> Double:
    return double_centre(context, tmp_path)


@pytest.fixture(params=["here", "over the line"])
def each_way(request: pytest.FixtureRequest, each_storage: Storage, clock: FixedClock, tmp_path: Path) -> Double:
    """On both databases, with the centre in the process and behind messages of GM/T 0014."""
    double = double_centre(Context(each_storage, clock), tmp_path)
    if request.param != "here":
        caller, called = party("ca link"), party("kmc link")
        ends = Correspondent(caller.certificate), Correspondent(called.certificate)
        handler = Handler(double.kmc.desk, called.key, ends[1], {"city": ends[0]})
        double.keys.source = RemoteCentre(handler.answer, caller.key, *ends, clock)
    return double


def first(double: Double) -> IssuedCertificate:
    return double.centre.issue(reference="R1", key=double.holder(), subject=ZHANG)


def next_request(
    double: Double, before: IssuedCertificate, reference: str, *, subject: Subject = ZHANG, **options: Any
) -> ApprovedRequest:
    """A renewal with the holder's key; a change of data where the subject is another."""
    given = {"key": double.holder()} | options
    request = double.centre.request(reference=reference, subject=subject, **given)
    return replace(request, predecessor=Predecessor(before.authority, before.serial, renamed=subject != ZHANG))


def renewed(double: Double, before: IssuedCertificate, reference: str = "R2", **options: Any) -> IssuedCertificate:
    (issued,) = double.centre.ca.issue([next_request(double, before, reference, **options)], actor="operator")
    return issued


def half(issued: IssuedCertificate) -> IssuedCertificate:
    assert issued.encryption
    return issued.encryption


def key_of(issued: IssuedCertificate) -> bytes:
    key: bytes = x509.Certificate.load(half(issued).certificate).public_key.dump()
    return key


def opened_elsewhere(double: Double, issued: IssuedCertificate) -> bytes:
    """The private number in the envelope: SM2 by gmssl, SM4 by OpenSSL."""
    holder = double.holder()
    assert isinstance(holder, Sm2Key)
    envelope = EnvelopedKey.load(half(issued).envelope, strict=True)
    symmetric_key = GmsslEngine().signer(holder._pair).decrypt(envelope["encrypted_symmetric_key"].dump())
    encrypted = envelope["encrypted_private_key"].contents[1:]
    return openssl("enc", "-d", "-sm4-ecb", "-nopad", "-K", symmetric_key.hex(), data=encrypted)


def pools_of(double: Double) -> dict[Pool, int]:
    return {one.pool: one.count for one in statistics(double.centre.context)}


def retire(double: Double) -> list[str]:
    return retire_keys(double.centre.context, double.keys)


def revoke(double: Double, issued: IssuedCertificate) -> None:
    revocation.revoke(double.centre.context, issued.authority, issued.serial, Reason.SUPERSEDED, actor="operator")


def kept_until(double: Double) -> object:
    with double.centre.context.storage.reading() as connection:
        return connection.scalar(sa.select(kmc_records.allotments.c.keep_until))


def end_of(issued: IssuedCertificate) -> object:
    return x509.Certificate.load(issued.certificate).not_valid_after


def test_a_renewal_keeps_the_encryption_key_and_delivers_it_again(each_way: Double, clock: FixedClock) -> None:
    before = first(each_way)
    clock.advance(LIFE - WINDOW)
    after = renewed(each_way, before)
    assert key_of(after) == key_of(before)
    assert half(after).serial != half(before).serial
    assert end_of(half(after)) == end_of(after) != end_of(half(before))
    # What was encrypted before can be read with the new envelope: the same private key, by others' software.
    assert half(after).envelope != half(before).envelope
    number = opened_elsewhere(each_way, after)
    assert number == opened_elsewhere(each_way, before)
    point = curve.point_of(key_of(after))
    assert point
    signature = GmsslEngine().signer(sm2.KeyPair(number, point)).sign(b"the same key")
    assert sm2.engine().verify(point, signature, b"the same key")
    assert pools_of(each_way)[Pool.ACTIVE] == 1
    assert kept_until(each_way) == end_of(after) + RETENTION  # type: ignore[operator]
    # The former pair's end takes nothing from its successor; that one's end does.
    clock.advance(WINDOW + timedelta(days=1))
    assert retire(each_way) == []
    revoke(each_way, after)
    assert len(retire(each_way)) == 1
    assert pools_of(each_way) == {Pool.HISTORICAL: 1}


def test_a_new_signing_key_gets_a_new_encryption_key(double: Double, clock: FixedClock) -> None:
    before = first(double)
    after = renewed(double, before, key=generate(KeyKind.SM2))
    assert key_of(after) != key_of(before)
    assert pools_of(double) == {Pool.ACTIVE: 2}
    revoke(double, before)
    (reference,) = retire(double)
    assert reference.startswith("R1/")
    clock.advance(LIFE)
    (reference,) = retire(double)
    assert reference.startswith("R2/")
    assert pools_of(double) == {Pool.HISTORICAL: 2}
    assert retire(double) == []


def test_a_change_with_the_same_key_keeps_both_and_the_centre_learns_the_name(each_way: Double) -> None:
    before = first(each_way)
    moved = ZHANG.model_copy(update={"organization": "宝鸡市财政局"})
    after = renewed(each_way, before, subject=moved)
    assert key_of(after) == key_of(before)
    with each_way.centre.context.storage.reading() as connection:
        assert connection.scalar(sa.select(kmc_records.allotments.c.holder)) == moved.name()
    revoke(each_way, before)
    assert retire(each_way) == []
    assert pools_of(each_way)[Pool.ACTIVE] == 1
    assert opened_elsewhere(each_way, after) == opened_elsewhere(each_way, before)
    # A chain goes on.
    again = replace(next_request(each_way, after, "R3"), subject=moved)
    (third,) = each_way.centre.ca.issue([again], actor="operator")
    assert key_of(third) == key_of(before)


def test_an_rsa_pair_is_renewed_likewise(context: Context, tmp_path: Path, clock: FixedClock) -> None:
    double = double_centre(context, tmp_path, KeyKind.RSA_3072)
    holder = double.holder(KeyKind.RSA_2048)
    before = double.centre.issue(reference="R1", subject=ZHANG, authority="rsa-issuing", key=holder)
    clock.advance(LIFE - WINDOW)
    after = renewed(double, before, authority="rsa-issuing", key=holder)
    assert key_of(after) == key_of(before)
    (tmp_path / "envelope").write_bytes(half(after).envelope)
    (tmp_path / "signing.der").write_bytes(after.certificate)
    (tmp_path / "key.der").write_bytes(holder.pkcs8())
    named = ("-inform", "DER", "-in", tmp_path / "envelope", "-recip", tmp_path / "signing.der")
    key = from_pkcs8(openssl("cms", "-decrypt", *named, "-inkey", tmp_path / "key.der", "-keyform", "DER"))
    assert key.public_key_info == key_of(before)
    assert pools_of(double)[Pool.ACTIVE] == 1


class Dying:
    """Storage that fails at the authority's second write transaction: after the intents, with the result."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self.count = storage, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.storage, name)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        self.count += 1
        with self.storage.transaction() as connection:
            yield connection
            if self.count == 2:
                raise YinxinError(Kind.UNAVAILABLE, "the database is gone")


def test_a_renewal_that_died_half_way_goes_on_with_the_same_key(each_way: Double, clock: FixedClock) -> None:
    before, centre = first(each_way), each_way.centre
    clock.advance(LIFE - WINDOW)
    broken = Context(Dying(centre.context.storage), clock)  # type: ignore[arg-type]
    dying = CertificateAuthority(broken, centre.keys, URLS, encryption_keys=each_way.keys)
    request = next_request(each_way, before, "R2")
    with pytest.raises(YinxinError, match="could not be recorded"):
        dying.issue([request], actor="operator")
    assert len(reconcile(centre.context)) == 2
    # What may exist needs the key, although the former pair is revoked at this moment.
    clock.advance(timedelta(minutes=5))
    (after,) = centre.ca.issue([request], actor="operator")
    assert key_of(after) == key_of(before)
    assert opened_elsewhere(each_way, after) == opened_elsewhere(each_way, before)
    assert pools_of(each_way)[Pool.ACTIVE] == 1
    assert kept_until(each_way) == end_of(after) + RETENTION  # type: ignore[operator]


def test_the_key_of_an_intent_is_not_put_away(double: Double, clock: FixedClock) -> None:
    before, centre = first(double), double.centre
    broken = Context(Dying(centre.context.storage), clock)  # type: ignore[arg-type]
    dying = CertificateAuthority(broken, centre.keys, URLS, encryption_keys=double.keys)
    with pytest.raises(YinxinError):
        dying.issue([next_request(double, before, "R2")], actor="operator")
    revoke(double, before)
    assert retire(double) == []
    presumed = reconcile(centre.context)
    assert retire(double) == []
    for one in presumed:
        revocation.revoke(centre.context, one.authority, one.serial, Reason.SUPERSEDED, actor="keeper")
    assert len(retire(double)) == 1
    # And nothing brings it back.
    with pytest.raises(YinxinError, match="no longer in use"):
        renewed(double, before, "R3")


def test_the_escrowed_key_of_another_holder_is_not_certified_again(double: Double) -> None:
    before = first(double)
    other = double.centre.issue(reference="R9", subject=make_subject("staff", "李四"))
    # A successor with a key of its own does not inherit, and one that names somebody else's certificate gets nothing.
    with pytest.raises(YinxinError, match="not that of the certificate"):
        renewed(double, other)
    with pytest.raises(YinxinError, match="another holder"):
        renewed(double, before, subject=make_subject("staff", "李四"))
    digests = [hashlib.sha256(key_of(one)).digest() for one in (before, other)]
    with double.centre.context.storage.reading() as connection:
        certified = connection.scalars(sa.select(certificates.c.serial).where(certificates.c.key_digest.in_(digests)))
        assert set(certified) == {half(before).serial, half(other).serial}


def test_a_centre_that_gives_another_key_for_a_renewal_is_not_believed(double: Double) -> None:
    before, real = first(double), double.keys.source

    class Forgetful:
        def allot(self, request: KeyRequest, certificate: bytes | None = None) -> AllottedKey:
            return real.allot(replace(request, reference="another"), certificate)

    double.keys.source = Forgetful()  # type: ignore[assignment]
    with pytest.raises(YinxinError, match="not asked for"):
        renewed(double, before)


def test_without_succession_the_escrowed_key_stays_with_its_certificate(double: Double) -> None:
    """The centre gives the former key under the former reference; the key-claim rule is the second lock."""
    before = first(double)
    real = double.keys.source

    class Confused:
        def allot(self, request: KeyRequest, certificate: bytes | None = None) -> AllottedKey:
            return replace(real.allot(request, certificate), public_key_info=key_of(before))

    double.keys.source = Confused()  # type: ignore[assignment]
    with pytest.raises(YinxinError, match="certified already"):
        double.centre.issue(reference="R2", subject=ZHANG, key=generate(KeyKind.SM2))


def test_an_expired_pair_ends_with_the_destruction_of_its_key(each_way: Double, clock: FixedClock) -> None:
    issued, kmc = first(each_way), each_way.kmc
    clock.advance(LIFE - timedelta(days=1))
    assert retire(each_way) == []
    clock.advance(timedelta(days=1))
    assert len(retire(each_way)) == 1
    assert pools_of(each_way) == {Pool.HISTORICAL: 1}
    assert retire(each_way) == []
    # To revoke what has ended does not ask the centre again.
    revoke(each_way, issued)
    assert retire(each_way) == []
    clock.advance(RETENTION - timedelta(days=1))
    assert due_for_destruction(kmc.context) == []
    clock.advance(timedelta(days=1))
    (due,) = due_for_destruction(kmc.context)
    for name, done in (("甲", False), ("乙", True)):  # with certificates of their day
        officer = hierarchy().issue(name, key=party(name).key, not_before=clock.now())
        kmc.officers.certificates[name] = officer.certificate  # type: ignore[index]
        assert destroy(kmc.desk, OfficerSession(name, officer.certificate, officer.key), due.number) is done
    assert pools_of(each_way) == {Pool.DESTROYED: 1}


def test_a_centre_that_cannot_be_told_of_an_end_is_told_later(double: Double, clock: FixedClock) -> None:
    first(double)
    clock.advance(LIFE)
    working, double.keys.source = double.keys.source, None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        retire(double)
    double.keys.source = working
    assert len(retire(double)) == 1


def test_a_key_that_was_never_certified_rests_when_its_term_is_over(double: Double, clock: FixedClock) -> None:
    kmc = double.kmc
    kmc.fill()
    allot(kmc.context, kmc.custodian, kmc.request(days=30, reference="R5"), actor="ca")
    clock.advance(timedelta(days=29))
    assert retire_unclaimed(kmc.context, actor="ca") == []
    clock.advance(timedelta(days=1))
    assert retire_unclaimed(kmc.context, actor="ca") == ["R5"]
    assert len(due_for_destruction(kmc.context)) == 1
    assert retire_unclaimed(kmc.context, actor="ca") == []


def test_the_centre_prolongs_for_the_holder_only_and_never_shortens(double: Double) -> None:
    kmc = double.kmc
    kmc.fill()
    asked = kmc.request(days=100, reference="R5")
    number = allot(kmc.context, kmc.custodian, asked, actor="ca").number
    for days, expected in ((50, 100), (200, 200), (150, 200)):
        until = asked.keep_until + timedelta(days=days - 100)
        assert allot(kmc.context, kmc.custodian, replace(asked, keep_until=until), actor="ca").number == number
        assert kept_until(double) == asked.keep_until + timedelta(days=expected - 100)
    stranger = replace(asked, signing_key=party("李四").key.public_key_info)
    for other in (stranger, replace(asked, holder=party("李四").name)):
        with pytest.raises(YinxinError, match="another holder"):
            allot(kmc.context, kmc.custodian, other, actor="ca")
    with kmc.context.storage.reading() as connection:
        moves = connection.scalars(sa.select(kmc_records.key_events.c.move).order_by(kmc_records.key_events.c.id))
        assert list(moves) == ["generate", "allot", "prolong"]
    # The end is the centre's word: whoever changes it in the database is found out.
    with kmc.context.storage.transaction() as connection:
        connection.execute(sa.update(kmc_records.allotments).values(keep_until=asked.keep_until))
    with pytest.raises(YinxinError, match="changed by somebody else"):
        allot(kmc.context, kmc.custodian, asked, actor="ca")


def test_one_pair_answers_for_a_key(double: Double) -> None:
    """However long a line of renewals grows, the centre is asked about its newest pair only."""
    line = [first(double)]
    for count in range(2, 5):
        line.append(renewed(double, line[-1], f"R{count}"))
    with double.centre.context.storage.reading() as connection:
        waiting = connection.execute(sa.select(pairs).where(pairs.c.key_due_at.is_not(None))).all()
    assert [row.signing_serial for row in waiting] == [line[-1].serial]
    assert len({key_of(one) for one in line}) == 1
    for one in line[:-1]:
        revoke(double, one)
    assert retire(double) == []
    revoke(double, line[-1])
    assert len(retire(double)) == 1
