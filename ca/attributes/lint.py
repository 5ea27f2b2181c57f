"""Linting an attribute certificate before the signature (RFC 5755): the exact bytes, read by two readers."""

from collections.abc import Iterator
from datetime import datetime

from asn1crypto import cms

from ca.attributes.certificate import Content, extensions
from ca.attributes.reading import read_attribute_certificate
from ca.certificate import IssuerFacts
from ca.lint.basics import MAXIMUM_SERIAL_OCTETS, MINIMUM_SERIAL_OCTETS
from ca.lint.reading import IssuerLimits
from ca.lint.token import LintedTbs, permit
from core.asn1 import der
from core.asn1.elements import read_elements
from core.config import UrlSettings
from core.errors import Kind, YinxinError
from core.i18n import _


def lint_attributes(info: bytes, issuer: IssuerLimits, urls: UrlSettings, content: Content) -> LintedTbs:
    """The token that permits the signature; `YinxinError` (invalid) that says what is wrong."""
    try:
        complaints = [*_complaints(info, issuer, urls, content), *_second_opinion(info, issuer, content)]
    except (ValueError, TypeError, KeyError, IndexError, YinxinError) as error:
        complaints = [str(error)]
    if complaints:
        raise YinxinError(
            Kind.INVALID,
            _("the attribute certificate would be wrong: {first}").format(first="; ".join(complaints[:3])),
            subject=issuer.name,
            remedy=_("correct the request; nothing was signed"),
        )
    return permit(info, issuer.public_key_info, f"attributes {content.terms}".encode())


def _complaints(info: bytes, issuer: IssuerLimits, urls: UrlSettings, content: Content) -> Iterator[str]:
    """By our own reader."""
    read = read_attribute_certificate(_around(info, issuer))
    if read.holder != content.holder or read.issuer != issuer.subject:
        yield "holder or issuer are not those meant (4.2.2, 4.2.3)"
    if not MINIMUM_SERIAL_OCTETS <= len(der.integer(read.serial)) - 2 <= MAXIMUM_SERIAL_OCTETS:
        yield "the serial number is too short or too long (4.2.5)"
    if read.serial != content.serial:
        yield "the serial number is not the one drawn (4.2.5)"
    yield from _about_times(read.not_before, read.not_after, issuer, content)
    if read.unknown or read.attributes.encoded() != content.attributes.encoded():
        yield "the attributes are not those approved (4.2.7)"
    if der.sequence(*extensions(issuer, urls, content)) != _last(info):
        yield "the extensions are not those of the terms (4.3)"


def _about_times(begin: datetime, end: datetime, issuer: IssuerLimits, content: Content) -> Iterator[str]:
    if (begin, end) != (content.not_before, content.not_after):
        yield "the validity is not the one meant (4.2.6)"
    if end - begin > content.terms.longest:
        yield "the validity is longer than the terms allow"
    if issuer.not_after and end > issuer.not_after:
        yield "the validity ends after the authority's"


def _second_opinion(info: bytes, issuer: IssuerFacts, content: Content) -> Iterator[str]:
    """By asn1crypto, which wrote none of it."""
    read = cms.AttributeCertificateV2.load(_around(info, issuer), strict=True)
    body = read["ac_info"]
    native = body.native  # everything is parsed
    if native["version"] != "v2" or native["serial_number"] != content.serial:
        yield "another reader finds another version or serial number"
    validity = native["att_cert_validity_period"]
    if (validity["not_before_time"], validity["not_after_time"]) != (content.not_before, content.not_after):
        yield "another reader finds another validity"
    if body["holder"]["base_certificate_id"]["serial"].native != content.holder.serial:
        yield "another reader finds another holder"
    by_type = {attribute["type"].native: attribute["values"] for attribute in body["attributes"]}
    # As they were written: asn1crypto would show URIs as IRIs.
    roles = sorted(role["role_name"].chosen.contents for role in by_type.get("role", ()))
    if roles != sorted(role.encode() for role in content.attributes.roles):
        yield "another reader finds other roles"
    if len(by_type) != len(body["attributes"]):
        yield "a type of attribute stands twice (4.2.7)"


def _around(info: bytes, issuer: IssuerFacts) -> bytes:
    """A certificate around a signature of no value."""
    return der.sequence(info, issuer.algorithm.identifier, der.bit_string(b""))


def _last(info: bytes) -> bytes:
    return read_elements(info)[0].children()[-1].raw
