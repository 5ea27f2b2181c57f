"""Authorities under a parent that signs elsewhere: requests out, certificates and lists in, and what is refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509

from ca import crl, hierarchy, revocation
from ca.authorities import certificate_of, chain_of, find_authority
from ca.crl.importing import import_list
from ca.inspection import inspect_certificates
from ca.issuance import Approval
from ca.register import Filter, every
from ca.state import Reason, State
from ca.subordinates.installing import install
from ca.subordinates.requests import list_requests, request_certificate
from ca.subordinates.signing import review, sign
from core.algorithms import SM3, KeyKind
from core.audit import entries
from core.clock import FixedClock
from core.context import Context
from core.csr import build_csr, parse_csr
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from core.subject import Subject
from tests.support import pki
from tests.support.ca import NOW, MemoryKeyStore, TestCentre, pooled_key

SUBJECT = Subject(organization="示范市数字证书认证中心", common_name="示范市签发机构")
KINDS = pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_3072])


@dataclass
class Issuing:
    """A home that has no roots."""

    centre: TestCentre

    def ask(self, kind: KeyKind = KeyKind.SM2, name: str = "city", profile: str = "subordinate") -> bytes:
        return request_certificate(self.centre.ca, name, kind, SUBJECT, profile=profile, actor="keeper").csr

    def install(self, given: list[bytes], anchors: list[bytes] | None = None, name: str = "city") -> object:
        return install(self.centre.context, name, given, given[-1:] if anchors is None else anchors, actor="keeper")

    def acts(self) -> list[str]:
        with self.centre.context.storage.reading() as connection:
            return list(connection.scalars(sa.select(entries.c.act).order_by(entries.c.id)))


@pytest.fixture
def issuing(migrated_sqlite: Path, tmp_path: Path, clock: FixedClock) -> Iterator[Issuing]:
    (tmp_path / "issuing.db").write_bytes(migrated_sqlite.read_bytes())
    storage = Storage(f"sqlite:///{tmp_path / 'issuing.db'}")
    yield Issuing(TestCentre(Context(storage, clock), MemoryKeyStore()).activate())
    storage.close()


def signed_by(root: TestCentre, csr: bytes, kind: KeyKind) -> list[bytes]:
    issuer = f"{kind.value.split('-')[0]}-root"
    reviewed = review(root.ca, csr, issuer=issuer, profile="subordinate")
    return sign(root.ca, reviewed, digest=SM3.of(csr).hex(), actor="keeper")


@KINDS
def test_from_the_request_to_a_holders_certificate(centre: TestCentre, issuing: Issuing, kind: KeyKind) -> None:
    if kind is not KeyKind.SM2:
        subject = Subject.of_service("测试中心", "rsa Root")
        approval = Approval("ceremony rsa", bytes(32), ("keeper",))
        hierarchy.create_root(centre.ca, "rsa-root", kind, subject, approval=approval, actor="keeper")
    family = kind.value.split("-")[0]
    chain = signed_by(centre, issuing.ask(kind), kind)
    installed = install(issuing.centre.context, "city", chain, chain[-1:], actor="keeper")
    assert installed.parents == (f"{family}-root",)
    storage = issuing.centre.context.storage
    assert chain_of(storage, "city") == chain
    own, root = map(x509.load_der_x509_certificate, chain)
    if kind is KeyKind.SM2:
        parent = find(storage, "sm2-root").public_key_info
        point = curve.point_of(parent)
        assert point is not None
        assert GmsslEngine().verify(point, own.signature, own.tbs_certificate_bytes)
    else:
        own.verify_directly_issued_by(root)
    issued = issuing.centre.issue(
        authority="city", key=pooled_key("holder", KeyKind.SM2 if kind is KeyKind.SM2 else KeyKind.RSA_2048)
    )
    assert x509.load_der_x509_certificate(issued.certificate).issuer == own.subject
    assert {"ca.subordinate.request", "ca.subordinate.install"} <= set(issuing.acts())
    assert [tuple(found) for _record, found in inspect_certificates(issuing.centre.context)] == [(), ()]
    # What is certified from afar is signed elsewhere, and its parent signs nothing here.
    with pytest.raises(YinxinError, match="kept elsewhere"):
        crl.publish(issuing.centre.context, issuing.centre.keys, f"{family}-root", 24)
    with pytest.raises(YinxinError, match="kept elsewhere"):
        revocation.revoke(issuing.centre.context, f"{family}-root", installed.serial, Reason.SUPERSEDED, actor="keeper")
    assert {one.authority.name for one in crl.due(issuing.centre.context)} == {"city"}


def find(storage: Storage, name: str) -> hierarchy.Authority:
    with storage.reading() as connection:
        found = find_authority(connection, name)
    assert found is not None
    return found


def test_asked_twice_it_is_the_same_request(issuing: Issuing) -> None:
    csr = issuing.ask()
    assert issuing.ask() == csr
    parse_csr(csr).check_possession()
    assert [one.authority.name for one in list_requests(issuing.centre.context.storage)] == ["city"]
    assert issuing.acts().count("ca.subordinate.request") == 1
    with pytest.raises(YinxinError, match="asked for with the profile subordinate"):
        issuing.ask(profile="issuing")
    with pytest.raises(YinxinError, match="makes no CA"):
        issuing.ask(name="other", profile="staff")


def test_signed_twice_it_is_the_same_certificate(centre: TestCentre, issuing: Issuing) -> None:
    """Whatever became of the file: the books know what was signed."""
    csr = issuing.ask()
    first = signed_by(centre, csr, KeyKind.SM2)
    assert signed_by(centre, csr, KeyKind.SM2) == first
    approved = Filter(approval_reference=f"ceremony subordinate {SM3.of(csr).hex()[:32]}")
    assert len(list(every(centre.context.storage, approved))) == 1


def test_a_crash_between_intent_and_result_is_tried_again(
    centre: TestCentre, issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    csr = issuing.ask()
    with monkeypatch.context() as patch:
        patch.setattr("ca.issuance.AuthorityKey.sign", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            signed_by(centre, csr, KeyKind.SM2)
    chain = signed_by(centre, csr, KeyKind.SM2)
    assert x509.load_der_x509_certificate(chain[0]).subject.public_bytes() == SUBJECT.name()


def test_only_what_was_approved_is_signed(centre: TestCentre, issuing: Issuing) -> None:
    csr = issuing.ask()
    reviewed = review(centre.ca, csr, issuer="sm2-root", profile="subordinate")
    with pytest.raises(YinxinError, match="another request was approved") as caught:
        sign(centre.ca, reviewed, digest="0" * 64, actor="keeper")
    assert caught.value.kind is Kind.FORBIDDEN
    forged = build_csr(generate(KeyKind.SM2), SUBJECT.name())
    with pytest.raises(YinxinError, match="another request was approved"):
        sign(
            centre.ca,
            review(centre.ca, forged, issuer="sm2-root", profile="subordinate"),
            digest=SM3.of(csr).hex(),
            actor="keeper",
        )


def test_requests_that_cannot_be_signed_are_refused_at_the_review(centre: TestCentre, issuing: Issuing) -> None:
    key = pooled_key("subordinate", KeyKind.SM2)
    good = issuing.ask()
    altered = good[:-2] + bytes((good[-2] ^ 1, good[-1]))
    serial = b"\x30\x0b\x31\x09\x30\x07\x06\x03\x55\x04\x05\x13\x00"
    cases: list[tuple[bytes, str, str]] = [
        (b"nothing", "sm2-root", "not a certificate request"),
        (altered, "sm2-root", "not by the key in it"),
        (build_csr(pooled_key("p", KeyKind.P256), SUBJECT.name()), "sm2-root", "SM2 keys belong under SM2"),
        (build_csr(key, serial), "sm2-root", "not made of C, ST, L, O, OU and CN"),
        (build_csr(key, Subject(common_name="x").name()), "sm2-root", "would break"),
        (good, "sm2-issuing", "path length is 0"),
        (good, "none", "no such authority"),
    ]
    before = len(issuing_rows(centre))
    for csr, issuer, words in cases:
        with pytest.raises(YinxinError, match=words):
            review(centre.ca, csr, issuer=issuer, profile="subordinate")
    with pytest.raises(YinxinError, match="makes no CA"):
        review(centre.ca, good, issuer="sm2-root", profile="staff")
    assert len(issuing_rows(centre)) == before


def issuing_rows(centre: TestCentre) -> list[object]:
    return list(every(centre.context.storage, Filter()))


# Under somebody else's authority.


@dataclass
class Province:
    """A national root, a provincial authority below it, and what it certifies for the city."""

    root: pki.Party
    province: pki.Party

    def certify(self, csr: bytes, *, name: bytes | None = None, key: bytes | None = None, **options: Any) -> bytes:
        """A certificate for the request's key and name, unless told otherwise."""
        request = parse_csr(csr)
        return pki.certify_key(
            self.province, name or request.subject, key or request.public_key_info, not_before=NOW, **options
        )


