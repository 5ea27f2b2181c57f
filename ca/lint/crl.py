"""Linting a CRL before the signature (RFC 5280 5): the exact bytes, as `cryptography` reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from ca.certificate import IssuerFacts, key_identifier
from ca.lint.reading import read_elements
from ca.lint.token import LintedTbs, permit
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _

PURPOSE = b"crl"


@dataclass(frozen=True)
class CrlFacts:
    """What the list is meant to say."""

    number: int
    this_update: datetime
    next_update: datetime
    serials: frozenset[int]
    attributes: bool = False
    """onlyContainsAttributeCerts."""


def lint_crl(tbs: bytes, issuer: IssuerFacts, facts: CrlFacts, now: datetime) -> LintedTbs:
    """The token that permits the signature; `YinxinError` (invalid) that says what is wrong."""
    try:
        complaints = list(_complaints(tbs, issuer, facts, now))
    except (ValueError, IndexError, x509.InvalidVersion, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        complaints = [str(error)]
    if complaints:
        raise YinxinError(
            Kind.INVALID,
            _("the CRL would be wrong: {first}").format(first="; ".join(complaints[:3])),
            subject=issuer.name,
            remedy=_("nothing was signed; report this"),
        )
    return permit(tbs, issuer.public_key_info, PURPOSE)


def _complaints(tbs: bytes, issuer: IssuerFacts, facts: CrlFacts, now: datetime) -> Iterator[str]:
    crl = x509.load_der_x509_crl(der.sequence(tbs, issuer.algorithm.identifier, der.bit_string(b"")))
    parts = [element.raw for element in read_elements(tbs)[0].children()]
    if parts[:3] != [b"\x02\x01\x01", issuer.algorithm.identifier, issuer.subject]:
        yield "version, algorithm or issuer are not those of the authority's CRL (5.1.2.1 to 5.1.2.3)"
    this_update, next_update = crl.last_update_utc, crl.next_update_utc
    if (this_update, next_update) != (facts.this_update, facts.next_update):
        yield "the times are not those meant (5.1.2.4)"
    if this_update > now:
        yield "thisUpdate lies in the future (5.1.2.4)"
    if next_update is None or next_update <= this_update:
        yield "nextUpdate is missing or not after thisUpdate (5.1.2.5)"
    extensions = {extension.oid: extension for extension in crl.extensions}
    scope = extensions.pop(x509.oid.ExtensionOID.ISSUING_DISTRIBUTION_POINT, None)
    wanted = {x509.oid.ExtensionOID.CRL_NUMBER, x509.oid.ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    if set(extensions) != wanted or any(extension.critical for extension in extensions.values()):
        yield "the extensions are not CRL number and authority key identifier (5.2)"
        return
    if (scope is not None) != facts.attributes or (scope is not None and not _only_attributes(scope)):
        yield "the scope is not the one meant (5.2.5)"
    if crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number != facts.number:
        yield "the number is not the one reserved (5.2.3)"
    identifier = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    if identifier != key_identifier(issuer.public_key_info):
        yield "the authority key identifier is not the authority's (5.2.1)"
    yield from _entry_complaints(crl, facts)


def _only_attributes(scope: x509.Extension[x509.ExtensionType]) -> bool:
    only = x509.IssuingDistributionPoint(None, None, False, False, None, False, True)
    return scope.critical and scope.value == only


def _entry_complaints(crl: x509.CertificateRevocationList, facts: CrlFacts) -> Iterator[str]:
    serials = set()
    for entry in crl:
        if entry.serial_number in serials:
            yield f"{entry.serial_number:x} stands twice"
        serials.add(entry.serial_number)
        if entry.revocation_date_utc > facts.this_update:
            yield f"{entry.serial_number:x} is revoked in the future"
        for extension in entry.extensions:
            reason = extension.value
            allowed = isinstance(reason, x509.CRLReason) and reason.reason not in (
                x509.ReasonFlags.unspecified,  # 5.3.1: then the extension is left out
                x509.ReasonFlags.remove_from_crl,
            )
            if extension.critical or not allowed:
                yield f"{entry.serial_number:x} has a wrong entry extension (5.3)"
    if serials != facts.serials:
        yield "the entries are not the revoked certificates of the books"
