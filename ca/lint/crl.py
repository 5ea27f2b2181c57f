"""Rules on a CRL (RFC 5280 5): before the signature over the exact bytes, and again over what is about to be served.

Neither the linter nor the publisher wrote these bytes; their reader shares nothing with the writer.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from cryptography import x509

from ca.certificate import IssuerFacts, key_identifier
from ca.crl.writing import CrlFacts
from ca.lint.list_reading import ReadList, Stream, read_tbs
from ca.lint.token import CRL, LintedTbs, permit
from core.errors import Kind, YinxinError
from core.i18n import _

UNREADABLE = (ValueError, IndexError, x509.InvalidVersion, x509.ExtensionNotFound, x509.DuplicateExtension)

_REMOVE, _NOT_USED = 8, 7


def lint_crl(
    chunks: Callable[[], Iterable[bytes]], issuer: IssuerFacts, facts: CrlFacts, entries: int, now: datetime
) -> LintedTbs:
    """The token that permits the signature; `YinxinError` (invalid) that says what is wrong.

    The token holds the SHA-256 of the TBSCertList: `ca.signing` hashes again what it signs.
    """
    passed = hashlib.sha256()
    try:
        read = read_tbs(Stream(chunks(), passed.update))
        complaints = list(complaints_about(read, issuer, facts, entries, now))
    except UNREADABLE as error:
        complaints = [str(error)]
    if complaints:
        raise YinxinError(
            Kind.INVALID,
            _("the CRL would be wrong: {first}").format(first="; ".join(complaints[:3])),
            subject=issuer.name,
            remedy=_("nothing was signed; report this"),
        )
    return permit(passed.digest(), issuer.public_key_info, CRL)


def complaints_about(
    read: ReadList, issuer: IssuerFacts, facts: CrlFacts, entries: int, now: datetime
) -> Iterator[str]:
    """What is wrong with a list that should say this, and have so many entries."""
    if read.parts != (b"\x02\x01\x01", issuer.algorithm.identifier, issuer.subject):
        yield "version, algorithm or issuer are not those of the authority's CRL (5.1.2.1 to 5.1.2.3)"
    this_update, next_update = read.frame.last_update_utc, read.frame.next_update_utc
    if (this_update, next_update) != (facts.this_update, facts.next_update):
        yield "the times are not those meant (5.1.2.4)"
    if this_update > now:
        yield "thisUpdate lies in the future (5.1.2.4)"
    if next_update is None or next_update <= this_update:
        yield "nextUpdate is missing or not after thisUpdate (5.1.2.5)"
    yield from _extension_complaints(read.frame.extensions, issuer, facts)
    yield from _entry_complaints(read, facts, entries)


def _extension_complaints(extensions: x509.Extensions, issuer: IssuerFacts, facts: CrlFacts) -> Iterator[str]:
    oids = x509.oid.ExtensionOID
    critical = {oids.DELTA_CRL_INDICATOR, oids.ISSUING_DISTRIBUTION_POINT}
    expired_certificates = x509.ObjectIdentifier("2.5.29.60")
    wanted = {
        oids.CRL_NUMBER: True,
        oids.AUTHORITY_KEY_IDENTIFIER: True,
        oids.DELTA_CRL_INDICATOR: facts.base is not None,
        oids.ISSUING_DISTRIBUTION_POINT: bool(facts.scope.address or facts.scope.attributes),
        oids.FRESHEST_CRL: bool(facts.freshest),
        expired_certificates: facts.expired_since is not None,
    }
    present = {one.oid: one.value for one in extensions}
    if set(present) != {oid for oid, there in wanted.items() if there}:
        yield "the extensions are not those of such a list (5.2)"
        return
    if any(one.critical != (one.oid in critical) for one in extensions):
        yield "an extension is critical that should not be, or the other way round (5.2)"
    number = extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    if number != facts.number:
        yield "the number is not the one reserved (5.2.3)"
    identifier = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    if identifier != key_identifier(issuer.public_key_info):
        yield "the authority key identifier is not the authority's (5.2.1)"
    if facts.base is not None:
        base = extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
        if base != facts.base or base > number:
            yield "the base is not the one meant, or comes after the delta (5.2.4)"
    if wanted[oids.ISSUING_DISTRIBUTION_POINT]:
        yield from _scope_complaints(extensions.get_extension_for_class(x509.IssuingDistributionPoint).value, facts)
    if facts.freshest:
        points = list(extensions.get_extension_for_class(x509.FreshestCRL).value)
        if points != [x509.DistributionPoint(_uri(facts.freshest), None, None, None)]:
            yield "the freshest CRL is elsewhere (5.2.6)"
    if facts.expired_since is not None:
        since = present[expired_certificates].public_bytes()[2:].decode()
        if since != facts.expired_since.strftime("%Y%m%d%H%M%SZ"):
            yield "expired certificates are listed since another time (X.509 9.5.2.3)"


def _scope_complaints(point: x509.IssuingDistributionPoint, facts: CrlFacts) -> Iterator[str]:
    meant = x509.IssuingDistributionPoint(
        full_name=_uri(facts.scope.address) if facts.scope.address else None,
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=facts.scope.attributes,
    )
    if point != meant:
        yield "the list is about other certificates than meant (5.2.5)"


def _uri(address: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(address)]


def _entry_complaints(read: ReadList, facts: CrlFacts, entries: int) -> Iterator[str]:
    if read.entries.latest is not None and read.entries.latest > facts.this_update:
        yield "a certificate is revoked in the future"
    for kind in read.entries.kinds:
        code = _reason_code(kind)
        if code is None or code in (0, _NOT_USED) or code > 10 or (code == _REMOVE and facts.base is None):
            yield f"an entry has wrong extensions (5.3): {kind.hex()}"
    if read.entries.count != entries:
        yield f"there are {read.entries.count} entries, and {entries} in the books"


def _reason_code(extensions: bytes) -> int | None:
    """The code of the one extension, reasonCode, not critical (5.3.1); -1 if there is no extension at all."""
    if not extensions:
        return -1
    lead = bytes.fromhex("300c300a0603551d1504030a01")
    return extensions[-1] if extensions[:-1] == lead else None
