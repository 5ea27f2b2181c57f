"""CMS SignedData in the liberal shapes of the field: RFC 5652, PKCS#7, GM/T 0010, and what vendors make of them.

Real messages name SM2 by .301.1 or .501 with NULL or nothing, write r and s in 64 octets, leave out the signed
attributes, and enclose the digest of a document instead of nothing. All of that is read; what the value covers is
always checked over the original octets, and a certificate is the signer's only if the message names it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, core, parser, pdf  # noqa: F401 - pdf teaches cms the archived certificate status

from core import cms as core_cms
from core.algorithms import SHA1, Algorithm, Digest, Family, digest_by_oid
from core.asn1 import der
from core.asn1.signed_data import GM_SIGNED_DATA, SIGNED_DATA
from core.certificates import public_key_info
from core.cms import ALGORITHM_PROTECTION, CERTIFICATE_ATTRIBUTES, CONTENT_TYPE, DATA, MESSAGE_DIGEST, SIGNING_TIME
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from seals.pades.evidence import Knowledge

GM_DATA = "1.2.156.10197.6.1.4.2.1"
_REVOCATION_ARCHIVAL = "1.2.840.113583.1.1.8"
"""adbe-revocationInfoArchival (ISO 32000-2 12.8.3.3.2): certificate status as a signed attribute."""
_RAW = 64


@dataclass(frozen=True)
class Message:
    """One signer's part of a SignedData, taken apart; nothing is checked yet."""

    signed_data: cms.SignedData
    signer_info: cms.SignerInfo
    algorithm: Algorithm
    digest: Digest
    content_type: str
    """Dotted OID."""
    content: bytes | None
    """What the message encloses; None if it is detached."""
    attributes: dict[str, Any]
    """The signed ones by dotted OID; empty if there are none."""
    carried: Knowledge
    """Certificates and certificate status in the message."""
    signed_octets: bytes
    """The signed attributes as they were written: once they are taken apart, asn1crypto would write them anew."""

    @property
    def names_its_certificate(self) -> bool:
        """Whether a digest of the certificate is signed too (RFC 5035)."""
        return not self.attributes.keys().isdisjoint(CERTIFICATE_ATTRIBUTES)

    @property
    def claimed_time(self) -> datetime | None:
        """The signer's own claim."""
        moment = self.attributes[SIGNING_TIME].native if SIGNING_TIME in self.attributes else None
        return moment if isinstance(moment, datetime) else None

    @property
    def message_digest(self) -> bytes | None:
        """What is said to be the digest of the content."""
        return self.attributes[MESSAGE_DIGEST].native if MESSAGE_DIGEST in self.attributes else None

    @property
    def signature(self) -> bytes:
        """The signature value, as it was written."""
        value: bytes = self.signer_info["signature"].native
        return value

    @property
    def tokens(self) -> list[bytes]:
        """Time-stamp tokens (DER) that ought to be over the signature value."""
        unsigned = self.signer_info["unsigned_attrs"]
        return [
            token.dump()
            for item in (() if unsigned is core.VOID else unsigned)
            if item["type"].dotted == core_cms.SIGNATURE_TIME_STAMP
            for token in item["values"]
        ]

    def signer(self, others: Sequence[bytes] = ()) -> bytes:
        """The certificate (DER) that the message names; `YinxinError` (not found) if it is not at hand."""
        try:
            return core_cms.bound_certificate(
                [*self.carried.certificates, *others],
                self.signer_info["sid"].chosen.dump(),
                {kind: self.attributes[kind].dump() for kind in CERTIFICATE_ATTRIBUTES if kind in self.attributes},
            )
        except YinxinError as error:
            raise YinxinError(Kind.NOT_FOUND, error.what) from error

    def is_made_with(self, certificate: bytes, content: bytes) -> bool:
        """Whether the key of the certificate made the signature; `content` matters if there are no attributes."""
        signed = b"\x31" + self.signed_octets[1:] if self.attributes else content
        try:
            verify(public_key_info(certificate), self.algorithm, der_signature(self.algorithm, self.signature), signed)
        except InvalidSignature:
            return False
        return True


