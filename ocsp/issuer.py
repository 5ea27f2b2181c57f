"""Whose certificate it is: the issuer, from what is at hand, or from the address that the certificate names."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from asn1crypto import cms, pem

from core.certificates import read_certificates
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.path import build_path
from ocsp.certificate import Certificate

Fetch = Callable[[str], bytes]
"""What lies at an address."""


def find_issuer(certificate: Certificate, at_hand: Iterable[bytes], fetch: Fetch) -> Certificate:
    """The first of those at hand that issued it, else that from the authority information access (RFC 5280 4.2.2.1).

    `at_hand`: certificates, DER. `YinxinError` (not found) if nobody is known.
    """
    for candidate in at_hand:
        if certificate.issued_by(loaded := Certificate.load(candidate)):
            return loaded
    failure: YinxinError | None = None
    for address in certificate.issuer_addresses:
        try:
            for candidate in _certificates(fetch(address)):
                if certificate.issued_by(loaded := Certificate.load(candidate)):
                    return loaded
        except YinxinError as error:
            failure = error
    raise YinxinError(
        Kind.NOT_FOUND,
        _("the issuer's certificate is not at hand"),
        subject=failure.subject if failure else "",
        remedy=_("give it with --issuer"),
    ) from failure


def known_certificates(*places: Path) -> list[bytes]:
    """The certificates (DER) in these folders and files; those that are not there are passed over."""
    return [
        one
        for place in places
        if place.exists() and (place.is_file() or any(place.iterdir()))
        for one in read_certificates(place)
    ]


def leads_to(issuer: Certificate, at_hand: Sequence[bytes], anchors: Sequence[bytes], clock: Clock) -> bool:
    """Whether a certification path leads from the issuer to one of the anchors now."""
    try:
        build_path(issuer.encoded, at_hand, anchors, clock.now())
    except YinxinError:
        return False
    return True


def _certificates(data: bytes) -> list[bytes]:
    """DER, PEM, or a certs-only CMS message (RFC 5280 4.2.2.1); `YinxinError` (invalid) if it is none of these."""
    try:
        if pem.detect(data):
            return [content for label, _headers, content in pem.unarmor(data, multiple=True) if label == "CERTIFICATE"]
        try:
            info = cms.ContentInfo.load(data, strict=True)
            return [choice.chosen.dump() for choice in info["content"]["certificates"]]
        except (ValueError, TypeError, KeyError):
            return [data]
    except (ValueError, TypeError) as error:
        raise YinxinError(Kind.INVALID, _("not a certificate (PEM or DER)")) from error