@pytest.fixture
def province() -> Province:
    root = pki.root(KeyKind.SM2, not_before=NOW, common_name="National Root")
    usages = (pki.KEY_CERT_SIGN, pki.CRL_SIGN)
    return Province(root, root.issue("Province", authority=True, usages=usages, not_before=NOW))


def test_under_a_provincial_authority(issuing: Issuing, province: Province) -> None:
    own = province.certify(issuing.ask())
    given = [province.root.certificate, own, province.province.certificate]
    installed = install(issuing.centre.context, "city", given, [province.root.certificate], actor="keeper")
    assert installed.path == (own, province.province.certificate, province.root.certificate)
    assert all(name.startswith("parent-") for name in installed.parents)
    issuing.centre.issue(authority="city")
    again = install(issuing.centre.context, "city", given, [province.root.certificate], actor="keeper")
    assert again == installed
    assert issuing.acts().count("ca.subordinate.install") == 1


def test_a_certificate_that_is_not_as_was_asked_for(issuing: Issuing, province: Province) -> None:
    csr = issuing.ask()
    above = [province.province.certificate, province.root.certificate]
    other = generate(KeyKind.SM2).public_key_info
    cases: list[tuple[bytes, str]] = [
        (province.certify(csr, key=other), "none of the certificates is for the key"),
        (province.certify(csr, name=Subject(organization="x", common_name="y").name()), "its name is"),
        (province.certify(csr, authority=False), "makes no authority"),
        (province.certify(csr, usages=(pki.KEY_CERT_SIGN,)), "key usage allows no"),
        (province.certify(csr, days=-1), "was not valid at"),
    ]
    for own, words in cases:
        with pytest.raises(YinxinError, match=words):
            issuing.install([own, *above])
    own = province.certify(csr)
    stranger = pki.root(KeyKind.SM2, not_before=NOW, common_name="National Root")
    for given, anchors in (
        ([own, *above], [stranger.certificate]),
        ([own, *above], []),
        ([own, province.root.certificate], [province.root.certificate]),
        ([own[:-3] + bytes(3), *above], [province.root.certificate]),
    ):
        with pytest.raises(YinxinError, match="no trusted issuer"):
            issuing.install(given, anchors)
    with pytest.raises(YinxinError, match="no certificate was asked for"):
        issuing.install([own, *above], name="nobody")
    assert find(issuing.centre.context.storage, "city").certificate is None
    assert "ca.subordinate.install" not in issuing.acts()
    issuing.install([own, *above])
    with pytest.raises(YinxinError, match="has its certificate already"):
        issuing.install([province.certify(csr), *above])


