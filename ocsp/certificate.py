"""What the protocol needs of a certificate: whose it is, who issued it, and whether it may answer for an issuer."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self

from asn1crypto import x509

from core.algorithms import algorithm_by_identifier
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify

OCSP_SIGNING = "1.3.6.1.5.5.7.3.9"
OCSP_ACCESS, ISSUER_ACCESS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"


class Authority(Protocol):
    """What a CertID and a signature identify an issuer by."""

    @property
    def subject(self) -> bytes:
        """Name, DER, as it is in the certificate."""
        ...

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        ...


@dataclass(frozen=True)
class Certificate:
    """The parts of a certificate, from its original octets."""

    encoded: bytes
    serial: int
    subject: bytes
    issuer: bytes
    public_key_info: bytes
    not_before: datetime
    not_after: datetime
    for_ocsp_signing: bool
    """Whether its extensions allow it to sign answers about others (RFC 6960 4.2.2.2)."""
    responder_addresses: tuple[str, ...]
    """Where to ask about it (authority information access, RFC 5280 4.2.2.1)."""
    issuer_addresses: tuple[str, ...]
    """Where its issuer's certificate is to be had (the same)."""
    signed: bytes
    algorithm_identifier: bytes
    signature: bytes

    @classmethod
    def load(cls, encoded: bytes) -> Self:
        """From DER; `YinxinError` (invalid) if it is no certificate."""
        try:
            certificate = x509.Certificate.load(encoded, strict=True)
            body = certificate["tbs_certificate"]
            return cls(
                encoded,
                body["serial_number"].native,
                body["subject"].dump(),
                body["issuer"].dump(),
                body["subject_public_key_info"].dump(),
                body["validity"]["not_before"].native,
                body["validity"]["not_after"].native,
                _for_ocsp_signing(certificate),
                _addresses(certificate, OCSP_ACCESS),
                _addresses(certificate, ISSUER_ACCESS),
                body.dump(),
                certificate["signature_algorithm"].dump(),
                certificate["signature_value"].native,
            )
        except (ValueError, TypeError, KeyError) as error:
            raise YinxinError(Kind.INVALID, _("not a certificate that can be read")) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """The first in a file, DER or PEM; `YinxinError` if there is none, or it is no certificate."""
        return cls.load(read_certificates(path)[0])

    def valid_at(self, moment: datetime) -> bool:
        """Whether the moment lies in the validity."""
        return self.not_before <= moment <= self.not_after

    def is_of(self, authority: Authority) -> bool:
        """Whether it is a certificate of the authority itself."""
        return self.subject == authority.subject and self.public_key_info == authority.public_key_info

    def issued_by(self, authority: Authority) -> bool:
        """Whether the authority issued it: by the name, and by the signature."""
        if self.issuer != authority.subject:
            return False
        try:
            algorithm = algorithm_by_identifier(self.algorithm_identifier)
            verify(authority.public_key_info, algorithm, self.signature, self.signed)
        except (InvalidSignature, YinxinError):
            return False
        return True

    def answers_for(self, authority: Authority) -> bool:
        """Whether it is the authority's own, or was issued by it directly for OCSP signing (RFC 6960 4.2.2.2)."""
        return self.is_of(authority) or (self.for_ocsp_signing and self.issued_by(authority))


def _for_ocsp_signing(certificate: x509.Certificate) -> bool:
    usage, purposes = certificate.key_usage_value, certificate.extended_key_usage_value
    if usage is not None and "digital_signature" not in usage.native:
        return False
    return purposes is not None and OCSP_SIGNING in {purpose.dotted for purpose in purposes}


def _addresses(certificate: x509.Certificate, method: str) -> tuple[str, ...]:
    return tuple(
        description["access_location"].native
        for description in certificate.authority_information_access_value or ()
        if description["access_method"].dotted == method
        and description["access_location"].name == "uniform_resource_identifier"
    )
