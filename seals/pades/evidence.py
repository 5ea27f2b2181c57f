"""Validation material: what a document's security store holds, and what of it may speak about which certificate."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.validation import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError

from seals.pades.remembered import Remembered

_LONGEST_CHAIN = 10


@dataclass(frozen=True)
class Knowledge:
    """Validation material, each item in DER."""

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()

    def __add__(self, other: "Knowledge") -> "Knowledge":
        """Both, without repetition."""
        return Knowledge(
            tuple(dict.fromkeys(self.certificates + other.certificates)),
            tuple(dict.fromkeys(self.crls + other.crls)),
            tuple(dict.fromkeys(self.ocsp_responses + other.ocsp_responses)),
        )

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 of all of it: what results are remembered by, for lists of millions may be among it."""
        hashing = hashlib.sha256()
        for items in (self.certificates, self.crls, self.ocsp_responses):
            hashing.update(len(items).to_bytes(8))
            for one in items:
                hashing.update(len(one).to_bytes(8))
                hashing.update(one)
        return hashing.digest()

    @property
    def says_nothing_of_status(self) -> bool:
        """Whether there is neither a CRL nor an OCSP response."""
        return not (self.crls or self.ocsp_responses)


def security_store(handler: PdfHandler) -> Knowledge:
    """The document's security store (DSS), empty if there is none; of a past revision if the handler is one."""
    try:
        store = DocumentSecurityStore.read_dss(handler)
    except NoDSSFoundError:
        return Knowledge()
    return Knowledge(
        tuple(certificate.dump() for certificate in store.load_certs()),
        tuple(reference.get_object().data for reference in store.crls),
        tuple(reference.get_object().data for reference in store.ocsps),
    )


def covers(known: Knowledge, certificates: Iterable[bytes]) -> bool:
    """Whether there is a CRL of its issuer, or an OCSP response about it, for each certificate (DER)."""
    spoken = _spoken_of.result(known.fingerprint, lambda: _spoken(known))
    return all(named.issuer in spoken.issuers or named.serial in spoken.serials for named in map(_named, certificates))


class _Spoken(NamedTuple):
    """Of whom there is status."""

    issuers: frozenset[bytes]
    serials: frozenset[int]


_spoken_of: Remembered[_Spoken] = Remembered(256)


def _spoken(known: Knowledge) -> _Spoken:
    issuers = (crl.CertificateList.load(der).issuer.dump() for der in known.crls)
    answers = (single for der in known.ocsp_responses for single in _answers(der))
    return _Spoken(frozenset(issuers), frozenset(single["cert_id"]["serial_number"].native for single in answers))


class _Named(NamedTuple):
    issuer: bytes
    serial: int


# The same few certificates are asked about in each document.
@lru_cache(maxsize=512)
def _named(certificate: bytes) -> _Named:
    body = x509.Certificate.load(certificate)
    return _Named(body.issuer.dump(), body.serial_number)


def in_time(known: Knowledge, leaf: bytes) -> Knowledge:
    """The material without status of the leaf or its issuers that was issued after they expired.

    After its expiry a revoked certificate may leave the CRL (RFC 5280 3.3), so that such a CRL proves nothing.
    """
    line = _line_of_issuers(leaf, known.certificates)
    ends = {certificate.issuer.dump(): certificate.not_valid_after for certificate in line}
    serials = {certificate.serial_number: certificate.not_valid_after for certificate in line}

    def crl_in_time(der: bytes) -> bool:
        body = crl.CertificateList.load(der)
        end = ends.get(body.issuer.dump())
        return end is None or body["tbs_cert_list"]["this_update"].native <= end

    def response_in_time(der: bytes) -> bool:
        return all(
            single["this_update"].native
            <= serials.get(single["cert_id"]["serial_number"].native, single["this_update"].native)
            for single in _answers(der)
        )

    return Knowledge(
        known.certificates,
        tuple(der for der in known.crls if crl_in_time(der)),
        tuple(der for der in known.ocsp_responses if response_in_time(der)),
    )


def _line_of_issuers(leaf: bytes, certificates: Iterable[bytes]) -> list[x509.Certificate]:
    """The leaf and every certificate that by its name may stand above it, roots left out."""
    candidates = [x509.Certificate.load(der) for der in certificates]
    line = [x509.Certificate.load(leaf)]
    for certificate in line:
        if len(line) > _LONGEST_CHAIN:
            break
        issuer = certificate.issuer.dump()
        line += [
            candidate
            for candidate in candidates
            if candidate.subject.dump() == issuer and candidate.issuer.dump() != issuer and candidate not in line
        ]
    return line


def _answers(response: bytes) -> list[ocsp.SingleResponse]:
    parsed = ocsp.OCSPResponse.load(response)
    return list(parsed.response_data["responses"]) if parsed["response_status"].native == "successful" else []