def test_a_certificate_altered_anywhere_is_refused_in_words(issuing: Issuing, province: Province) -> None:
    own = province.certify(issuing.ask())
    above = [province.province.certificate, province.root.certificate]
    for place in range(0, len(own), 7):
        altered = own[:place] + bytes((own[place] ^ 0x11,)) + own[place + 1 :]
        with pytest.raises(YinxinError):
            issuing.install([altered, *above])
    assert find(issuing.centre.context.storage, "city").certificate is None


def test_what_the_parent_says_of_us_counts(centre: TestCentre, issuing: Issuing, clock: FixedClock) -> None:
    chain = signed_by(centre, issuing.ask(), KeyKind.SM2)
    installed = install(issuing.centre.context, "city", chain, chain[-1:], actor="keeper")
    context = issuing.centre.context

    def bring() -> bytes:
        clock.advance(timedelta(hours=1))
        crl.publish(centre.context, centre.keys, "sm2-root", 240)
        octets = crl.latest(centre.context, "sm2-root")
        import_list(context, octets, actor="keeper")
        return octets

    first = bring()
    assert crl.latest(context, "sm2-root") == first
    issuing.centre.issue(authority="city")
    for move, state in ((revocation.hold, State.HELD), (revocation.resume, State.VALID)):
        move(centre.context, "sm2-root", installed.serial, actor="keeper")
        bring()
        (record,) = every(context.storage, Filter(authority="sm2-root"))
        assert record.state is state
        if state is State.HELD:
            with pytest.raises(YinxinError, match="own certificate is held"):
                issuing.centre.issue(authority="city")
    issuing.centre.issue(authority="city")
    revocation.revoke(centre.context, "sm2-root", installed.serial, Reason.CA_COMPROMISE, actor="keeper")
    last = bring()
    with pytest.raises(YinxinError, match="own certificate is revoked"):
        issuing.centre.issue(authority="city")
    (record,) = every(context.storage, Filter(authority="sm2-root"))
    assert (record.state, record.reason) == (State.REVOKED, Reason.CA_COMPROMISE)
    for older in (first, last):
        with pytest.raises(YinxinError, match="a newer list"):
            import_list(context, older, actor="keeper")


