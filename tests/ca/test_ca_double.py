"""Double certificates: both or none, the second key from the key-management centre, standing and falling together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca import revocation
from ca.issuance import Approval, CertificateAuthority, IssuedCertificate
from ca.kmc import records as kmc_records
from ca.kmc.history import find_key
from ca.kmc.pools import statistics
from ca.kmc.state import Pool
from ca.profiles import Audience, KeyType, Profile, load_profile
from ca.reconciliation import reconcile
from ca.records import certificates, pairs
from ca.records import keys as key_claims
from ca.register import Filter, page
from ca.retirement import retire_keys
from ca.state import Reason, State
from core import sm2
from core.algorithms import KeyKind
from core.asn1.enveloped_key import EnvelopedKey
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.envelope import open_cms
from core.keys.envelope_reading import open_envelope
from core.keys.private_key import PycaKey, Sm2Key, from_pkcs8, generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from tests.support.ca import PROFILES, URLS, make_subject
from tests.support.double import Double, double_centre
from tests.support.openssl import openssl

ENCRYPTS = {"key_encipherment", "data_encipherment"}
SIGNS = {"digital_signature", "non_repudiation"}


@pytest.fixture
def double(context: Context, tmp_path: Path) -> Double:
    return double_centre(context, tmp_path)


@pytest.fixture
def each_double(each_storage: Storage, clock: object, tmp_path: Path) -> Double:
    return double_centre(Context(each_storage, clock), tmp_path)  # type: ignore[arg-type]


def read(issued: IssuedCertificate | None) -> x509.Certificate:
    assert issued is not None
    return x509.Certificate.load(issued.certificate)


def states(double: Double, reference: str = "") -> list[State | None]:
    wanted = Filter(approval_reference=reference) if reference else Filter(profile="staff-encryption")
    return [record.state for record in page(double.centre.context.storage, wanted)]


def pools_of(double: Double) -> dict[Pool, int]:
    return {one.pool: one.count for one in statistics(double.centre.context)}


def test_a_pair_is_two_certificates_of_one_holder(each_double: Double) -> None:
    holder = each_double.holder()
    issued = each_double.centre.issue(key=holder, reference="R1")
    signing, encryption = read(issued), read(issued.encryption)
    assert signing.key_usage_value.native == SIGNS
    assert encryption.key_usage_value.native == ENCRYPTS
    assert encryption["tbs_certificate"]["extensions"][2]["critical"].native
    assert (encryption.subject.dump(), encryption.issuer.dump()) == (signing.subject.dump(), signing.issuer.dump())
    assert encryption["tbs_certificate"]["validity"].dump() == signing["tbs_certificate"]["validity"].dump()
    assert issued.encryption
    assert (issued.encryption.profile, issued.profile) == ("staff-encryption", "staff")
    # The key in the envelope is that of the certificate, by an implementation that is not ours too.
    assert isinstance(holder, Sm2Key)
    key = open_envelope(issued.encryption.envelope, holder)
    assert key.public_key_info == encryption.public_key.dump() != signing.public_key.dump()
    point = curve.point_of(encryption.public_key.dump())
    assert point is not None
    assert GmsslEngine().verify(point, key.sign(b"it is a pair"), b"it is a pair")
    # And the envelope opens without our reader: SM2 by the other engine, SM4 by OpenSSL.
    envelope = EnvelopedKey.load(issued.encryption.envelope, strict=True)
    symmetric_key = GmsslEngine().signer(holder._pair).decrypt(envelope["encrypted_symmetric_key"].dump())
    encrypted = envelope["encrypted_private_key"].contents[1:]
    number = openssl("enc", "-d", "-sm4-ecb", "-nopad", "-K", symmetric_key.hex(), data=encrypted)
    signature = GmsslEngine().signer(sm2.KeyPair(number, point)).sign(b"the same pair")
    assert sm2.engine().verify(point, signature, b"the same pair")
    # The link is in the books, and the centre keeps the key of it for its term.
    with each_double.centre.context.storage.reading() as connection:
        (link,) = connection.execute(sa.select(pairs))
        (allotment,) = connection.execute(sa.select(kmc_records.allotments))
        both = set(connection.scalars(sa.select(key_claims.c.use).where(key_claims.c.approval_reference == "R1")))
    assert both == {"signing", "encryption"}
    assert (link.signing_serial, link.encryption_serial) == (issued.serial, issued.encryption.serial)
    assert link.key_reference == allotment.reference
    assert allotment.reference.startswith("R1/")
    assert allotment.keep_until > encryption.not_valid_after


def test_an_rsa_pair_opens_with_openssl(context: Context, tmp_path: Path) -> None:
    double = double_centre(context, tmp_path, KeyKind.RSA_3072)
    holder = double.holder(KeyKind.RSA_2048)
    issued = double.centre.issue(authority="rsa-issuing", key=holder)
    assert issued.encryption
    for name, content in (
        ("envelope", issued.encryption.envelope),
        ("signing.der", issued.certificate),
        ("key.der", holder.pkcs8()),
    ):
        (tmp_path / name).write_bytes(content)
    options = ("-inform", "DER", "-in", tmp_path / "envelope", "-recip", tmp_path / "signing.der")
    key = from_pkcs8(openssl("cms", "-decrypt", *options, "-inkey", tmp_path / "key.der", "-keyform", "DER"))
    assert key.public_key_info == read(issued.encryption).public_key.dump()
    assert isinstance(holder, PycaKey)
    ours = open_cms(issued.encryption.envelope, issued.certificate, holder)
    assert ours.public_key_info == key.public_key_info
    # Asked twice, since CMS names the signing certificate; one pair was allotted.
    assert len(double.keys.asked) == 2
    assert pools_of(double) == {Pool.ACTIVE: 1}


def test_a_batch_of_pairs_and_single_certificates_keeps_its_order(double: Double) -> None:
    centre = double.centre
    requests = [centre.request(name) for name in ("staff", "operator", "unit", "staff")]
    issued = centre.ca.issue(requests, actor="operator")
    assert [(one.profile, one.encryption and one.encryption.profile) for one in issued] == [
        ("staff", "staff-encryption"),
        ("operator", None),
        ("unit", "unit-encryption"),
        ("staff", "staff-encryption"),
    ]
    for request, one in zip(requests, issued, strict=True):
        assert read(one).subject.dump() == request.subject.name()
        if one.encryption:
            assert read(one.encryption).subject.dump() == request.subject.name()
    assert len({one.public_key_info for one in (double.keys.source.allot(asked) for asked in double.keys.asked)}) == 3


def test_holders_of_other_keys_get_the_signing_certificate_alone(context: Context, tmp_path: Path) -> None:
    double = double_centre(context, tmp_path, KeyKind.RSA_3072)
    issued = double.centre.issue(authority="rsa-issuing", key=generate(KeyKind.P256))
    assert issued.encryption is None
    assert double.keys.asked == []


def test_without_a_centre_nothing_is_issued(double: Double) -> None:
    double.centre.ca.encryption_keys = None
    with pytest.raises(YinxinError, match="no key-management centre") as caught:
        double.centre.issue(reference="R1")
    assert (caught.value.kind, caught.value.subject) == (Kind.UNAVAILABLE, "R1")
    assert states(double, "R1") == []


def test_a_request_that_is_refused_takes_no_key(double: Double) -> None:
    request = double.centre.request()
    with pytest.raises(YinxinError):
        double.centre.ca.issue([replace(request, subject=make_subject("unit"))], actor="operator")
    with pytest.raises(YinxinError, match="approvals"):
        few = Approval("R1", b"", ("李四",))
        unit = replace(double.centre.request("unit"), approval=few)
        double.centre.ca.issue([unit], actor="operator")
    assert double.keys.asked == []


def test_encryption_certificates_are_issued_beside_others_only(double: Double) -> None:
    with pytest.raises(YinxinError, match="beside a signing certificate") as caught:
        double.centre.issue("staff-encryption")
    assert caught.value.kind is Kind.FORBIDDEN


def test_an_encryption_key_never_signs_and_the_reverse(double: Double) -> None:
    """Not even for the same approval, in which a retry may bring a key again."""
    subject = make_subject("staff")
    request = double.centre.request(reference="R1", subject=subject)

    keys = double.centre.keys
    good = keys.wrap
    signer = keys.signer("sm2-issuing")

    class Dying:
        algorithm, public_key_info = signer.algorithm, signer.public_key_info

        def sign(self, data: bytes) -> bytes:
            raise RuntimeError("the device is gone")

    keys.wrap = lambda _signer: Dying()
    with pytest.raises(RuntimeError):
        double.centre.ca.issue([request], actor="operator")
    keys.wrap = good
    assert len(states(double, "R1")) == 2
    # Whoever has the escrowed key asks for a signing certificate of it.
    with double.centre.context.storage.reading() as connection:
        number = connection.execute(sa.select(kmc_records.keys.c.number)).scalar_one()
        kept = find_key(connection, number).kept()
    with pytest.raises(YinxinError, match="never signs"):
        double.centre.issue("operator", reference="R1", subject=subject, key=double.kmc.custodian.open(kept))


class Seams:
    """Storage that fails at a write transaction of the authority, at its beginning or its commit."""

    def __init__(self, storage: Storage, fail_at: int, at_commit: bool) -> None:
        self.storage, self.fail_at, self.at_commit, self.count = storage, fail_at, at_commit, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.storage, name)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        self.count += 1
        if self.count == self.fail_at and not self.at_commit:
            raise YinxinError(Kind.UNAVAILABLE, "the database is gone")
        with self.storage.transaction() as connection:
            yield connection
            if self.count == self.fail_at:
                raise YinxinError(Kind.UNAVAILABLE, "the database is gone")


@pytest.mark.parametrize(
    ("fail_at", "at_commit", "intents"), [(1, False, 0), (1, True, 0), (2, False, 2), (2, True, 2)]
)
def test_both_or_none_when_the_database_fails(double: Double, fail_at: int, at_commit: bool, intents: int) -> None:
    centre = double.centre
    broken = Context(Seams(centre.context.storage, fail_at, at_commit), centre.context.clock)  # type: ignore[arg-type]
    authority = CertificateAuthority(broken, centre.keys, URLS, encryption_keys=double.keys)
    request = centre.request(reference="R1", key=double.holder())
    with pytest.raises(YinxinError):
        authority.issue([request], actor="operator")
    assert len(states(double, "R1")) == intents
    with centre.context.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(pairs)) == 0
        finished = sa.select(certificates.c.certificate).where(certificates.c.approval_reference == "R1")
        assert set(connection.scalars(finished)) <= {None}
    assert len(reconcile(centre.context)) == intents
    # Issued again: the same key from the centre, and now both.
    (issued,) = centre.ca.issue([request], actor="operator")
    assert states(double, "R1") == [State.PRESUMED] * intents + [State.VALID] * 2
    assert pools_of(double) == {Pool.ACTIVE: 1}
    assert read(issued.encryption).public_key.dump() == double.keys.source.allot(double.keys.asked[0]).public_key_info


def test_a_caller_that_cannot_record_gets_neither(double: Double) -> None:
    def recording(connection: sa.Connection, issued: object) -> None:
        raise YinxinError(Kind.CONFLICT, "the request was withdrawn")

    with pytest.raises(YinxinError, match="withdrawn"):
        double.centre.ca.issue([double.centre.request(reference="R1")], actor="operator", recording=recording)
    assert len(reconcile(double.centre.context)) == 2


@pytest.mark.parametrize("which", [1, 2])
def test_a_centre_that_does_not_answer_is_asked_again(context: Context, tmp_path: Path, which: int) -> None:
    """The second time is when the RSA holder's envelope is asked for: both were signed by then."""
    double = double_centre(context, tmp_path, KeyKind.RSA_3072)
    double.keys.fail_at = which
    request = double.centre.request(authority="rsa-issuing", key=double.holder(KeyKind.RSA_2048), reference="R1")
    with pytest.raises(RuntimeError):
        double.centre.ca.issue([request], actor="operator")
    assert len(reconcile(context)) == 2 * (which - 1)
    (issued,) = double.centre.ca.issue([request], actor="operator")
    assert issued.encryption
    assert pools_of(double).get(Pool.ACTIVE) == 1


