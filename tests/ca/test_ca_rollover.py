"""Another key for an authority: both are trusted, the new one issues, the old one goes on listing; nothing is lost."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509

from ca import crl, revocation
from ca.authorities import Authority, chain_of, find_authority
from ca.crl.publication import due
from ca.further import handed_out
from ca.generations import generations_of, is_retired, newest_generation
from ca.http import create_app
from ca.inspection import inspect_certificates
from ca.issuance import CertificateAuthority
from ca.reconciliation import reconcile
from ca.records import successions
from ca.rollover import go_over, links_of, make_next, plan
from ca.state import Reason
from ca.status import StatusReader
from ca.subordinates.installing import install
from ca.subordinates.requests import SubordinateRequest, request_certificate
from ca.subordinates.signing import review, sign
from core.algorithms import KeyKind
from core.audit import entries
from core.certificates import armour, public_key_info
from core.clock import FixedClock
from core.context import Context
from core.errors import YinxinError
from core.path import build_path
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from core.subject import Subject
from tests.support.auditing import findings, forge
from tests.support.ca import NOW, URLS, MemoryKeyStore, TestCentre, pooled_key
from tests.support.openssl import SM2_ID, RefusalError, openssl


def find(centre: TestCentre, name: str) -> Authority:
    with centre.context.storage.reading() as connection:
        found = find_authority(connection, name)
    assert found is not None
    return found


def roll_over(centre: TestCentre, name: str, **options: Any) -> Authority:
    """Without the files of a home."""
    wanted = plan(centre.context, name, **options)
    made = make_next(centre.ca, wanted, actor="keeper")
    assert isinstance(made, Authority)
    crl.publish(centre.context, centre.keys, made.name, 24)
    go_over(centre.context, wanted.present, made, actor="keeper")
    return made


@pytest.fixture(params=["sm2", "rsa"])
def family(request: pytest.FixtureRequest, centre: TestCentre) -> Iterator[str]:
    if request.param == "rsa":
        centre.build(KeyKind.RSA_3072)
    yield request.param


def issue(centre: TestCentre, family: str, name: str) -> bytes:
    kind = KeyKind.SM2 if family == "sm2" else KeyKind.RSA_2048
    return centre.issue(authority=f"{family}-issuing", key=pooled_key(name, kind)).certificate


def openssl_verifies(folder: Path, leaf: bytes, others: list[bytes], anchor: bytes) -> bool:
    """`openssl verify` with this one trusted certificate."""
    pem = {"leaf": [leaf], "others": others, "anchor": [anchor]}
    for name, certificates in pem.items():
        (folder / name).write_bytes(armour(certificates))
    at = ("-attime", str(int((NOW + timedelta(minutes=10)).timestamp())))
    files = (
        "-partial_chain",
        "-CAfile",
        folder / "anchor",
        *(("-untrusted", folder / "others") if others else ()),
        folder / "leaf",
    )
    try:
        openssl("verify", "-vfyopt", SM2_ID, *at, *files) if is_sm2(leaf) else openssl("verify", *at, *files)
    except RefusalError:
        return False
    return True


def is_sm2(certificate: bytes) -> bool:
    return bool(curve.KEY_ALGORITHM in certificate)


def test_whoever_trusts_either_root_finds_a_path(
    centre: TestCentre, family: str, clock: FixedClock, tmp_path: Path
) -> None:
    root, issuing = f"{family}-root", f"{family}-issuing"
    old_leaf = issue(centre, family, "before")
    new_root = roll_over(centre, root)
    roll_over(centre, issuing)
    new_leaf = issue(centre, family, "after")
    old_root = find(centre, root)
    assert (old_root.subject, new_root.subject) == (old_root.subject,) * 2
    assert old_root.public_key_info != new_root.public_key_info
    assert old_root.certificate and new_root.certificate
    links = links_of(centre.context, old_root, new_root)
    others = [*chain_of(centre.context.storage, issuing)[:1], *chain_of(centre.context.storage, f"{issuing}-g2")[:1]]
    for leaf in (old_leaf, new_leaf):
        for anchor in (old_root.certificate, new_root.certificate):
            path = build_path(leaf, [*others, *links], [anchor], centre.context.clock.now())
            assert path[-1] == anchor
            if family == "sm2":
                # Its -vfyopt is for the leaf alone: each step of the path by itself.
                for child, parent in pairwise(path):
                    assert openssl_verifies(tmp_path, child, [], parent)
            else:
                assert openssl_verifies(tmp_path, leaf, [*others, *links], anchor)
    # Without the links nobody finds from one key to the other.
    for leaf, anchor in ((old_leaf, new_root.certificate), (new_leaf, old_root.certificate)):
        assert not openssl_verifies(tmp_path, leaf, others, anchor)
        with pytest.raises(YinxinError, match="no trusted issuer"):
            build_path(leaf, others, [anchor], centre.context.clock.now())
    # RFC 4210 4.4: they end with the older key.
    for link in links:
        loaded = x509.load_der_x509_certificate(link)
        assert loaded.subject == loaded.issuer
        assert loaded.not_valid_after_utc == old_root.limits.not_after
        if family == "sm2":
            signer = next(one for one in (old_root, new_root) if one.public_key_info != public_key_info(link))
            point = curve.point_of(signer.public_key_info)
            assert point and GmsslEngine().verify(point, loaded.signature, loaded.tbs_certificate_bytes)
    storage = centre.context.storage
    assert {*links} == {*handed_out(storage, root), *handed_out(storage, f"{root}-g2")} - {
        old_root.certificate,
        new_root.certificate,
    }
    for _record, complaints in inspect_certificates(centre.context):
        assert complaints == ()


def test_issuance_goes_over_and_the_old_key_goes_on_listing(centre: TestCentre, clock: FixedClock) -> None:
    context = centre.context
    before = centre.issue()
    old = find(centre, "sm2-issuing")
    new = roll_over(centre, "sm2-issuing")
    after = centre.issue()  # asked for under the old name, as a request that was approved before
    assert (before.authority, after.authority) == ("sm2-issuing", "sm2-issuing-g2")
    # Both keys are asked about: CertIDs name the key.
    reader = StatusReader(context.storage)
    issuers = {one.name: one for one in reader.issuers()}
    assert issuers["sm2-issuing"].subject == issuers["sm2-issuing-g2"].subject
    assert reader.status(old.id, before.serial) and reader.status(new.id, after.serial)
    assert reader.status(new.id, before.serial) is None
    # A responder is certified by the very key.
    assert centre.issue("ocsp", key=pooled_key("responder", KeyKind.SM2)).authority == "sm2-issuing"
    revocation.revoke(context, "sm2-issuing", before.serial, Reason.SUPERSEDED, actor="operator")
    (published,) = crl.publish(context, centre.keys, "sm2-issuing", 24)
    assert published.entries == 1
    parsed = x509.load_der_x509_crl(crl.latest(context, "sm2-issuing"))
    point = curve.point_of(old.public_key_info)
    assert point and GmsslEngine().verify(point, parsed.signature, parsed.tbs_certlist_bytes)
    assert "sm2-issuing" not in {one.authority.name for one in due(context)}
    clock.moment = NOW + timedelta(hours=13)
    assert {"sm2-issuing", "sm2-issuing-g2"} <= {one.authority.name for one in due(context)}
    # When the last of its certificates has ended, it is retired.
    end = x509.load_der_x509_certificate(before.certificate).not_valid_after_utc
    clock.moment = end
    assert "sm2-issuing" in {one.authority.name for one in due(context)}
    clock.moment = end + timedelta(seconds=1)
    with context.storage.reading() as connection:
        assert is_retired(connection, old, clock.now()) and not is_retired(connection, new, clock.now())
    assert "sm2-issuing" not in {one.authority.name for one in due(context)}


def test_another_process_with_grounds_in_memory_goes_over(centre: TestCentre) -> None:
    other = CertificateAuthority(centre.context, centre.keys, URLS)
    (first,) = other.issue([centre.request()], actor="operator")
    roll_over(centre, "sm2-issuing")
    (second,) = other.issue([centre.request()], actor="operator")
    assert (first.authority, second.authority) == ("sm2-issuing", "sm2-issuing-g2")


@pytest.mark.parametrize("name", ["sm2-root", "sm2-issuing"])
def test_killed_at_every_seam(centre: TestCentre, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run again it goes on; and until all is there, the former key issues."""
    seams = [
        "ca.rollover.enter_authority",
        "ca.rollover.certify_entered",
        "ca.issuance.AuthorityKey.sign",
        "ca.issuance.CertificateAuthority._commit_results",
        "ca.rollover._link",
        "ca.rollover.enter_further",
        "ca.rollover.insert_absent",
    ]
    present = find(centre, name)
    for seam in seams:
        with monkeypatch.context() as patch:
            patch.setattr(seam, lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt))
            try:
                roll_over(centre, name)
            except KeyboardInterrupt:
                reconcile(centre.context)
        with centre.context.storage.reading() as connection:
            if name == "sm2-root" or ("link" not in seam and "further" not in seam):
                assert newest_generation(connection, present) == present, seam
                continue
            break
    if name == "sm2-issuing":
        return  # it has no links: it was made meanwhile
    following = roll_over(centre, name)
    with centre.context.storage.reading() as connection:
        assert generations_of(connection, following) == [present, following]
        assert connection.scalar(sa.select(sa.func.count()).select_from(successions)) == 1
    assert len(links_of(centre.context, present, following)) == 2


