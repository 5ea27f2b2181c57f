"""Attribute certificates before software that we did not write: pyHanko's validator, BouncyCastle, OpenSSL."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, crl, x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import ACTargetDescription
from pyhanko_certvalidator.errors import InvalidAttrCertificateError, RevokedError, ValidationError
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.validate import ACValidationResult, async_validate_ac

from ca import crl as revocation_lists
from ca.attributes.terms import Terms
from ca.authorities import certificate_of, chain_of
from ca.issuance import IssuedCertificate
from ca.state import Reason
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.csr import build_csr
from core.keys.private_key import generate
from core.storage import Storage
from ra import revocation
from seals.pades.policy import AllowedAlgorithms
from seals.pades.validator import RegistryValidator
from tests.support import bouncycastle
from tests.support.attributes import ROLE, certify, found_attribute_authority, holder
from tests.support.office import NOW, STAFF, Office

KINDS = {"sm2": KeyKind.SM2, "rsa": KeyKind.RSA_2048}


@dataclass
class World:
    """An office with one attribute authority and a holder."""

    office: Office
    family: str
    person: IssuedCertificate

    @property
    def authority(self) -> str:
        return f"{self.family}-attributes"

    def publish(self) -> None:
        for name in (f"{self.family}-root", f"{self.family}-issuing", self.authority):
            revocation_lists.publish(self.office.context, self.office.keys, name, 24)

    def validate(self, certificate: bytes, *, target: str | None = None) -> ACValidationResult:
        chain = [x509.Certificate.load(one) for one in chain_of(self.office.storage, self.authority)]
        lists = [
            crl.CertificateList.load(revocation_lists.latest(self.office.context, name))
            for name in (f"{self.family}-root", f"{self.family}-issuing", self.authority)
        ]
        targets = None
        if target:
            name = x509.GeneralName("uniform_resource_identifier", target)
            targets = ACTargetDescription(validator_names=[name])
        options: dict[str, Any] = {"signature_validator": RegistryValidator()} if self.family == "sm2" else {}
        context = ValidationContext(
            trust_roots=chain[-1:],
            other_certs=chain[:-1],
            moment=self.office.clock.now(),
            crls=lists,
            allow_fetching=False,
            acceptable_ac_targets=targets,
            revinfo_policy=CertRevTrustPolicy(
                RevocationCheckingPolicy(RevocationCheckingRule.CRL_REQUIRED, RevocationCheckingRule.CRL_REQUIRED)
            ),
            algorithm_usage_policy=AllowedAlgorithms(),
            **options,
        )
        return asyncio.run(
            async_validate_ac(
                cms.AttributeCertificateV2.load(certificate),
                context,
                holder_cert=x509.Certificate.load(self.person.certificate),
            )
        )


@pytest.fixture(scope="module", params=list(KINDS))
def world(
    request: pytest.FixtureRequest, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("office")
    shutil.copy(migrated_sqlite, folder / "yinxin.db")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    office = Office(folder, storage, FixedClock(NOW))
    kind = KINDS[request.param]
    office.found((KeyKind.SM2,) if kind is KeyKind.SM2 else (KeyKind.SM2, KeyKind.RSA_3072))
    found_attribute_authority(office, KeyKind.SM2 if kind is KeyKind.SM2 else KeyKind.RSA_3072)
    csr = build_csr(generate(kind), STAFF.name())
    made = World(office, request.param, holder(office, authority=f"{request.param}-issuing", csr=csr))
    yield made
    storage.close()


def test_pyhanko_validates_what_is_issued_until_it_is_revoked(world: World) -> None:
    issued = certify(world.office, world.person, authority=world.authority)
    world.publish()
    result = world.validate(issued.certificate)
    assert "role" in result.approved_attributes
    assert result.aa_cert.dump() == certificate_of(world.office.storage, world.authority)
    revocation.revoke(
        world.office.context,
        world.office.sessions["shen.review"],
        issued.authority,
        issued.serial,
        Reason.PRIVILEGE_WITHDRAWN,
    )
    world.office.clock.advance(timedelta(seconds=1))
    world.publish()
    with pytest.raises(RevokedError):
        world.validate(issued.certificate)


def test_pyhanko_asks_no_status_of_short_lived_ones(world: World) -> None:
    issued = certify(world.office, world.person, authority=world.authority, terms=Terms.SHORT_LIVED)
    world.publish()
    assert world.validate(issued.certificate)


def test_pyhanko_heeds_the_targets(world: World) -> None:
    target = "urn:example:exchange"
    issued = certify(world.office, world.person, authority=world.authority, targets=(target,))
    world.publish()
    assert world.validate(issued.certificate, target=target)
    with pytest.raises(InvalidAttrCertificateError):
        world.validate(issued.certificate, target="urn:example:other")


def test_pyhanko_refuses_an_altered_one(world: World) -> None:
    issued = certify(world.office, world.person, authority=world.authority)
    world.publish()
    altered = issued.certificate.replace(ROLE.encode(), ROLE.replace("approver", "tapprove").encode())
    assert altered != issued.certificate
    with pytest.raises(ValidationError):
        world.validate(altered)


def test_bouncycastle_reads_and_verifies(world: World) -> None:
    issued = certify(world.office, world.person, authority=world.authority)
    authority = certificate_of(world.office.storage, world.authority)
    said = bouncycastle.attribute_certificate(issued.certificate, authority, world.person.certificate)
    assert said == f"VERIFIED {ROLE}"
    altered = issued.certificate.replace(ROLE.encode(), ROLE.replace("approver", "tapprove").encode())
    assert "VERIFIED" not in bouncycastle.attribute_certificate(altered, authority, world.person.certificate)


def test_openssl_finds_well_formed_der(world: World, tmp_path: Path) -> None:
    issued = certify(world.office, world.person, authority=world.authority)
    file = tmp_path / "role.der"
    file.write_bytes(issued.certificate)
    done = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", file], capture_output=True, text=True, timeout=30, check=True
    )
    assert ":role" in done.stdout
    assert "GENERALIZEDTIME" in done.stdout
    assert "Error" not in done.stdout + done.stderr
