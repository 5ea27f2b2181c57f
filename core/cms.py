"""CMS SignedData (RFC 5652) with one signer: operators' statements and timestamp tokens are made and checked here.

SM2 uses the RFC 5652 shape with the GM algorithm identifiers, and signs the signed attributes with Z of the default ID.
The shape of GM/T 0010, for those who prescribe it, differs in names only: its own OID of SignedData, always version 1,
and the signature named by the bare SM2-1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache, partial
from typing import NamedTuple

from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from core.algorithms import ALGORITHMS, SHA1, SHA256, SM2_SM3, Algorithm, Digest, algorithm_by_identifier, digest_by_oid
from core.asn1 import der
from core.asn1.elements import read_elements
from core.asn1.signed_data import GM_SIGNED_DATA as GM_SIGNED_DATA
from core.asn1.signed_data import SIGNED_DATA as SIGNED_DATA
from core.asn1.signed_data import dotted, octets_of, read_signed_data
from core.asn1.unreadable import UNREADABLE
from core.certificates import public_key_info
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify

DATA = "1.2.840.113549.1.7.1"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME, ALGORITHM_PROTECTION = (
    f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5, 52)
)
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
CERTIFICATE_ATTRIBUTES = SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2
"""They bind a signature to the digest of a certificate (RFC 5035)."""
SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_GM_SIGNATURE = der.sequence(der.oid("1.2.156.10197.1.301.1"))
_RSA_ENCRYPTION = (
    der.sequence(der.oid("1.2.840.113549.1.1.1"), der.NULL),
    der.sequence(der.oid("1.2.840.113549.1.1.1")),
)


FRAMES = 64
"""Sizes of messages whose frames a builder keeps, some KiB each: those of ECDSA and SM2 differ by an octet or two."""

CERTIFICATES = 256
"""Of how many certificates it is kept what messages say about them; the same few sign again and again."""


class Shape(Enum):
    """How a SignedData is written."""

    RFC_5652 = "RFC 5652"
    """What all software reads."""
    GM_T_0010 = "GM/T 0010"
    """For SM2 only."""


def attribute(dotted: str, *values: bytes) -> bytes:
    """Attribute: type and SET OF values."""
    return der.sequence(der.oid(dotted), der.set_of(*values))


@lru_cache(maxsize=CERTIFICATES)
def issuer_and_serial(certificate: bytes) -> bytes:
    """IssuerAndSerialNumber of a certificate, from its own bytes."""
    body = x509.Certificate.load(certificate)["tbs_certificate"]
    return der.sequence(body["issuer"].dump(), body["serial_number"].dump())


@lru_cache(maxsize=CERTIFICATES)
def signing_certificate_v2(certificate: bytes, digest: Digest) -> bytes:
    """SigningCertificateV2 (RFC 5035 3): binds the signature to a certificate. SHA-256, the default, is not written."""
    body = x509.Certificate.load(certificate)["tbs_certificate"]
    issuer = der.sequence(der.explicit(4, body["issuer"].dump()))
    identifier = b"" if digest is SHA256 else digest.identifier
    ess_cert_id = der.sequence(
        identifier, der.octet_string(digest.of(certificate)), der.sequence(issuer, body["serial_number"].dump())
    )
    return attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(ess_cert_id)))


def algorithm_protection(algorithm: Algorithm) -> bytes:
    """CMSAlgorithmProtection (RFC 6211): nobody can have another algorithm read into the message."""
    identifiers = algorithm.digest.identifier, der.implicit(1, algorithm.cms_identifier)
    return attribute(ALGORITHM_PROTECTION, der.sequence(*identifiers))


class _Frame(NamedTuple):
    """What is the same in messages of one size, around content, digest and signature."""

    opening: bytes
    before_digest: bytes
    before_signature: bytes


class Draft(NamedTuple):
    """SignedData that lacks its signature."""

    signer: Signer
    content: bytes
    digest: bytes
    to_be_signed: bytes
    frame_for: Callable[[int], _Frame]
    """By the size of the signature."""

    def signed(self) -> bytes:
        """ContentInfo DER."""
        return self.complete(self.sign())

    def sign(self) -> bytes:
        """The signature."""
        return self.signer.sign(self.to_be_signed)

    def complete(self, signature: bytes) -> bytes:
        """ContentInfo DER, with that signature."""
        frame = self.frame_for(len(signature))
        return b"".join(
            (frame.opening, self.content, frame.before_digest, self.digest, frame.before_signature, signature)
        )


class SignedDataBuilder:
    """Makes SignedData for one signer and one type of content; what all of them share is encoded once."""

    def __init__(
        self,
        signer: Signer,
        certificate: bytes,
        *,
        content_type: str = DATA,
        certificates: Sequence[bytes] = (),
        attributes: Sequence[bytes] = (),
        shape: Shape = Shape.RFC_5652,
    ) -> None:
        """`certificate`: the signer's, DER; `certificates`: those that the messages carry, DER.

        `attributes`: further signed attributes, the same in all messages, DER.
        """
        algorithm = signer.algorithm
        digest = algorithm.digest
        in_gm = shape is Shape.GM_T_0010
        if in_gm and algorithm is not SM2_SM3:
            raise YinxinError(Kind.UNSUPPORTED, _("the message syntax of GM/T 0010 is for SM2 keys only"))
        self._signer = signer
        self._attributes = (
            attribute(CONTENT_TYPE, der.oid(content_type)),
            signing_certificate_v2(certificate, digest),
            *attributes,
        )
        # RFC 5652 5.1: version 3 as soon as the content is not id-data.
        self._head = der.integer(1 if content_type == DATA or in_gm else 3) + der.set_of(digest.identifier)
        self._outer_type = der.oid(GM_SIGNED_DATA if in_gm else SIGNED_DATA)
        self._signature_identifier = _GM_SIGNATURE if in_gm else algorithm.cms_identifier
        self._content_type = der.oid(content_type)
        self._certificates = der.implicit(0, der.set_of(*certificates)) if certificates else b""
        self._signer_head = der.integer(1) + issuer_and_serial(certificate) + digest.identifier
        # The digest is the end of its attribute, whose place among the others its value does not change (X.690 11.6).
        own = attribute(MESSAGE_DIGEST, der.octet_string(bytes(digest.size)))
        signed = self._signed_attributes(bytes(digest.size))
        place = signed.index(own) + len(own) - digest.size
        self._before_digest, self._after_digest = signed[:place], signed[place + digest.size :]
        self._frame = lru_cache(maxsize=FRAMES)(self._make_frame)

    def build(self, content: bytes, *, signed_at: datetime | None = None, include_certificates: bool = True) -> bytes:
        """ContentInfo DER: SignedData that carries the content."""
        if signed_at is None:
            return self.draft(content, include_certificates=include_certificates).signed()
        digest = self._signer.algorithm.digest.of(content)
        attributes = self._signed_attributes(digest, attribute(SIGNING_TIME, der.time(signed_at)))
        return self._enclose(content, attributes, self._signer.sign(attributes), include_certificates)

    def draft(self, content: bytes, *, include_certificates: bool = True) -> "Draft":
        """The same in steps, for whoever makes several messages at a time."""
        digest = self._signer.algorithm.digest.of(content)
        frame_for = partial(self._frame, len(content), include_certificates)
        return Draft(self._signer, content, digest, self.signed_attributes(digest), frame_for)

    def signed_attributes(self, digest: bytes) -> bytes:
        """What is signed about content of this digest: SET OF Attribute, DER."""
        return self._before_digest + digest + self._after_digest

    def build_detached(self, digest: bytes, unsigned: Callable[[bytes], Sequence[bytes]]) -> bytes:
        """ContentInfo DER: SignedData about content that lies elsewhere, by its digest.

        `unsigned`: the unsigned attributes (DER) that go with the signature value.
        """
        attributes = self.signed_attributes(digest)
        signature = self._signer.sign(attributes)
        signed_data = der.sequence(
            self._head,
            der.sequence(self._content_type),
            self._certificates,
            der.set_of(self._signer_info(attributes, signature, _unsigned(unsigned(signature)))),
        )
        return der.sequence(self._outer_type, der.explicit(0, signed_data))

    def build_timestamped(self, content: bytes, timestamp: Callable[[bytes], bytes], *, signed_at: datetime) -> bytes:
        """As `build`; `timestamp` gives the TimeStampToken (DER) over the signature (RFC 3161 Appendix A)."""
        digest = self._signer.algorithm.digest.of(content)
        attributes = self._signed_attributes(digest, attribute(SIGNING_TIME, der.time(signed_at)))
        signature = self._signer.sign(attributes)
        unsigned = der.implicit(1, der.set_of(attribute(SIGNATURE_TIME_STAMP, timestamp(signature))))
        return self._enclose(content, attributes, signature, True, unsigned)

    def _signed_attributes(self, digest: bytes, *others: bytes) -> bytes:
        return der.set_of(*self._attributes, attribute(MESSAGE_DIGEST, der.octet_string(digest)), *others)

    def _enclose(
        self,
        content: bytes,
        signed_attributes: bytes,
        signature: bytes,
        include_certificates: bool,
        unsigned: bytes = b"",
    ) -> bytes:
        signed_data = der.sequence(
            self._head,
            der.sequence(self._content_type, der.explicit(0, der.octet_string(content))),
            self._certificates if include_certificates else b"",
            der.set_of(self._signer_info(signed_attributes, signature, unsigned)),
        )
        return der.sequence(self._outer_type, der.explicit(0, signed_data))

    def _signer_info(self, signed_attributes: bytes, signature: bytes, unsigned: bytes = b"") -> bytes:
        return der.sequence(
            self._signer_head,
            der.implicit(0, signed_attributes),
            self._signature_identifier,
            der.octet_string(signature),
            unsigned,
        )

    def _make_frame(self, content: int, include_certificates: bool, signature: int) -> "_Frame":
        """For so many octets of each; found in a message that was written whole, so that there is one way to write."""
        size = self._signer.algorithm.digest.size
        attributes = self._signed_attributes(bytes(size))
        whole = self._enclose(bytes(content), attributes, bytes(signature), include_certificates)
        end = len(whole) - signature
        after = len(self._signature_identifier + der.header(der.OCTET_STRING, signature))
        digest = end - after - len(self._after_digest) - size
        signer_infos = len(der.set_of(self._signer_info(attributes, bytes(signature))))
        begin = len(whole) - signer_infos - content - (len(self._certificates) if include_certificates else 0)
        return _Frame(whole[:begin], whole[begin + content : digest], whole[digest + size : end])


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
    certificates = [certificate, *others] if include_certificate else others
    builder = SignedDataBuilder(signer, certificate, content_type=content_type, certificates=certificates)
    return builder.build(content, signed_at=signed_at)


def certificates_only(certificates: Sequence[bytes]) -> bytes:
    """ContentInfo DER: SignedData without content and signers, to carry certificates (RFC 5652 5.2, PKCS#7 chain)."""
    signed_data = der.sequence(
        der.integer(1),
        der.set_of(),
        der.sequence(der.oid(DATA)),
        der.implicit(0, der.set_of(*certificates)),
        der.set_of(),
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
    certificates: tuple[bytes, ...]
    """Those that the message carries, DER, in no meaningful order."""
    certificate_is_bound: bool
    """Whether the signature covers a digest of the certificate (RFC 5035), and not only its issuer and serial."""
    signature: bytes
    timestamps: tuple[bytes, ...]
    """Tokens (DER) beside the signature that ought to be over it; nobody has checked them."""


def check(message: bytes, certificates: Sequence[bytes] = ()) -> Signed:
    """Check a SignedData with one signer over its original bytes.

    `certificates`: further candidates (DER) for the signer. `YinxinError` (invalid) if it is damaged, has been
    changed, or its signer's certificate is not at hand.
    """
    try:
        signed = _check(message, certificates)
    except UNREADABLE as error:
        raise YinxinError(Kind.INVALID, _("not a CMS SignedData message that can be read")) from error
    except InvalidSignature:
        raise YinxinError(Kind.INVALID, _("the signature is not good: the message was changed")) from None
    return signed


def _check(message: bytes, certificates: Sequence[bytes]) -> Signed:
    parts = read_signed_data(message)
    if parts.content is None:
        raise ValueError("no content")
    digest = digest_by_oid(parts.digest)
    algorithm = algorithm_of(parts.signature_algorithm, digest)
    attributes = parts.attributes
    # The signer is whom the signature names, never whoever lies first in the bag (RFC 5035 exists for that).
    named = {kind: attributes[kind].raw for kind in CERTIFICATE_ATTRIBUTES if kind in attributes}
    certificate = bound_certificate([*parts.certificates, *certificates], parts.signer, named)
    verify(public_key_info(certificate), algorithm, parts.signature, parts.signed)
    if octets_of(attributes[MESSAGE_DIGEST]) != digest.of(parts.content):
        raise InvalidSignature
    if dotted(attributes[CONTENT_TYPE]) != parts.content_type:
        raise InvalidSignature
    return Signed(
        parts.content,
        parts.content_type,
        certificate,
        algorithm,
        asn1_cms.Time.load(attributes[SIGNING_TIME].raw).native if SIGNING_TIME in attributes else None,
        parts.certificates,
        bool(named),
        parts.signature,
        tuple(one.raw for kind, values in parts.unsigned if kind == SIGNATURE_TIME_STAMP for one in values),
    )


def _unsigned(attributes: Sequence[bytes]) -> bytes:
    return der.implicit(1, der.set_of(*attributes)) if attributes else b""


def algorithm_of(identifier: bytes, digest: Digest) -> Algorithm:
    """The algorithm that SignerInfo.signatureAlgorithm names beside this digest.

    `rsaEncryption` names only the key, so that the digest decides. `YinxinError` (unsupported) if it is none of ours;
    `InvalidSignature` if the two contradict each other (RFC 8933).
    """
    if identifier in _RSA_ENCRYPTION:
        identifier = ALGORITHMS[f"rsa-{digest.name}"].identifier if f"rsa-{digest.name}" in ALGORITHMS else identifier
    algorithm = algorithm_by_identifier(identifier)
    if algorithm.digest is not digest:
        raise InvalidSignature
    return algorithm


def bound_certificate(candidates: Sequence[bytes], signer: bytes, named: Mapping[str, bytes]) -> bytes:
    """The candidate (DER) that a signer is; `YinxinError` (invalid) if none is it, ValueError if it cannot be read.

    `signer`: the SignerIdentifier; `named`: the values of those `CERTIFICATE_ATTRIBUTES` that are signed.
    """
    for candidate in candidates:
        if _is_named(candidate, signer) and all(_is_bound(candidate, *one) for one in named.items()):
            return candidate
    raise YinxinError(Kind.INVALID, _("the signer's certificate is not in the message"))


def _is_named(certificate: bytes, signer: bytes) -> bool:
    """By issuer and serial number, or by the key's identifier (RFC 5652 5.3)."""
    (identifier,) = read_elements(signer, is_ber=True)
    if identifier.tag == der.SEQUENCE:
        return issuer_and_serial(certificate) == signer
    return bool(x509.Certificate.load(certificate).key_identifier == identifier.content)


def _is_bound(certificate: bytes, kind: str, value: bytes) -> bool:
    """Whether the first ESSCertID of a signing-certificate attribute (RFC 5035 4, 5) is this certificate's."""
    (attribute,) = read_elements(value, is_ber=True)
    bound = attribute.children()[0].children()[0].children()
    digest = SHA1
    if kind == SIGNING_CERTIFICATE_V2:
        named = bound[0].tag == der.SEQUENCE
        digest = digest_by_oid(dotted(bound.pop(0).children()[0])) if named else SHA256
    return octets_of(bound[0]) == digest.of(certificate)
