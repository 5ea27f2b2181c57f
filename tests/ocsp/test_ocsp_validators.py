"""pyhanko-certvalidator, as an application would use it, on our answers: RSA as it is, SM2 through our signature check.

With id-pkix-ocsp-nocheck it builds a context of its own for the responder and forgets the signature check in it, so
that SM2 responders are believed only without that extension: the reason for the default of the profile `ocsp`.
"""

import asyncio

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import RevokedError

from core.algorithms import KeyKind
from ocsp.request import build_request
from seals.pades.validator import RegistryValidator
from tests.support import pki
from tests.support.ocsp_world import LONG_AGO, NOW, YESTERDAY, Status, Why, World, about, responder_of


def validate(world: World, status: Status, *, nocheck: bool) -> None:
    """Return if the validator takes a certificate of this status for valid, going by our answer; else its error."""
    town = world.town
    leaf = town.issuing.issue("Leaf", kind=town.kind, ocsp_url="http://ocsp.test", not_before=LONG_AGO)
    responder = town.issuing.issue(
        "Validated Responder",
        usages=(pki.DIGITAL_SIGNATURE,),
        extended=(pki.OCSP_SIGNING,),
        kind=town.kind,
        nocheck=nocheck,
        not_before=LONG_AGO,
        days=800,
    )
    serial = x509.Certificate.load(leaf.certificate).serial_number
    world.books.statuses[2, serial] = status
    response = responder_of(world.books, responder).respond(build_request([about(town.issuing, serial)]))
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(town.root.certificate)],
        other_certs=[x509.Certificate.load(town.issuing.certificate)],
        moment=NOW,
        allow_fetching=False,
        revocation_mode="require",
        ocsps=[asn1_ocsp.OCSPResponse.load(response)],
        # Status of the issuing authority and, where it is asked for, of the responder.
        crls=[asn1_crl.CertificateList.load(party.crl(YESTERDAY)) for party in (town.root, town.issuing)],
        signature_validator=RegistryValidator() if town.kind is KeyKind.SM2 else None,
    )
    validator = CertificateValidator(x509.Certificate.load(leaf.certificate), validation_context=context)
    asyncio.run(validator.async_validate_usage({"digital_signature"}))  # type: ignore[no-untyped-call]


def test_good(world: World) -> None:
    validate(world, Status("valid"), nocheck=False)


def test_revoked(world: World) -> None:
    with pytest.raises(RevokedError):
        validate(world, Status("revoked", YESTERDAY, Why(1)), nocheck=False)


def test_with_nocheck(world: World) -> None:
    # pyHanko judges such a responder in a context of its own, which `seals.pades.validator` teaches our algorithms.
    validate(world, Status("valid"), nocheck=True)


def test_on_hold(world: World) -> None:
    with pytest.raises(RevokedError):
        validate(world, Status("held", YESTERDAY, Why(6)), nocheck=False)
