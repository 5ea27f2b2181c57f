"""OCSPRequest (RFC 6960 4.1), read strictly and written: the questions as they were sent, and the nonce."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from asn1crypto import keys
from asn1crypto import ocsp as asn1_ocsp
from cryptography.x509.ocsp import load_der_ocsp_request

from core.algorithms import Digest
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _
from ocsp.certificate import Authority

MAXIMUM_SIZE = 32 * 1024
"""Octets: a signed request with its certificates fits well."""
MAXIMUM_QUESTIONS = 64
MAXIMUM_NONCE = 128
"""Octets (RFC 9654 2.1)."""

NONCE = "1.3.6.1.5.5.7.48.1.2"
# Those that a responder may meet and leave aside: which answers the client understands (RFC 6960 4.4.3, 4.4.7), where
# to forward a question to (4.4.6). None changes what we answer.
_KNOWN_EXTENSIONS = {NONCE, *(f"1.3.6.1.5.5.7.48.1.{number}" for number in (4, 7, 8))}


@dataclass(frozen=True)
class CertId:
    """CertID: which certificate is asked about. Equality is by the encoding, as sent."""

    encoded: bytes
    """DER, as it came: the answer repeats it octet by octet."""
    digest_oid: str
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int

    @property
    def issuer(self) -> tuple[str, bytes, bytes]:
        """What identifies the issuer: both hashes, under the algorithm used."""
        return self.digest_oid, self.issuer_name_hash, self.issuer_key_hash


@dataclass(frozen=True)
class OcspRequest:
    """What is asked."""

    questions: tuple[CertId, ...]
    nonce: bytes | None
    """The client's octets, 1 to 128 of them."""


def subject_public_key(public_key_info: bytes) -> bytes:
    """What a key hash is over: the content of the BIT STRING, without the count of unused bits (RFC 6960 4.1.1)."""
    content: bytes = keys.PublicKeyInfo.load(public_key_info)["public_key"].contents
    return content[1:]


def cert_id(issuer: Authority, serial: int, digest: Digest) -> CertId:
    """The CertID of a certificate, by its issuer and its serial number."""
    name_hash, key_hash = digest.of(issuer.subject), digest.of(subject_public_key(issuer.public_key_info))
    encoded = der.sequence(
        # NULL, as OpenSSL writes it: there are responders that compare octets.
        der.sequence(der.oid(digest.oid), der.NULL),
        der.octet_string(name_hash),
        der.octet_string(key_hash),
        der.integer(serial),
    )
    return CertId(encoded, digest.oid, name_hash, key_hash, serial)


def nonce_extension(nonce: bytes) -> bytes:
    """Extension with the nonce, not critical (RFC 9654 2.1)."""
    return der.sequence(der.oid(NONCE), der.octet_string(der.octet_string(nonce)))


def build_request(questions: Iterable[CertId], nonce: bytes | None = None) -> bytes:
    """OCSPRequest DER, unsigned."""
    extensions = b"" if nonce is None else der.explicit(2, der.sequence(nonce_extension(nonce)))
    requests = der.sequence(*(der.sequence(question.encoded) for question in questions))
    return der.sequence(der.sequence(requests, extensions))


def read_request(data: bytes) -> OcspRequest:
    """The questions of an OCSPRequest; `YinxinError` (invalid) unless it is one, in DER to the last octet.

    A signature is not looked at: who asks does not change the answer (RFC 6960 4.1.2 leaves it to the responder).
    """
    if len(data) > MAXIMUM_SIZE:
        raise YinxinError(Kind.INVALID, _("larger than a status request can be"))
    try:
        _require_der(data)
        return _read_body(asn1_ocsp.OCSPRequest.load(data)["tbs_request"])
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("not a status request (OCSPRequest, DER)")) from error


def _require_der(data: bytes) -> None:
    """ValueError unless it is an OCSPRequest in DER to the last octet: asn1crypto reads BER, and only what is used."""
    # It is raised after the whole was read: `cryptography` gives access to one question only.
    with suppress(NotImplementedError):
        load_der_ocsp_request(data)


def _read_body(body: asn1_ocsp.TBSRequest) -> OcspRequest:
    if body["version"].native != "v1":
        raise ValueError("not version 1")
    requests = body["request_list"]
    if not 1 <= len(requests) <= MAXIMUM_QUESTIONS:
        raise ValueError("no question, or too many")
    for request in requests:
        _extension_values(request["single_request_extensions"])
    nonce = _extension_values(body["request_extensions"]).get(NONCE)
    return OcspRequest(
        tuple(_read_cert_id(request["req_cert"]) for request in requests),
        None if nonce is None else _read_nonce(nonce),
    )


def _read_cert_id(cert_id: asn1_ocsp.CertId) -> CertId:
    return CertId(
        cert_id.dump(),
        cert_id["hash_algorithm"]["algorithm"].dotted,
        cert_id["issuer_name_hash"].native,
        cert_id["issuer_key_hash"].native,
        cert_id["serial_number"].native,
    )


def _extension_values(extensions: Sequence[Any]) -> dict[str, Any]:
    """Values by OID; ValueError for one that occurs twice, or is critical and unknown (RFC 5280 4.2)."""
    values: dict[str, Any] = {}
    for extension in extensions:
        dotted = extension["extn_id"].dotted
        if dotted in values:
            raise ValueError("an extension occurs twice")
        if extension["critical"].native and dotted not in _KNOWN_EXTENSIONS:
            raise ValueError("a critical extension that is not known")
        values[dotted] = extension["extn_value"]
    return values


def _read_nonce(value: Any) -> bytes:
    """The nonce inside its OCTET STRING; ValueError outside 1 to 128 octets (RFC 9654 2.1 says malformedRequest)."""
    nonce: bytes = value.parsed.native
    if not 1 <= len(nonce) <= MAXIMUM_NONCE or value.contents != der.octet_string(nonce):
        raise ValueError("a nonce that is empty or too long")
    return nonce
