"""TimeStampReq (RFC 3161 2.4.1): read strictly as DER, each fault with the failure that the standard names for it."""

import re
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier

from core.algorithms import SHA256, SHA384, SHA512, SM3, Digest
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.response import PKIFailureInfo, Rejection

QUERY = "application/timestamp-query"
"""RFC 3161 3.4."""
MAXIMUM_SIZE = 8 * 1024
"""Octets: a request with a 512-bit imprint and every field needs some 200."""

ACCEPTED_DIGESTS = (SM3, SHA256, SHA384, SHA512)
_OBJECT_IDENTIFIER = re.compile(r"([01]\.[1-3]?\d|2\.(0|[1-9]\d*))(\.(0|[1-9]\d*))*", re.ASCII)
_DIGESTS = {digest.oid: digest for digest in ACCEPTED_DIGESTS}


class MessageImprint(NamedTuple):
    """What is stamped: the digest of something that the authority never sees."""

    digest: Digest
    value: bytes
    encoded: bytes
    """MessageImprint DER; the token repeats it as the client wrote it."""

    @classmethod
    def of(cls, digest: Digest, value: bytes) -> "MessageImprint":
        """The imprint of this value; `YinxinError` if it is not one of this digest."""
        if digest not in ACCEPTED_DIGESTS:
            raise YinxinError(Kind.UNSUPPORTED, _("time stamps are not given over {digest}").format(digest=digest.name))
        if len(value) != digest.size:
            raise YinxinError(
                Kind.INVALID, _("a digest by {digest} has {size} octets").format(digest=digest.name, size=digest.size)
            )
        return cls(digest, value, der.sequence(digest.identifier, der.octet_string(value)))


@dataclass(slots=True)
class TimeStampRequest:
    """What a client asks for."""

    imprint: MessageImprint
    policy: str | None = None
    """reqPolicy, dotted."""
    nonce: int | None = None
    wants_certificates: bool = False
    """certReq."""

    def __post_init__(self) -> None:
        if self.policy is not None and not _OBJECT_IDENTIFIER.fullmatch(self.policy):
            raise YinxinError(
                Kind.INVALID, _("not an object identifier"), subject=self.policy, remedy=_("digits and dots: 1.2.3")
            )

    def encode(self) -> bytes:
        """TimeStampReq DER."""
        return der.sequence(
            der.integer(1),
            self.imprint.encoded,
            b"" if self.policy is None else der.oid(self.policy),
            b"" if self.nonce is None else der.integer(self.nonce),
            der.TRUE if self.wants_certificates else b"",
        )


@asn1.sequence
class _HashAlgorithm:
    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _MessageImprint:
    hash_algorithm: _HashAlgorithm
    hashed_message: bytes


@asn1.sequence
class _Extension:
    identifier: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(False)]
    value: bytes


@asn1.sequence
class _TimeStampReq:
    version: int
    message_imprint: _MessageImprint
    policy: ObjectIdentifier | None
    nonce: int | None
    certificates: Annotated[bool, asn1.Default(False)]
    extensions: Annotated[list[_Extension] | None, asn1.Implicit(0)]


def parse_request(data: bytes) -> TimeStampRequest:
    """Read a TimeStampReq; `Rejection` says what is wrong with it."""
    if len(data) > MAXIMUM_SIZE:
        raise Rejection(PKIFailureInfo.BAD_DATA_FORMAT, _("larger than a time-stamp request can be"))
    try:
        request = asn1.decode_der(_TimeStampReq, data)
    except ValueError:
        raise Rejection(PKIFailureInfo.BAD_DATA_FORMAT, _("not a time-stamp request (RFC 3161) in DER")) from None
    if request.version != 1:
        raise Rejection(
            PKIFailureInfo.BAD_REQUEST,
            _("version {version} of time-stamp requests is not known").format(version=request.version),
        )
    if request.extensions is not None:
        names = ", ".join(extension.identifier.dotted_string for extension in request.extensions)
        raise Rejection(
            PKIFailureInfo.UNACCEPTED_EXTENSION, _("extensions are not accepted: {names}").format(names=names)
        )
    return TimeStampRequest(
        _imprint(request.message_imprint),
        None if request.policy is None else request.policy.dotted_string,
        request.nonce,
        request.certificates,
    )


def _imprint(given: _MessageImprint) -> MessageImprint:
    dotted = given.hash_algorithm.algorithm.dotted_string
    digest = _DIGESTS.get(dotted)
    if digest is None:
        raise Rejection(
            PKIFailureInfo.BAD_ALG,
            _("digest algorithm {oid} is not accepted; use SM3, SHA-256, SHA-384 or SHA-512").format(oid=dotted),
        )
    if len(given.hashed_message) != digest.size:
        raise Rejection(
            PKIFailureInfo.BAD_DATA_FORMAT,
            _("a digest by {digest} has {size} octets, not {given}").format(
                digest=digest.name, size=digest.size, given=len(given.hashed_message)
            ),
        )
    return MessageImprint(digest, given.hashed_message, asn1.encode_der(given))