def test_an_amended_request_gets_another_key(double: Double) -> None:
    def recording(connection: sa.Connection, issued: object) -> None:
        raise YinxinError(Kind.CONFLICT, "it was amended meanwhile")

    subject = make_subject("staff")
    first = double.centre.request(reference="R1", subject=subject)
    with pytest.raises(YinxinError, match="amended"):
        double.centre.ca.issue([first], actor="operator", recording=recording)
    amended = double.centre.request(reference="R1", subject=subject)
    amended = replace(amended, approval=replace(amended.approval, digest=b"\x01" * 32))
    (issued,) = double.centre.ca.issue([amended], actor="operator")
    assert issued.encryption
    assert pools_of(double) == {Pool.ACTIVE: 2}


def test_a_centre_that_gives_another_kind_of_key_is_not_believed(double: Double) -> None:
    real = double.keys.source

    class Liar:
        def allot(self, request: object, certificate: bytes | None = None) -> object:
            allotted = real.allot(request, certificate)  # type: ignore[arg-type]
            return replace(allotted, public_key_info=generate(KeyKind.P256).public_key_info)

    double.keys.source = Liar()  # type: ignore[assignment]
    with pytest.raises(YinxinError, match="not asked for"):
        double.centre.issue(reference="R1")
    assert states(double, "R1") == []


