"""Where `yinxin ca attribute check` learns what holds: responders over HTTP or in this process, or revocation lists."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import pem
from cryptography import x509

from ca.attributes.reading import AttributeCertificate
from ca.attributes.verification import Standing, Status
from core import files
from core.algorithms import SHA1, algorithm_by_identifier
from core.asn1.names import describe_name
from core.certificates import serial_text
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from ocsp.certificate import Certificate
from ocsp.client import Transport, over_http
from ocsp.judgement import Standing as Said
from ocsp.judgement import Verdict, judge
from ocsp.request import build_request, cert_id
from ocsp.service import attribute_responder_of, responder_of

NONCE_OCTETS = 32


@dataclass(frozen=True)
class Responders:
    """Asks by OCSP and OASP, each time anew."""

    clock: Clock
    certificates: Transport | None = None
    """None: the address in each certificate."""
    attributes: Transport | None = None

    def of_certificate(self, certificate: bytes, issuer: bytes) -> Status:
        """By OCSP."""
        asked = Certificate.load(certificate)
        transport = self.certificates or _over_http(asked.responder_addresses)
        return self._ask(asked.serial, Certificate.load(issuer), transport)

    def of_attributes(self, certificate: AttributeCertificate, authority: bytes, certifier: bytes) -> Status:
        """By OASP."""
        transport = self.attributes or _over_http(certificate.status_addresses)
        return self._ask(certificate.serial, Certificate.load(authority), transport, Certificate.load(certifier))

    def _ask(
        self, serial: int, issuer: Certificate, transport: Transport, delegator: Certificate | None = None
    ) -> Status:
        nonce = secrets.token_bytes(NONCE_OCTETS)
        response = transport(build_request([cert_id(issuer, serial, SHA1)], nonce))
        return _status(judge(response, serial, issuer, self.clock.now(), nonce, delegator))


def of_this_installation(home: Home) -> Responders:
    """Its responders, without the network. `YinxinError` (not found) without an attribute authority."""
    attributes = attribute_responder_of(home)
    if attributes is None:
        raise YinxinError(
            Kind.NOT_FOUND, _("there is no attribute authority here"), remedy=_("see: yinxin ca attribute authority")
        )
    return Responders(home.clock, responder_of(home).respond, attributes.respond)


def _over_http(addresses: Sequence[str]) -> Transport:
    if not addresses:
        raise YinxinError(
            Kind.INVALID, _("the certificate names no responder"), remedy=_("give the revocation lists with --crl")
        )
    return over_http(addresses[0])


def _status(verdict: Verdict) -> Status:
    standing = {Said.GOOD: Standing.GOOD, Said.REVOKED: Standing.REVOKED, Said.UNKNOWN: Standing.UNKNOWN}
    held = Standing.HELD if verdict.held else standing[verdict.standing]
    return Status(held, verdict.responder, verdict.revoked_at, verdict.next_update)


@dataclass(frozen=True)
class RevocationLists:
    """Looks into lists that somebody brought: nothing is asked of the network."""

    clock: Clock
    lists: Sequence[x509.CertificateRevocationList]

    def of_certificate(self, certificate: bytes, issuer: bytes) -> Status:
        """On the list of its issuer."""
        asked = x509.load_der_x509_certificate(certificate)
        return self._look(asked.serial_number, Certificate.load(issuer), attributes=False, points=_points(asked))

    def of_attributes(self, certificate: AttributeCertificate, authority: bytes, certifier: bytes) -> Status:  # noqa: ARG002 - the authority signs its list
        """On the list of the attribute authority."""
        return self._look(certificate.serial, Certificate.load(authority), attributes=True, points=None)

    def _look(self, serial: int, issuer: Certificate, *, attributes: bool, points: set[str] | None) -> Status:
        now = self.clock.now()
        for one in self.lists:
            if not _in_force(one, issuer, attributes=attributes, points=points):
                continue
            if one.next_update_utc is None or not one.last_update_utc <= now <= one.next_update_utc:
                continue
            source = _("the revocation list of {issuer}").format(issuer=describe_name(issuer.subject))
            entry = one.get_revoked_certificate_by_serial_number(serial)
            if entry is None:
                return Status(Standing.GOOD, source, until=one.next_update_utc)
            held = _reason(entry) is x509.ReasonFlags.certificate_hold
            return Status(Standing.HELD if held else Standing.REVOKED, source, entry.revocation_date_utc)
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("no revocation list in force of {issuer} is at hand").format(issuer=describe_name(issuer.subject)),
            subject=serial_text(serial),
            remedy=_("give it with --crl"),
        )


def _in_force(
    one: x509.CertificateRevocationList, issuer: Certificate, *, attributes: bool, points: set[str] | None
) -> bool:
    """Whether it is a whole list by this issuer that would name the certificate (RFC 5280 5.2.5, 6.3.3)."""
    if one.issuer.public_bytes() != issuer.subject:
        return False
    for extension in one.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            scope = extension.value
            limited = scope.only_some_reasons or scope.indirect_crl or scope.only_contains_ca_certs
            if limited or scope.only_contains_attribute_certs != attributes:
                return False
            named = {name.value for name in scope.full_name or ()}
            if named and points is not None and not named & points:
                return False
        elif extension.critical:
            return False  # a delta, or what nobody here understands
    try:
        algorithm = algorithm_by_identifier(_algorithm_identifier(one))
        verify(issuer.public_key_info, algorithm, one.signature, one.tbs_certlist_bytes)
    except (InvalidSignature, YinxinError):
        return False
    return True


def _algorithm_identifier(one: x509.CertificateRevocationList) -> bytes:
    from asn1crypto import crl
    from cryptography.hazmat.primitives.serialization import Encoding

    identifier: bytes = crl.CertificateList.load(one.public_bytes(Encoding.DER))["signature_algorithm"].dump()
    return identifier


def _points(certificate: x509.Certificate) -> set[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return set()
    return {name.value for point in points for name in point.full_name or ()}


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            return extension.value.reason
    return None


def read_lists(paths: Sequence[Path]) -> list[x509.CertificateRevocationList]:
    """The revocation lists in these files, PEM or DER. `YinxinError` (invalid) for what is none."""
    lists = []
    for path in paths:
        data = files.read(path)
        try:
            lists.append(x509.load_der_x509_crl(pem.unarmor(data)[2] if pem.detect(data) else data))
        except ValueError as error:
            raise YinxinError(Kind.INVALID, _("not a revocation list (PEM or DER)"), subject=str(path)) from error
    return lists