def test_lists_that_cannot_be_used(centre: TestCentre, issuing: Issuing, clock: FixedClock) -> None:
    chain = signed_by(centre, issuing.ask(), KeyKind.SM2)
    install(issuing.centre.context, "city", chain, chain[-1:], actor="keeper")
    crl.publish(centre.context, centre.keys, "sm2-root", 24)
    octets = crl.latest(centre.context, "sm2-root")
    crl.publish(centre.context, centre.keys, "sm2-issuing", 24)
    crl.publish(issuing.centre.context, issuing.centre.keys, "city", 24)
    cases = [
        (b"nothing", "not a revocation list"),
        (octets[:-2] + bytes(2), "signature is not the authority's"),
        (crl.latest(centre.context, "sm2-issuing"), "not known here"),
        (crl.latest(issuing.centre.context, "city"), "publishes its lists itself"),
    ]
    for wrong, words in cases:
        with pytest.raises(YinxinError, match=words):
            import_list(issuing.centre.context, wrong, actor="keeper")
    clock.advance(timedelta(hours=25))
    with pytest.raises(YinxinError, match="it holds from"):
        import_list(issuing.centre.context, octets, actor="keeper")
    with pytest.raises(YinxinError, match="no CRL was published"):
        crl.latest(issuing.centre.context, "sm2-root")
    assert "ca.crl.import" not in issuing.acts()


def test_an_import_that_was_cut_short_is_done_again(
    centre: TestCentre, issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = signed_by(centre, issuing.ask(), KeyKind.SM2)
    install(issuing.centre.context, "city", chain, chain[-1:], actor="keeper")
    crl.publish(centre.context, centre.keys, "sm2-root", 24)
    octets = crl.latest(centre.context, "sm2-root")
    for place in ("keep", "_take_to_heart"):
        with monkeypatch.context() as patch:
            patch.setattr(f"ca.crl.importing.{place}", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                import_list(issuing.centre.context, octets, actor="keeper")
    assert import_list(issuing.centre.context, octets, actor="keeper").size == len(octets)
    assert crl.latest(issuing.centre.context, "sm2-root") == octets


def test_the_roots_certificate_is_what_the_transcript_would_show(centre: TestCentre, issuing: Issuing) -> None:
    chain = signed_by(centre, issuing.ask(), KeyKind.SM2)
    assert chain[-1] == certificate_of(centre.context.storage, "sm2-root")