@pytest.mark.parametrize("named", ["signing", "encryption"])
def test_a_pair_stands_and_falls_together(each_double: Double, named: str) -> None:
    centre = each_double.centre
    issued = centre.issue(reference="R1")
    assert issued.encryption
    serial = issued.serial if named == "signing" else issued.encryption.serial
    for verb, state in (
        (revocation.hold, State.HELD),
        (revocation.resume, State.VALID),
    ):
        verb(centre.context, "sm2-issuing", serial, actor="operator")
        assert states(each_double, "R1") == [state] * 2
    revocation.revoke(centre.context, "sm2-issuing", serial, Reason.KEY_COMPROMISE, actor="operator")
    records = page(centre.context.storage, Filter(approval_reference="R1"))
    assert [(one.state, one.reason) for one in records] == [(State.REVOKED, Reason.KEY_COMPROMISE)] * 2
    # The centre is told afterwards, once.
    assert pools_of(each_double) == {Pool.ACTIVE: 1}
    assert len(retire_keys(centre.context, each_double.keys)) == 1
    assert pools_of(each_double) == {Pool.HISTORICAL: 1}
    assert retire_keys(centre.context, each_double.keys) == []


def test_neither_is_revoked_when_the_order_cannot_be_recorded(double: Double) -> None:
    issued = double.centre.issue(reference="R1")

    def recording(connection: sa.Connection) -> None:
        raise YinxinError(Kind.CONFLICT, "overtaken")

    with pytest.raises(YinxinError, match="overtaken"):
        revocation.revoke(
            double.centre.context, "sm2-issuing", issued.serial, Reason.SUPERSEDED, actor="x", recording=recording
        )
    assert states(double, "R1") == [State.VALID] * 2
    assert retire_keys(double.centre.context, double.keys) == []


