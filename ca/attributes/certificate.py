"""AttributeCertificateInfo (RFC 5755 4.1, version 2): pure, bytes out of time, names and attributes."""

from dataclasses import dataclass
from datetime import datetime

from ca.attributes.attributes import Attributes, uri
from ca.attributes.terms import Terms
from ca.certificate import (
    AD_OCSP,
    AUTHORITY_INFO_ACCESS,
    AUTHORITY_KEY_IDENTIFIER,
    CRL_DISTRIBUTION_POINTS,
    IssuerFacts,
    authority_key_identifier,
    crl_address,
    crl_distribution_points,
    extension,
)
from core.asn1 import der
from core.config import UrlSettings

NO_REVOCATION_AVAILABLE, TARGET_INFORMATION = "2.5.29.56", "2.5.29.55"

_VERSION_2 = der.integer(1)


@dataclass(frozen=True)
class Holder:
    """Whom the attributes are of: the certificate in the holder's hands (RFC 5755 4.2.2, baseCertificateID alone)."""

    issuer: bytes
    """Name DER of who issued it."""
    serial: int


@dataclass(frozen=True)
class Content:
    """What an attribute certificate is meant to say."""

    holder: Holder
    serial: int
    not_before: datetime
    not_after: datetime
    attributes: Attributes
    terms: Terms
    targets: tuple[str, ...] = ()
    """URIs of the services that may rely on it; none: every one (RFC 5755 4.3.2)."""


def certificate_info(issuer: IssuerFacts, urls: UrlSettings, content: Content) -> bytes:
    """AttributeCertificateInfo DER: what gets signed."""
    return der.sequence(
        _VERSION_2,
        der.sequence(
            der.implicit(0, der.sequence(general_names(content.holder.issuer), der.integer(content.holder.serial)))
        ),
        der.implicit(0, der.sequence(general_names(issuer.subject))),
        issuer.algorithm.identifier,
        der.integer(content.serial),
        der.sequence(der.generalized_time(content.not_before), der.generalized_time(content.not_after)),
        content.attributes.encoded(),
        der.sequence(*extensions(issuer, urls, content)),
    )


def extensions(issuer: IssuerFacts, urls: UrlSettings, content: Content) -> list[bytes]:
    """Those that the terms and the targets ask for, in the order in which they are written."""
    parts = [extension(AUTHORITY_KEY_IDENTIFIER, authority_key_identifier(issuer.public_key_info))]
    if content.targets:
        targets = der.sequence(*(der.explicit(0, uri(target)) for target in content.targets))
        parts.append(extension(TARGET_INFORMATION, der.sequence(targets), critical=True))
    if content.terms is Terms.SHORT_LIVED:
        return [*parts, extension(NO_REVOCATION_AVAILABLE, der.NULL)]
    access = der.sequence(der.sequence(der.oid(AD_OCSP), uri(oasp_address(urls))))
    points = crl_distribution_points(crl_address(urls, issuer))
    return [*parts, extension(CRL_DISTRIBUTION_POINTS, points), extension(AUTHORITY_INFO_ACCESS, access)]


def oasp_address(urls: UrlSettings) -> str:
    """Where the status of attribute certificates is told."""
    return f"{urls.ocsp.rstrip('/')}/oasp"


def general_names(name: bytes) -> bytes:
    """GeneralNames with this one directoryName (DER)."""
    return der.sequence(der.explicit(4, name))
