"""Whoever can write to the records gets no certificate for a service by that."""

import pytest
import sqlalchemy as sa

from ca import service_renewal
from ca.status import StatusReader
from core import cms
from core.algorithms import KeyKind
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.service.installed import newest
from core.service.records import requests
from core.service.renewal import renew
from ocsp.certificate import Certificate
from tests.support import ocsp_judges as judges
from tests.support.ocsp_world import NOW
from tests.support.pki import Party
from tests.support.renewing import DAY, KINDS, Place


def forged(place: Place, message: bytes, name: str = "forged.g2") -> str:
    """Why the authority refuses a message that somebody wrote into the records."""
    with place.home.storage.transaction() as connection:
        connection.execute(
            sa.insert(requests).values(keeper="ocsp", name=name, request=message, asked_at=place.clock.now())
        )
    granted, (waiting,) = service_renewal.grant_all(place.centre.ca)
    assert granted == []
    assert place.home.context
    return waiting.complaint or ""


def genuine(place: Place) -> tuple[bytes, bytes]:
    """The present certificate, and the name of the service."""
    present = newest(place.home, "ocsp")[0].certificate
    return present, Certificate.load(present).subject


def test_a_stranger_asks(place: Place) -> None:
    """By a key of his own, with a certificate of his own that names ours."""
    present, name = genuine(place)
    key = generate(KINDS[place.family])
    csr = build_csr(key, name)
    assert "signature is not good" in forged(place, cms.sign(csr, key, present))


def test_a_holder_asks(place: Place) -> None:
    """A member of the staff, with a good certificate of the same authority."""
    key = generate(KINDS[place.family])
    issued = place.centre.issue(authority=place.authority, key=key)
    message = cms.sign(build_csr(generate(KINDS[place.family]), genuine(place)[1]), key, issued.certificate)
    assert "not one of a service" in forged(place, message)


def test_a_certificate_that_is_not_in_the_books(place: Place) -> None:
    authority = place.centre.keys.signer(place.authority)
    issuer = next(one for one in StatusReader(place.home.storage).issuers() if one.name == place.authority)
    party = Party(issuer.subject, authority, issuer.certificate)  # type: ignore[arg-type]
    stray = party.issue("OCSP", kind=KeyKind.SM2, not_before=NOW - DAY, days=30)
    message = cms.sign(build_csr(generate(KeyKind.SM2), stray.name), stray.key, stray.certificate)
    assert "nobody that this authority has certified" in forged(place, message)


def test_no_proof_of_possession(place: Place) -> None:
    """The service signs for a key that it does not have."""
    present, name = genuine(place)
    signer = place.home.key_store("ocsp").signer(newest(place.home, "ocsp")[0].key_name)
    csr = bytearray(build_csr(generate(KeyKind.SM2), name))
    csr[-1] ^= 1
    assert "signature is not by the key" in forged(place, cms.sign(bytes(csr), signer, present))


def test_its_own_key_again(place: Place) -> None:
    present, name = genuine(place)
    signer = place.home.key_store("ocsp").signer(newest(place.home, "ocsp")[0].key_name)
    assert "certified already" in forged(place, cms.sign(build_csr(signer, name), signer, present))


def test_nonsense(place: Place) -> None:
    assert "not a CMS SignedData" in forged(place, b"nonsense")


def test_another_certificate_put_into_the_answer(place: Place) -> None:
    """It is not installed: the present one stays."""
    renew(place.home, "ocsp", early=True)
    place.maintain()
    with place.home.storage.transaction() as connection:
        connection.execute(sa.update(requests).values(certificate=newest(place.home, "ocsp")[0].certificate))
    with pytest.raises(YinxinError, match="altered the records") as raised:
        renew(place.home, "ocsp")
    assert raised.value.kind is Kind.CONFLICT
    place.keeper.look()
    assert judges.statuses(place.ask()) == ["good"]