def test_a_centre_that_was_told_but_whose_answer_was_lost_is_told_again(double: Double) -> None:
    issued = double.centre.issue(reference="R1")
    revocation.revoke(double.centre.context, "sm2-issuing", issued.serial, Reason.SUPERSEDED, actor="x")
    double.keys.revoke(f"R1/{double.keys.asked[0].reference.split('/')[1]}")
    assert len(retire_keys(double.centre.context, double.keys)) == 1
    assert pools_of(double) == {Pool.HISTORICAL: 1}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.sampled_from(["hold", "resume", "revoke"]), st.booleans()), max_size=6))
def test_whatever_the_order_both_are_in_one_state(double: Double, moves: list[tuple[str, bool]]) -> None:
    issued = double.centre.issue()
    assert issued.encryption
    reference = double.keys.asked[-1].reference.split("/")[0]
    for verb, second in moves:
        serial = issued.encryption.serial if second else issued.serial
        arguments = (double.centre.context, "sm2-issuing", serial)
        try:
            if verb == "revoke":
                revocation.revoke(*arguments, Reason.UNSPECIFIED, actor="operator")
            else:
                getattr(revocation, verb)(*arguments, actor="operator")
        except YinxinError as error:
            assert error.kind is Kind.CONFLICT
        first, other = states(double, reference)
        assert first == other


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("staff-encryption", {"key_usage": {"values": ["digitalSignature", "keyEncipherment"]}}, "nothing else"),
        ("staff-encryption", {"encryption": "staff-encryption"}, "beside a signing"),
        ("staff", {"key_usage": {"values": ["digitalSignature", "keyEncipherment"]}}, "beside a signing"),
        ("tsa", {"encryption": "staff-encryption"}, "beside a signing"),
    ],
)
def test_profiles_that_mix_signing_and_encryption_are_refused(
    name: str, changes: dict[str, object], complaint: str
) -> None:
    profile = load_profile(PROFILES / f"{name}.toml")
    with pytest.raises(ValueError, match=complaint):
        Profile.model_validate(profile.model_dump() | changes)


def test_the_shipped_profiles_are_of_pairs(double: Double) -> None:
    for name in ("staff", "unit"):
        signing, encryption = (load_profile(PROFILES / f"{one}.toml") for one in (name, f"{name}-encryption"))
        assert signing.encryption == encryption.name
        assert encryption.audience is Audience.ENCRYPTION
        assert (encryption.validity_days, encryption.identity) == (signing.validity_days, signing.identity)
        assert set(encryption.keys) == {KeyType.SM2, KeyType.RSA}
    assert load_profile(PROFILES / "unit.toml").approvals == 2