def test_again_and_again(centre: TestCentre) -> None:
    roll_over(centre, "sm2-root")
    with pytest.raises(YinxinError, match="has followed this one already: sm2-root-g2"):
        plan(centre.context, "sm2-root")
    roll_over(centre, "sm2-root-g2")
    third = roll_over(centre, "sm2-root-g3")
    with centre.context.storage.reading() as connection:
        assert [one.name for one in generations_of(connection, third)] == [
            "sm2-root",
            "sm2-root-g2",
            "sm2-root-g3",
            "sm2-root-g4",
        ]
    # The issuing authority below is certified by the newest.
    issuing = roll_over(centre, "sm2-issuing")
    assert issuing.issuer_id == third.id


def test_what_cannot_be_rolled_over(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="no such authority"):
        plan(centre.context, "none")
    with pytest.raises(YinxinError, match="makes no CA"):
        plan(centre.context, "sm2-root", profile="staff")
    wanted = plan(centre.context, "sm2-root", kind=KeyKind.P256)
    with pytest.raises(YinxinError, match="SM2 keys belong under SM2"):
        make_next(centre.ca, wanted, actor="keeper")


def test_the_link_profile_makes_nothing_else(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="takes a ceremony"):
        centre.issue("link")


def test_the_auditor_knows_which_key_issues(centre: TestCentre) -> None:
    centre.issue()
    roll_over(centre, "sm2-issuing")
    centre.issue()
    assert findings(centre) == []
    details = {"authority": "sm2-issuing", "profile": "staff", "version": 1, "lint": "passed", "approvers": ["a", "b"]}
    forge(centre, "ca.certificate.intend", "77", **details)
    assert "a certificate by a key that another one had followed" in {one.what for one in findings(centre)}
    forge(centre, "ca.authority.rollover", "sm2-root", successor="sm2-root-g2")
    forge(centre, "ca.authority.rollover", "sm2-issuing", successor="sm2-root")
    told = {one.what for one in findings(centre)}
    assert "issuance went over to an authority that was never made" in told
    assert "issuance went over to another key twice" in told


