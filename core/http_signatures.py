"""Requests signed by their sender (RFC 9421), the body by its digest (RFC 9530), with any algorithm of the registry.

The library builds the signature base; keys stay behind `core.keys`. What is signed: method, authority, path and query,
the body's digest and type, and those headers that change what a request does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import http_sf
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
)

from core.algorithms import ECDSA_P256_SHA256, ECDSA_P384_SHA384, RSA_SHA256, SM2_SM3, Algorithm, Family
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify

NAMES = {
    # IANA has no name for SM2 yet: its own in our registry; the signature is DER (GM/T 0009).
    SM2_SM3: "sm2-sm3",
    RSA_SHA256: "rsa-v1_5-sha256",
    ECDSA_P256_SHA256: "ecdsa-p256-sha256",
    ECDSA_P384_SHA384: "ecdsa-p384-sha384",
}
"""How RFC 9421 6.2.2 names the algorithms that operators' keys sign with."""

COMPONENTS = ("@method", "@authority", "@path", "@query")
GUARDED_HEADERS = ("content-type", "idempotency-key", "if-match")
"""Signed wherever they are sent."""

MAXIMUM_AGE = timedelta(minutes=5)
CLOCK_SKEW = timedelta(minutes=1)

_HALF = {ECDSA_P256_SHA256: 32, ECDSA_P384_SHA384: 48}


@dataclass
class Message:
    """A request as far as signatures look at it."""

    method: str
    url: str
    """Absolute, percent-encoded."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Proof:
    """What a verified signature says of its request."""

    key_id: str
    nonce: str
    created: datetime


def sign_request(
    message: Message, body: bytes, signer: Signer, *, key_id: str, tag: str, created: datetime, nonce: str
) -> dict[str, str]:
    """The message's headers with `Content-Digest` (where there is a body), `Signature-Input` and `Signature` added."""
    present = {name.lower() for name in message.headers}
    covered = (*COMPONENTS, *(name for name in GUARDED_HEADERS if name in present))
    signing = HTTPMessageSigner(signature_algorithm=_scheme(signer.algorithm))
    prepared = signing.prepare(
        message,
        key_id=key_id,
        created=created,
        nonce=nonce,
        label="operator",
        tag=tag,
        covered_component_ids=covered,
        body=body or None,
    )
    signature = _to_wire(signer.algorithm, signer.sign(prepared.signature_base))
    signing.apply(message, prepared, signature)
    return message.headers


def claimed_key_id(message: Message, tag: str) -> str:
    """Whose key the request says it is signed with, before anything is believed; `YinxinError` if it says nothing."""
    given = next((text for name, text in message.headers.items() if name.lower() == "signature-input"), "")
    try:
        members: Any = http_sf.parse(given.encode(), tltype="dictionary")
        (key_id,) = (parameters["keyid"] for _value, parameters in members.values() if parameters.get("tag") == tag)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unproven() from error
    if not isinstance(key_id, str):
        raise _unproven()
    return key_id


def verify_request(
    message: Message, body: bytes, algorithm: Algorithm, public_key_info: bytes, *, tag: str, now: datetime
) -> Proof:
    """What the signature proves; `YinxinError` (forbidden) if it is wrong, old, or leaves out what it must cover.

    That a nonce comes once only is the caller's to see to.
    """
    present = {name.lower() for name in message.headers}
    required = (*COMPONENTS, *(name for name in GUARDED_HEADERS if name in present))
    verifier = _Verifier(signature_algorithm=_scheme(algorithm), key_resolver=_OneKey(algorithm, public_key_info))
    verifier.now = now
    try:
        (result,) = verifier.verify(
            message, max_age=MAXIMUM_AGE, expect_tag=tag, require_components=required, body=body
        )
    except (HTTPMessageSignaturesException, ValueError) as error:
        raise _unproven() from error
    parameters: dict[str, Any] = result.parameters
    if not parameters.get("nonce"):
        raise _unproven()
    created = datetime.fromtimestamp(parameters["created"], now.tzinfo)
    return Proof(parameters["keyid"], parameters["nonce"], created)


class _Verifier(HTTPMessageVerifier):
    """The library's, by the clock that it is handed."""

    max_clock_skew = CLOCK_SKEW
    now: datetime

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """RFC 9421 3.2: signed lately, and not in the future."""
        created = sig_input.params.get("created")
        age = self.now.timestamp() - created if type(created) is int else None
        limit = (max_age or MAXIMUM_AGE).total_seconds()
        skew = self.max_clock_skew.total_seconds()
        if age is None or not -skew <= age <= limit + skew:
            raise HTTPMessageSignaturesException("not signed just now")
        expires = sig_input.params.get("expires")
        if expires is not None and expires < self.now.timestamp() - skew:
            raise HTTPMessageSignaturesException("expired")


class _OneKey(HTTPSignatureKeyResolver):
    def __init__(self, algorithm: Algorithm, public_key_info: bytes) -> None:
        self._check = lambda signature, data: verify(public_key_info, algorithm, _from_wire(algorithm, signature), data)

    def resolve_public_key(self, key_id: str) -> Callable[[bytes, bytes], None]:  # noqa: ARG002 - the library's
        """How the key checks a signature."""
        return self._check


class _Scheme(HTTPSignatureAlgorithm):
    """What the library asks about an algorithm, answered by `core.keys`."""

    def __init__(self, public_key: Any = None, private_key: Any = None) -> None:  # noqa: ARG002 - the library's
        self._check = public_key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if it is the key's."""
        self._check(signature, message)


def _scheme(algorithm: Algorithm) -> type[_Scheme]:
    if algorithm not in NAMES:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("requests cannot be signed with this algorithm: {name}").format(name=algorithm.name),
            remedy=_("use a key of kind sm2, rsa-3072 or p256"),
        )
    return type("Scheme", (_Scheme,), {"algorithm_id": NAMES[algorithm]})


def _to_wire(algorithm: Algorithm, signature: bytes) -> bytes:
    """RFC 9421 3.3.4 and 3.3.5: ECDSA is r and s side by side, not DER."""
    if algorithm.family is not Family.ECDSA:
        return signature
    half = _HALF[algorithm]
    return b"".join(number.to_bytes(half) for number in decode_dss_signature(signature))


def _from_wire(algorithm: Algorithm, signature: bytes) -> bytes:
    if algorithm.family is not Family.ECDSA:
        return signature
    half = _HALF[algorithm]
    if len(signature) != 2 * half:
        raise InvalidSignature
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


def _unproven() -> YinxinError:
    return YinxinError(
        Kind.FORBIDDEN,
        _("the request is not signed as it must be"),
        remedy=_("sign it just before sending (RFC 9421), and check the clock"),
    )
