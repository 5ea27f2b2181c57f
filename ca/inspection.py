"""The books examined once more: every certificate and list in force, by our rules, by pkilint, by its signature."""

from collections.abc import Iterator
from dataclasses import replace

from cryptography import x509

from ca import conformance
from ca.activation import profile_version
from ca.authorities import Authority, list_authorities
from ca.crl import latest, lists_in_force
from ca.lint import findings
from ca.profiles import Audience
from ca.register import CertificateRecord, Filter, every
from core.algorithms import Algorithm, algorithm_by_identifier
from core.asn1.elements import read_elements
from core.context import Context
from core.errors import YinxinError
from core.keys.verification import InvalidSignature, verify


def inspect_certificates(context: Context) -> Iterator[tuple[CertificateRecord, tuple[str, ...]]]:
    """Every certificate in the books, with what is wrong with it."""
    authorities = {authority.name: authority for authority in list_authorities(context.storage)}
    for record in every(context.storage, Filter()):
        yield record, tuple(_complaints(context, record, authorities[record.authority]))


def inspect_crls(context: Context) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every list in force by its name, with what is wrong with it."""
    for authority in list_authorities(context.storage):
        for published in lists_in_force(context, authority):
            delta = published.base is not None
            encoded = latest(context, authority.name, shard=published.shard, delta=delta)
            parsed = x509.load_der_x509_crl(encoded)
            if authority.key_is_here:
                complaints = [str(finding) for finding in conformance.lint_crl(encoded)]
                complaints += _signature_complaints(authority, parsed.signature, parsed.tbs_certlist_bytes)
            else:
                complaints = _complaints_from_afar(authority, encoded)
            if published.next_update < context.clock.now():
                complaints.append("the list in force is over its nextUpdate")
            yield published.name, tuple(complaints)


def _complaints(context: Context, record: CertificateRecord, authority: Authority) -> Iterator[str]:
    if not authority.key_is_here:
        yield from _complaints_from_afar(authority, record.certificate or b"")
        return
    with context.storage.reading() as connection:
        profile = profile_version(connection, record.profile, record.version).profile
    if profile.audience is Audience.IMPORTED:
        if record.certificate and _is_by_a_known_algorithm(record.certificate):
            yield from _complaints_from_afar(authority, record.certificate)
        return
    limits = authority.limits
    if profile.self_issued:
        limits = replace(limits, not_before=None, not_after=None)
    yield from map(str, findings(record.tbs, profile, limits))
    if record.certificate is None:
        return  # an intent: there are only the bytes that may have been signed
    yield from map(str, conformance.lint_certificate(record.certificate))
    parsed = x509.load_der_x509_certificate(record.certificate)
    if parsed.tbs_certificate_bytes != record.tbs:
        yield "the certificate is not over the bytes of its intent"
    yield from _signature_complaints(authority, parsed.signature, record.tbs)


def _is_by_a_known_algorithm(certificate: bytes) -> bool:
    """Imported certificates may be from a time that signed otherwise; who imported them was told."""
    (outer,) = read_elements(certificate)
    try:
        algorithm_by_identifier(outer.children()[1].raw)
    except YinxinError:
        return False
    return True


def _complaints_from_afar(authority: Authority, encoded: bytes) -> list[str]:
    """Of a certificate or list that another centre wrote by rules of its own, and that was examined when it came.

    An authority may sign the one with another digest than the other.
    """
    (outer,) = read_elements(encoded)
    tbs, identifier, signature = outer.children()
    return _signature_complaints(authority, signature.content[1:], tbs.raw, algorithm_by_identifier(identifier.raw))


def _signature_complaints(
    authority: Authority, signature: bytes, tbs: bytes, algorithm: Algorithm | None = None
) -> list[str]:
    try:
        verify(authority.public_key_info, algorithm or authority.algorithm, signature, tbs)
    except InvalidSignature:
        return ["the signature is not the authority's"]
    return []
