"""Ceremonies: roots and issuing authorities, and what cannot become one."""

import pytest
import sqlalchemy as sa
from cryptography import x509

from ca import hierarchy
from ca.authorities import authority_of, certificate_of, chain_of, list_authorities
from ca.issuance import Approval, IssuedCertificate
from ca.reconciliation import reconcile
from ca.service import issue_service_certificate
from core.algorithms import KeyKind
from core.audit import entries
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.subject import Subject
from tests.support.ca import TestCentre

CEREMONY = Approval("ceremony 1", bytes(32), ("keeper",))


def make_root(centre: TestCentre, name: str = "new-root", subject: Subject | None = None) -> IssuedCertificate:
    subject = subject or Subject.of_service("测试中心", name)
    return hierarchy.create_root(centre.ca, name, KeyKind.SM2, subject, approval=CEREMONY, actor="keeper")


def make_issuing(centre: TestCentre, name: str, issuer: str) -> IssuedCertificate:
    return hierarchy.create_issuing(
        centre.ca,
        name,
        KeyKind.SM2,
        Subject.of_service("测试中心", name),
        issuer=issuer,
        approval=CEREMONY,
        actor="keeper",
    )


def test_two_parallel_hierarchies(centre: TestCentre) -> None:
    centre.build(KeyKind.RSA_3072)
    storage = centre.context.storage
    assert [authority.name for authority in list_authorities(storage)] == [
        "sm2-root",
        "sm2-issuing",
        "rsa-root",
        "rsa-issuing",
    ]
    for family in ("sm2", "rsa"):
        assert chain_of(storage, f"{family}-issuing") == [
            certificate_of(storage, f"{family}-issuing"),
            certificate_of(storage, f"{family}-root"),
        ]
    root = x509.load_der_x509_certificate(certificate_of(storage, "rsa-root"))
    root.verify_directly_issued_by(root)
    x509.load_der_x509_certificate(certificate_of(storage, "rsa-issuing")).verify_directly_issued_by(root)


def test_limits_of_an_issuing_authority(centre: TestCentre) -> None:
    with centre.context.storage.reading() as connection:
        root, issuing = authority_of(connection, "sm2-root"), authority_of(connection, "sm2-issuing")
    assert (root.limits.path_length, issuing.limits.path_length) == (None, 0)
    assert root.limits.not_after
    assert issuing.limits.not_after
    assert issuing.limits.not_after < root.limits.not_after


def test_names_are_taken_once(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="already") as caught:
        make_root(centre, "sm2-root")
    assert caught.value.kind is Kind.CONFLICT
    with pytest.raises(YinxinError, match="already"):
        make_issuing(centre, "sm2-issuing", "sm2-root")


def test_nobody_stands_below_an_issuing_authority(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="may not certify another CA"):
        make_issuing(centre, "third", "sm2-issuing")
    assert "third" not in {authority.name for authority in list_authorities(centre.context.storage)}


def test_no_authority_without_an_issuer(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="no such authority"):
        make_issuing(centre, "fourth", "nobody")
    assert "fourth" not in centre.keys


def test_an_interrupted_ceremony_is_taken_up_again(centre: TestCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    def dead(*_arguments: object) -> bytes:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr("ca.signing.AuthorityKey.sign", dead)
        with pytest.raises(RuntimeError):
            make_root(centre)
    with pytest.raises(YinxinError, match="no such authority"):
        certificate_of(centre.context.storage, "new-root")
    with pytest.raises(YinxinError, match="no such authority"):
        centre.issue(authority="new-root")
    assert len(reconcile(centre.context)) == 1
    with pytest.raises(YinxinError, match="already"):
        make_root(centre, subject=Subject.of_service("测试中心", "other"))
    issued = make_root(centre)
    assert certificate_of(centre.context.storage, "new-root") == issued.certificate
    with pytest.raises(YinxinError, match="already"):
        make_root(centre)


def test_a_ceremony_is_in_the_log(context: Context) -> None:
    TestCentre(context).activate().build()
    with context.storage.reading() as connection:
        told = connection.scalars(sa.select(entries.c.subject).where(entries.c.act == "ca.authority.create")).all()
    assert told == ["sm2-root", "sm2-issuing"]


@pytest.mark.parametrize("profile", ["staff", "ocsp"])
def test_a_ceremony_makes_nothing_but_authorities(centre: TestCentre, profile: str) -> None:
    with pytest.raises(YinxinError, match="makes no CA"):
        hierarchy.create_issuing(
            centre.ca,
            "odd",
            KeyKind.SM2,
            Subject.of_service("测试中心", "odd"),
            issuer="sm2-root",
            approval=CEREMONY,
            actor="keeper",
            profile=profile,
        )


def test_service_certificates(centre: TestCentre) -> None:
    for profile in ("ocsp", "tsa", "seal-maker"):
        key = generate(KeyKind.SM2)
        issued = issue_service_certificate(
            centre.ca,
            authority="sm2-issuing",
            profile=profile,
            subject=Subject.of_service("测试中心", profile),
            signer=key,
            actor="keeper",
            reference="ceremony 2",
        )
        assert key.public_key_info in issued.certificate
    tsa = x509.load_der_x509_certificate(issued.certificate)
    assert tsa.extensions.get_extension_for_class(x509.KeyUsage).critical
