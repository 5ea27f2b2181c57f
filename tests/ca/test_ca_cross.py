"""Cross certificates: we certify another centre's CA within bounds, and they certify ours."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathValidationError

from ca import activation, hierarchy
from ca.authorities import certificate_of
from ca.cross import install_cross, request_cross
from ca.further import handed_out
from ca.inspection import inspect_certificates
from ca.issuance import Approval, ApprovedRequest
from ca.profiles import NameConstraints, Profile, Subtrees, load_profile
from ca.subordinates.signing import review, sign
from core.algorithms import KeyKind
from core.asn1 import der
from core.audit import entries
from core.certificates import armour
from core.clock import FixedClock
from core.context import Context
from core.csr import build_csr, parse_csr
from core.errors import YinxinError
from core.path import build_path
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from core.subject import Subject
from tests.support import pki
from tests.support.ca import NOW, PROFILES, MemoryKeyStore, TestCentre, activate_untried, pooled_key
from tests.support.openssl import SM2_ID, RefusalError, openssl

PARTNER = Subject(organization="伙伴局", common_name="伙伴根")
KINDS = pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_3072])


def profile(**changes: object) -> Profile:
    """The example of the house, for one partner."""
    given = load_profile(PROFILES.parent / "cross.toml")
    constraints = NameConstraints(permitted=Subtrees(directories=({"country": "CN", "organization": "伙伴局"},)))
    return given.model_copy(update={"name_constraints": constraints, **changes})


@pytest.fixture
def partner(migrated_sqlite: Path, tmp_path: Path, clock: FixedClock) -> Iterator[TestCentre]:
    """Another centre, with books and keys of its own."""
    (tmp_path / "partner.db").write_bytes(migrated_sqlite.read_bytes())
    storage = Storage(f"sqlite:///{tmp_path / 'partner.db'}")
    yield TestCentre(Context(storage, clock), MemoryKeyStore()).activate()
    storage.close()


def root_of(centre: TestCentre, name: str, kind: KeyKind, subject: Subject) -> None:
    approval = Approval("ceremony", bytes(32), ("keeper",))
    hierarchy.create_root(centre.ca, name, kind, subject, approval=approval, actor="keeper")


def certified(centre: TestCentre, csr: bytes, authority: str, subject: Subject = PARTNER) -> bytes:
    approval = Approval("R1", bytes(32), ("李四", "王五"))
    (issued,) = centre.ca.issue([ApprovedRequest(authority, "cross", subject, csr, approval)], actor="operator")
    return issued.certificate


def verifies(folder: Path, path: list[bytes], options: tuple[str, ...] = ()) -> bool:
    """`openssl verify` of the first, by those between, up to the last."""
    (folder / "leaf").write_bytes(armour(path[:1]))
    (folder / "between").write_bytes(armour(path[1:-1] or path[-1:]))
    (folder / "anchor").write_bytes(armour(path[-1:]))
    at = str(int((NOW + timedelta(minutes=10)).timestamp()))
    files = ("-CAfile", folder / "anchor", "-untrusted", folder / "between", folder / "leaf")
    try:
        openssl("verify", "-partial_chain", *options, "-attime", at, *files)
    except RefusalError:
        return False
    return True


@KINDS
def test_what_they_certify_is_good_here_within_the_bounds(
    centre: TestCentre, partner: TestCentre, kind: KeyKind, tmp_path: Path
) -> None:
    family = kind.value.split("-")[0]
    if kind is not KeyKind.SM2:
        centre.build(kind)
    activate_untried(centre.context, [profile()], actor="keeper")
    root_of(partner, "partner-root", kind, PARTNER)
    hierarchy.create_issuing(
        partner.ca,
        "partner-issuing",
        kind,
        Subject(organization="伙伴局", common_name="伙伴签发"),
        issuer="partner-root",
        approval=Approval("ceremony", bytes(32), ("keeper",)),
        actor="keeper",
    )
    issuing_csr = request_cross(partner.ca, "partner-issuing", actor="keeper")
    cross = certified(centre, issuing_csr, f"{family}-root", Subject(organization="伙伴局", common_name="伙伴签发"))
    ours = certificate_of(centre.context.storage, f"{family}-root")
    now = centre.context.clock.now()
    for organization, good in (("伙伴局", True), ("别的局", False)):
        subject = Subject(organization=organization, common_name="张三")
        holder = pooled_key(f"partner {organization}", KeyKind.SM2 if kind is KeyKind.SM2 else KeyKind.RSA_2048)
        leaf = partner.issue(authority="partner-issuing", key=holder, subject=subject).certificate
        if good:
            path = build_path(leaf, [cross], [ours], now)
            assert path == (leaf, cross, ours)
        else:
            with pytest.raises(YinxinError, match="may not certify this name"):
                build_path(leaf, [cross], [ours], now)
        if kind is KeyKind.SM2:
            # Its -vfyopt is for the leaf alone: each step by itself.
            assert verifies(tmp_path, [leaf, cross], ("-vfyopt", SM2_ID)) is good
            assert verifies(tmp_path, [cross, ours], ("-vfyopt", SM2_ID))
        else:
            assert verifies(tmp_path, [leaf, cross, ours]) is good
            assert pyhanko_finds(leaf, cross, ours) is good
    read = x509.load_der_x509_certificate(cross)
    constraints = read.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert read.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    if kind is KeyKind.SM2:
        point = curve.point_of(asn1_x509.Certificate.load(ours).public_key.dump())
        assert point and GmsslEngine().verify(point, read.signature, read.tbs_certificate_bytes)
    assert all(found == () for _record, found in inspect_certificates(centre.context))


def pyhanko_finds(leaf: bytes, cross: bytes, anchor: bytes) -> bool:
    loaded = [asn1_x509.Certificate.load(one) for one in (leaf, cross, anchor)]
    context = ValidationContext(
        trust_roots=[loaded[2]], moment=NOW + timedelta(minutes=10), revocation_mode="soft-fail"
    )
    validator = CertificateValidator(loaded[0], intermediate_certs=[loaded[1]], validation_context=context)
    try:
        asyncio.run(validator.async_validate_path())
    except PathValidationError:
        return False
    return True


def test_the_example_of_the_house_passes_both_linters(centre: TestCentre) -> None:
    (version,) = activation.activate(centre.context, [load_profile(PROFILES.parent / "cross.toml")], actor="keeper")
    assert version.profile.name_constraints is not None


def test_profiles_without_constraints_keep_their_digests() -> None:
    staff = load_profile(PROFILES / "staff.toml")
    assert b"name_constraints" not in staff.document()
    assert b"name_constraints" in profile().document()
    with pytest.raises(ValueError, match="say nothing"):
        NameConstraints()


def test_what_is_not_certified(centre: TestCentre, partner: TestCentre) -> None:
    activate_untried(centre.context, [profile()], actor="keeper")
    root_of(partner, "partner-root", KeyKind.SM2, PARTNER)
    csr = request_cross(partner.ca, "partner-root", actor="keeper")
    with pytest.raises(YinxinError, match="calls itself"):
        certified(centre, csr, "sm2-root", Subject(organization="伙伴局", common_name="别名"))
    printable = der.sequence(
        *(
            der.set_of(der.sequence(der.oid(oid), der.printable(value)))
            for oid, value in (("2.5.4.6", "CN"), ("2.5.4.10", "Partner"), ("2.5.4.3", "Root"))
        )
    )
    other_form = build_csr(pooled_key("printable", KeyKind.SM2), printable)
    with pytest.raises(YinxinError, match="calls itself"):
        certified(centre, other_form, "sm2-root", Subject(organization="Partner", common_name="Root"))
    with pytest.raises(YinxinError, match="path length is 0"):
        certified(centre, csr, "sm2-issuing")
    with pytest.raises(YinxinError, match="needs 2 approvals"):
        one = Approval("R1", bytes(32), ("李四",))
        centre.ca.issue([ApprovedRequest("sm2-root", "cross", PARTNER, csr, one)], actor="operator")
    ours = build_csr(centre.keys.signer("sm2-issuing"), PARTNER.name())
    with pytest.raises(YinxinError, match="certified for another holder"):
        certified(centre, ours, "sm2-root")


def test_at_an_offline_root_the_custodians_are_the_second_persons(centre: TestCentre, partner: TestCentre) -> None:
    root_of(partner, "partner-root", KeyKind.SM2, PARTNER)
    csr = request_cross(partner.ca, "partner-root", actor="keeper")
    for approvals, signs in ((2, False), (1, True)):
        activate_untried(centre.context, [profile(approvals=approvals)], actor="keeper")
        reviewed = review(centre.ca, csr, issuer="sm2-root", profile="cross")
        if signs:
            cross, *_above = sign(centre.ca, reviewed, digest=reviewed.digest, actor="keeper")
            assert x509.load_der_x509_certificate(cross).subject.public_bytes() == PARTNER.name()
        else:
            with pytest.raises(YinxinError, match="needs 2 approvals"):
                sign(centre.ca, reviewed, digest=reviewed.digest, actor="keeper")


@KINDS
def test_they_certify_ours(centre: TestCentre, partner: TestCentre, kind: KeyKind, tmp_path: Path) -> None:
    family = kind.value.split("-")[0]
    if kind is not KeyKind.SM2:
        centre.build(kind)
    root = f"{family}-root"
    root_of(partner, "partner-root", kind, PARTNER)
    activate_untried(partner.context, [profile(path_length=1, name_constraints=None)], actor="keeper")
    csr = request_cross(centre.ca, root, actor="keeper")
    ours = Subject.of_service("测试中心", f"{family} Root")
    assert parse_csr(csr).subject == ours.name()
    cross = certified(partner, csr, "partner-root", ours)
    theirs = certificate_of(partner.context.storage, "partner-root")
    installed = install_cross(centre.context, root, [theirs, cross], [theirs], actor="keeper")
    assert installed.is_new and "伙伴根" in installed.issuer
    assert not install_cross(centre.context, root, [cross], [theirs], actor="keeper").is_new
    # Whoever trusts only them finds a path to our holders, with what we hand out.
    holder = pooled_key("our holder", KeyKind.SM2 if kind is KeyKind.SM2 else KeyKind.RSA_2048)
    leaf = centre.issue(authority=f"{family}-issuing", key=holder).certificate
    chain = handed_out(centre.context.storage, f"{family}-issuing")
    path = build_path(leaf, chain, [theirs], centre.context.clock.now())
    assert path == (leaf, chain[0], cross, theirs)
    if kind is KeyKind.SM2:
        assert all(verifies(tmp_path, [*step], ("-vfyopt", SM2_ID)) for step in pairwise(path))
    else:
        assert verifies(tmp_path, [leaf, *chain, theirs])
    with centre.context.storage.reading() as connection:
        acts = list(connection.scalars(sa.select(entries.c.act)))
    assert (acts.count("ca.cross.request"), acts.count("ca.cross.install")) == (1, 1)


def test_cross_certificates_that_are_not_kept(centre: TestCentre) -> None:
    stranger = pki.root(KeyKind.SM2, not_before=NOW, common_name="Stranger")
    root = centre.keys.signer("sm2-root").public_key_info
    name = Subject.of_service("测试中心", "sm2 Root").name()

    def by_stranger(**changes: object) -> bytes:
        given: dict[str, object] = {"name": name, "public_key_info": root, "not_before": NOW} | changes
        return pki.certify_key(stranger, **given)  # type: ignore[arg-type]

    good = by_stranger()
    cases = [
        ([by_stranger(public_key_info=pooled_key("x", KeyKind.SM2).public_key_info)], "no certificate in it is for"),
        ([certificate_of(centre.context.storage, "sm2-root")], "no certificate in it is for"),
        ([good, by_stranger()], "several certificates"),
        ([by_stranger(name=PARTNER.name())], "not to the octet"),
        ([by_stranger(authority=False)], "makes no authority"),
        ([by_stranger(days=-1)], "was not valid at"),
        ([good[:-3] + bytes(3)], "no trusted issuer"),
        ([b"\x30\x00"], "cannot be"),
    ]
    for given, words in cases:
        with pytest.raises(YinxinError, match=words):
            install_cross(centre.context, "sm2-root", given, [stranger.certificate], actor="keeper")
    with pytest.raises(YinxinError, match="no trusted issuer"):
        install_cross(centre.context, "sm2-root", [good], [], actor="keeper")
    assert handed_out(centre.context.storage, "sm2-root") == [certificate_of(centre.context.storage, "sm2-root")]