def der_signature(algorithm: Algorithm, value: bytes) -> bytes:
    """The value in DER: some vendors write r and s of SM2 in 64 octets."""
    if algorithm.family is not Family.SM2 or len(value) != _RAW:
        return value
    return der.sequence(
        der.integer(int.from_bytes(value[: _RAW // 2])), der.integer(int.from_bytes(value[_RAW // 2 :]))
    )


def without_padding(contents: bytes) -> bytes:
    """The DER value at the start, if only zeros follow it; `YinxinError` (invalid) otherwise."""
    try:
        size = parser.peek(contents)
        if contents[size:].strip(b"\x00"):
            raise ValueError("data after the signature")
    except ValueError as error:
        raise unreadable() from error
    return contents[:size]


def read_message(data: bytes) -> Message:
    """The message of one signer; `YinxinError` as `read_messages`, unsupported if there are several."""
    messages = read_messages(data)
    if len(messages) > 1:
        # EN 319 142-1 6.3 wants one, ISO 32000 does not say; which of them sealed the document, nobody does.
        text = _("it holds {count} signatures in one, where a PDF has one each")
        raise YinxinError(Kind.UNSUPPORTED, text.format(count=len(messages)))
    if not messages:
        raise unreadable()
    return messages[0]


def read_messages(data: bytes) -> list[Message]:
    """The part of each signer; `YinxinError`: invalid if it cannot be read, unsupported if it is not understood."""
    try:
        info = cms.ContentInfo.load(data, strict=True)
        if info["content_type"].dotted not in (SIGNED_DATA, GM_SIGNED_DATA):
            raise YinxinError(
                Kind.UNSUPPORTED, _("unsupported kind of signature: {oid}").format(oid=info["content_type"].dotted)
            )
        signed_data = info["content"]
        return [_message(signed_data, signer_info) for signer_info in signed_data["signer_infos"]]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise unreadable() from error
    except InvalidSignature:
        raise YinxinError(Kind.INVALID, _("its digest does not belong to its signature algorithm")) from None


def unreadable() -> YinxinError:
    """The error about what is no signature."""
    return YinxinError(Kind.INVALID, _("its Contents are not a signature that can be read"))


def _message(signed_data: cms.SignedData, signer_info: cms.SignerInfo) -> Message:
    digest = digest_by_oid(signer_info["digest_algorithm"]["algorithm"].dotted)
    if digest is SHA1:
        # MuPDF and old programs; the registry has no signatures with it.
        raise YinxinError(Kind.UNSUPPORTED, _("it is signed with SHA-1, which proves nothing any more"))
    algorithm = core_cms.algorithm_of(signer_info["signature_algorithm"].dump(), digest)
    # In version 1, asn1crypto takes it for the ContentInfo of PKCS#7, whose content may be of any type.
    enclosed = cms.EncapsulatedContentInfo.load(signed_data["encap_content_info"].dump())
    content_type = enclosed["content_type"].dotted
    signed = signer_info["signed_attrs"]
    signed_octets = b"" if signed is core.VOID else signed.dump()
    attributes = {} if signed is core.VOID else _attributes(signed)
    _require_consistent(signer_info, attributes, content_type)
    return Message(
        signed_data,
        signer_info,
        algorithm,
        digest,
        content_type,
        None if enclosed["content"] is core.VOID else bytes(enclosed["content"]),
        attributes,
        Knowledge(
            tuple(one.chosen.dump() for one in _listed(signed_data["certificates"]) if one.name == "certificate"),
            tuple(dict.fromkeys([*_carried_crls(signed_data), *_archived(attributes, "crl")])),
            tuple(_archived(attributes, "ocsp")),
        ),
        signed_octets,
    )


def _attributes(signed: cms.CMSAttributes) -> dict[str, Any]:
    """The one value of each attribute by its type: all that we read come once, with one value (RFC 5652 11)."""
    attributes = {}
    for item in signed:
        kind = item["type"].dotted
        if kind in attributes or len(item["values"]) != 1:
            raise ValueError(f"attribute {kind} with several values")
        attributes[kind] = item["values"][0]
    return attributes


def _require_consistent(signer_info: cms.SignerInfo, attributes: dict[str, Any], content_type: str) -> None:
    if not attributes:
        if content_type not in (DATA, GM_DATA):
            raise ValueError("attributes are required for content of this type (RFC 5652 5.3)")
        return
    if MESSAGE_DIGEST not in attributes or CONTENT_TYPE not in attributes:
        raise ValueError("attributes without digest or type of the content")
    # One vendor names the type of GM/T 0010 in the attribute and that of PKCS#7 inside.
    named = attributes[CONTENT_TYPE].dotted
    if named != content_type and {named, content_type} != {DATA, GM_DATA}:
        raise ValueError("content of another type")
    if ALGORITHM_PROTECTION in attributes:
        protected = attributes[ALGORITHM_PROTECTION]
        for part in ("digest_algorithm", "signature_algorithm"):
            if protected[part]["algorithm"].dotted != signer_info[part]["algorithm"].dotted:
                raise ValueError("the algorithms are not those that were signed (RFC 6211)")


def _listed(value: Any) -> Any:
    return () if value is core.VOID else value


def _carried_crls(signed_data: cms.SignedData) -> Iterator[bytes]:
    for one in _listed(signed_data["crls"]):
        if one.name == "certificate_list":
            yield one.chosen.dump()


def _archived(attributes: dict[str, Any], kind: str) -> Iterator[bytes]:
    if _REVOCATION_ARCHIVAL in attributes:
        for one in _listed(attributes[_REVOCATION_ARCHIVAL][kind]):
            yield one.dump()
