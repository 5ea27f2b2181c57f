"""CMS SignedData (RFC 5652) with one signer: operators' statements and timestamp tokens are made and checked here.

SM2 uses the RFC 5652 shape with the GM algorithm identifiers, and signs the signed attributes with Z of the default ID.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from core.algorithms import ALGORITHMS, SHA256, Algorithm, Digest, algorithm_by_identifier, digest_by_oid
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify

DATA = "1.2.840.113549.1.7.1"
SIGNED_DATA = "1.2.840.113549.1.7.2"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"


def attribute(dotted: str, *values: bytes) -> bytes:
    """Attribute: type and SET OF values."""
    return der.sequence(der.oid(dotted), der.set_of(*values))


def issuer_and_serial(certificate: bytes) -> bytes:
    """IssuerAndSerialNumber of a certificate, from its own bytes."""
    body = x509.Certificate.load(certificate)["tbs_certificate"]
    return der.sequence(body["issuer"].dump(), body["serial_number"].dump())


def signing_certificate_v2(certificate: bytes, digest: Digest) -> bytes:
    """SigningCertificateV2 (RFC 5035 3): binds the signature to a certificate. SHA-256, the default, is not written."""
    body = x509.Certificate.load(certificate)["tbs_certificate"]
    issuer = der.sequence(der.explicit(4, body["issuer"].dump()))
    identifier = b"" if digest is SHA256 else digest.identifier
    ess_cert_id = der.sequence(
        identifier, der.octet_string(digest.of(certificate)), der.sequence(issuer, body["serial_number"].dump())
    )
    return attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(ess_cert_id)))


def sign(
    content: bytes,
    signer: Signer,
    certificate: bytes,
    *,
    content_type: str = DATA,
    others: Sequence[bytes] = (),
    signed_at: datetime | None = None,
    include_certificate: bool = True,
) -> bytes:
    """ContentInfo DER: SignedData that carries the content, the signer's certificate and the others."""
    digest = signer.algorithm.digest
    attributes = [
        attribute(CONTENT_TYPE, der.oid(content_type)),
        attribute(MESSAGE_DIGEST, der.octet_string(digest.of(content))),
        signing_certificate_v2(certificate, digest),
    ]
    if signed_at is not None:
        attributes.append(attribute(SIGNING_TIME, der.time(signed_at)))
    signed_attributes = der.set_of(*attributes)
    signer_info = der.sequence(
        der.integer(1),
        issuer_and_serial(certificate),
        digest.identifier,
        der.implicit(0, signed_attributes),
        signer.algorithm.cms_identifier,
        der.octet_string(signer.sign(signed_attributes)),
    )
    certificates = [certificate, *others] if include_certificate else list(others)
    signed_data = der.sequence(
        der.integer(1 if content_type == DATA else 3),
        der.set_of(digest.identifier),
        der.sequence(der.oid(content_type), der.explicit(0, der.octet_string(content))),
        der.implicit(0, der.set_of(*certificates)) if certificates else b"",
        der.set_of(signer_info),
    )
    return der.sequence(der.oid(SIGNED_DATA), der.explicit(0, signed_data))


@dataclass(frozen=True)
class Signed:
    """What a SignedData says, its signature checked. Whether the certificate is trusted is the caller's question."""

    content: bytes
    content_type: str
    certificate: bytes
    """The signer's, DER: the one that the signature is bound to."""
    algorithm: Algorithm
    signed_at: datetime | None
    """The signer's own claim."""


def check(message: bytes, certificates: Sequence[bytes] = ()) -> Signed:
    """Check a SignedData with one signer over its original bytes.

    `certificates`: further candidates (DER) for the signer. `YinxinError` (invalid) if it is damaged, has been
    changed, or its signer's certificate is not at hand.
    """
    try:
        signed = _check(message, certificates)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise YinxinError(Kind.INVALID, _("not a CMS SignedData message that can be read")) from error
    except InvalidSignature:
        raise YinxinError(Kind.INVALID, _("the signature is not good: the message was changed")) from None
    return signed


def _check(message: bytes, certificates: Sequence[bytes]) -> Signed:
    info = asn1_cms.ContentInfo.load(message, strict=True)
    if info["content_type"].dotted != SIGNED_DATA:
        raise ValueError("not SignedData")
    body = info["content"]
    (signer_info,) = body["signer_infos"]
    # The octets themselves: `native` would be the parsed structure where asn1crypto knows the type, as of TSTInfo.
    content = bytes(body["encap_content_info"]["content"])
    # The bag may hold attribute certificates and other things besides: none of them is a signer's.
    embedded = [choice.chosen.dump() for choice in body["certificates"] or () if choice.name == "certificate"]
    digest = digest_by_oid(signer_info["digest_algorithm"]["algorithm"].dotted)
    algorithm = _algorithm(signer_info["signature_algorithm"], digest)
    attributes = _attributes(signer_info["signed_attrs"])
    signed_bytes = b"\x31" + signer_info["signed_attrs"].dump()[1:]
    # The signer is whom the signature names, never whoever lies first in the bag (RFC 5035 exists for that).
    certificate = _bound_certificate([*embedded, *certificates], signer_info["sid"].chosen, attributes)
    public_key_info = x509.Certificate.load(certificate).public_key.dump()
    verify(public_key_info, algorithm, signer_info["signature"].native, signed_bytes)
    if attributes[MESSAGE_DIGEST].native != digest.of(content):
        raise InvalidSignature
    content_type = body["encap_content_info"]["content_type"].dotted
    if attributes[CONTENT_TYPE].dotted != content_type:
        raise InvalidSignature
    time = attributes[SIGNING_TIME].native if SIGNING_TIME in attributes else None
    return Signed(content, content_type, certificate, algorithm, time)


def _attributes(signed: asn1_cms.CMSAttributes) -> dict[str, Any]:
    """The one value of each attribute by its type: all that we read come once, with one value (RFC 5652 11)."""
    attributes = {}
    for item in signed:
        kind = item["type"].dotted
        if kind in attributes or len(item["values"]) != 1:
            raise ValueError(f"attribute {kind} with several values")
        attributes[kind] = item["values"][0]
    return attributes


def _algorithm(identifier: asn1_cms.SignedDigestAlgorithm, digest: Digest) -> Algorithm:
    """The algorithm; `rsaEncryption` names only the key, so that the digest beside it decides."""
    if identifier["algorithm"].dotted == "1.2.840.113549.1.1.1":
        return ALGORITHMS[f"rsa-{digest.name}"]
    algorithm = algorithm_by_identifier(identifier.dump())
    if algorithm.digest is not digest:
        raise InvalidSignature
    return algorithm


def _bound_certificate(
    candidates: Sequence[bytes], sid: asn1_cms.IssuerAndSerialNumber, attributes: dict[str, Any]
) -> bytes:
    wanted = sid.dump()
    bound = attributes[SIGNING_CERTIFICATE_V2]["certs"][0] if SIGNING_CERTIFICATE_V2 in attributes else None
    for candidate in candidates:
        if issuer_and_serial(candidate) != wanted:
            continue
        if bound is None:
            return candidate
        if digest_by_oid(bound["hash_algorithm"]["algorithm"].dotted).of(candidate) == bound["cert_hash"].native:
            return candidate
    raise YinxinError(Kind.INVALID, _("the signer's certificate is not in the message"))
