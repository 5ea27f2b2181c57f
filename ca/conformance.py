"""The opinion of `pkilint`, which is not ours, on certificates and CRLs: at activation, and over the books.

Its import takes most of a second and a certificate some 5 ms, so it is loaded at first need, and not asked before each
signature: that is the work of `ca.lint`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from core.sm2 import curve

_NO_ENCIPHERMENT_WITH_EC = "pkix.key_usage_value_prohibited_for_ec"


@dataclass(frozen=True)
class Finding:
    """What pkilint found, at WARNING or above."""

    severity: str
    code: str
    message: str
    path: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.severity} {self.code} {self.message} ({self.path})".replace("  ", " ")


def lint_certificate(certificate: bytes) -> list[Finding]:
    """Findings at WARNING or above on a certificate (DER) by the rules of RFC 5280."""
    from asn1crypto import x509
    from pkilint import loader

    document = loader.RFC5280CertificateDocumentLoader().load_der_document(certificate)
    found = _findings(_certificate_validator().validate(document.root))
    if curve.point_of(x509.Certificate.load(certificate).public_key.dump()) is None:
        return found
    # RFC 5480 3 is about ECDSA and ECDH; SM2 keys encrypt (GB/T 32918.4), and GM/T 0034 has them say so.
    return [one for one in found if one.code != _NO_ENCIPHERMENT_WITH_EC]


def lint_crl(crl: bytes) -> list[Finding]:
    """Findings at WARNING or above on a CRL (DER) by the rules of RFC 5280."""
    from pkilint import loader

    document = loader.RFC5280CertificateListDocumentLoader().load_der_document(crl)
    return _findings(_crl_validator().validate(document.root))


@cache
def _certificate_validator() -> Any:
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


@cache
def _crl_validator() -> Any:
    from pkilint import pkix
    from pkilint.pkix import crl, extension, name

    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )


def _findings(results: Iterable[Any]) -> list[Finding]:
    from pkilint.validation import ValidationFindingSeverity

    return [
        Finding(str(found.finding.severity), found.finding.code, found.message or "", str(result.node.path))
        for result in results
        for found in result.finding_descriptions
        if found.finding.severity <= ValidationFindingSeverity.WARNING
    ]