def test_both_keys_lists_are_served(centre: TestCentre) -> None:
    from werkzeug.test import Client

    roll_over(centre, "sm2-root")
    crl.publish(centre.context, centre.keys, "sm2-root", 24)
    client = Client(create_app(centre.context))
    for name in ("sm2-root", "sm2-root-g2"):
        assert client.get(f"/crl/{name}.crl").status_code == 200
        assert client.get(f"/ca/{name}.pem").data.count(b"BEGIN CERTIFICATE") == 2
    with centre.context.storage.reading() as connection:
        acts = list(connection.scalars(sa.select(entries.c.act)))
    assert acts.count("ca.authority.link") == 2 and acts.count("ca.authority.rollover") == 1


def test_under_a_parent_that_signs_elsewhere(centre: TestCentre, migrated_sqlite: Path, tmp_path: Path) -> None:
    """The request is carried, the answer installed, and only then the new key issues."""
    (tmp_path / "issuing.db").write_bytes(migrated_sqlite.read_bytes())
    storage = Storage(f"sqlite:///{tmp_path / 'issuing.db'}")
    city = TestCentre(Context(storage, centre.context.clock), MemoryKeyStore()).activate()
    name = Subject(organization="示范市数字证书认证中心", common_name="示范市签发机构")

    def answered(csr: bytes) -> list[bytes]:
        reviewed = review(centre.ca, csr, issuer="sm2-root", profile="subordinate")
        return sign(centre.ca, reviewed, digest=reviewed.digest, actor="keeper")

    asked = request_certificate(city.ca, "city", KeyKind.SM2, name, profile="subordinate", actor="keeper")
    chain = answered(asked.csr)
    install(city.context, "city", chain, chain[-1:], actor="keeper")
    wanted = plan(city.context, "city")
    assert wanted.is_asked_for and wanted.profile == "subordinate"
    request = make_next(city.ca, wanted, actor="keeper")
    assert isinstance(request, SubordinateRequest)
    assert city.issue(authority="city").authority == "city"
    again = make_next(city.ca, wanted, actor="keeper")
    assert isinstance(again, SubordinateRequest) and again.csr == request.csr
    # Meanwhile the parent has another key too; here only the old root is trusted, and the link leads to it.
    roll_over(centre, "sm2-root")
    links = links_of(centre.context, find(centre, "sm2-root-g2"))
    install(city.context, "city-g2", [*answered(request.csr), *links], chain[-1:], actor="keeper")
    made = make_next(city.ca, wanted, actor="keeper")
    assert isinstance(made, Authority)
    assert go_over(city.context, wanted.present, made, actor="keeper")
    assert not go_over(city.context, wanted.present, made, actor="keeper")
    assert city.issue(authority="city").authority == "city-g2"
    assert findings(city) == []
    storage.close()
