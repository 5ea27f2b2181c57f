"""The statement of a code: which document, what its fields are, whose seal, when; and its signature.

COSE_Sign1 (RFC 9052 4.2) in deterministic CBOR (RFC 8949 4.2.1), in Base45 (RFC 9285) after `YX1:`, so that a QR code
holds it in its alphanumeric mode. SM2 has no number in COSE: ours is for private use (RFC 9053 8).

```
payload = {1: document number, 2: seal, 3: seconds since 1970, 4: salt, 5: digest of the fields, ? 6: those shown}
digest  = H(salt ‖ canonical JSON of all fields), H the digest of the signature algorithm
```

The salt keeps whoever has only the code from guessing fields that are not shown.
"""

import secrets
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import base45
import cbor2
import rfc8785
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from core.algorithms import (
    ECDSA_P256_SHA256,
    ECDSA_P384_SHA384,
    RSA_PSS_SHA256,
    RSA_PSS_SHA384,
    RSA_SHA256,
    SM2_SM3,
    Algorithm,
)
from core.certificates import public_key_info
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify

PREFIX = "YX1:"
LONGEST = 2048
"""Characters: what fits a QR code that paper can carry."""
SALT_OCTETS = 8
KEY_OCTETS = 8
"""Of the SHA-256 of the certificate: which one the reader has to have."""

_NUMBERS = {
    SM2_SM3: -65537,
    ECDSA_P256_SHA256: -7,
    ECDSA_P384_SHA384: -35,
    RSA_PSS_SHA256: -37,
    RSA_PSS_SHA384: -38,
    RSA_SHA256: -257,
}
_ALGORITHMS = {number: algorithm for algorithm, number in _NUMBERS.items()}
_POINT_OCTETS = {SM2_SM3: 32, ECDSA_P256_SHA256: 32, ECDSA_P384_SHA384: 48}
"""Of r and of s, which COSE writes side by side (RFC 9053 2.1)."""
_ALGORITHM, _KEY = 1, 4
_SIGN1 = 18
_NUMBER, _SEAL, _TIME, _SALT, _DIGEST, _SHOWN = range(1, 7)

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Statement:
    """What a code says."""

    number: str
    """Of the document, as its issuer counts."""
    seal: str
    """In whose name, as the register calls the seal."""
    at: datetime
    """The issuer's own word, to the second."""
    digest: bytes
    """Of all fields, with the salt."""
    salt: bytes = field(repr=False)
    shown: Fields = field(default_factory=dict)
    """Those of the fields that the code itself shows."""


@dataclass(frozen=True)
class Code:
    """A code as it was read. Nothing of it is checked but its form."""

    statement: Statement
    algorithm: Algorithm
    key: bytes
    """The beginning of the SHA-256 of the signer's certificate."""
    signature: bytes
    signed: bytes
    """What the signature is over."""

    def names(self, certificate: bytes) -> bool:
        """Whether it says that this certificate (DER) is the signer's."""
        return sha256(certificate).digest()[:KEY_OCTETS] == self.key

    def is_signed_with(self, certificate: bytes) -> bool:
        """Whether it names this certificate (DER), and the key in it made the signature."""
        if not self.names(certificate):
            return False
        try:
            verify(public_key_info(certificate), self.algorithm, self.signature, self.signed)
        except InvalidSignature:
            return False
        return True

    def has_fields(self, fields: Fields) -> bool:
        """Whether these are the fields that the statement is about."""
        return _digest(self.algorithm, self.statement.salt, normal(fields)) == self.statement.digest


def normal(fields: Fields) -> dict[str, str]:
    """The fields as they are compared: what looks the same is the same (NFC), without spaces around it."""
    return {_normal(name): _normal(text) for name, text in fields.items()}


def sign_code(
    number: str, fields: Fields, seal: str, signer: Signer, certificate: bytes, at: datetime, show: Collection[str] = ()
) -> str:
    """The text of the code. `show`: names of fields that it shows. `YinxinError` if it would not fit a code."""
    if signer.algorithm not in _NUMBERS:
        raise YinxinError(
            Kind.UNSUPPORTED, _("codes cannot be signed with {algorithm}").format(algorithm=signer.algorithm.name)
        )
    compared = normal(fields)
    missing = [name for name in show if _normal(name) not in compared]
    if missing or not number or not fields:
        what = (
            _("there is no field {name}").format(name=missing[0]) if missing else _("a code needs a number and fields")
        )
        raise YinxinError(Kind.INVALID, what, remedy=_("check the fields"))
    salt = secrets.token_bytes(SALT_OCTETS)
    payload: dict[int, Any] = {
        _NUMBER: number,
        _SEAL: seal,
        _TIME: int(at.timestamp()),
        _SALT: salt,
        _DIGEST: _digest(signer.algorithm, salt, compared),
    }
    if show:
        payload[_SHOWN] = {_normal(name): compared[_normal(name)] for name in show}
    header = {_ALGORITHM: _NUMBERS[signer.algorithm], _KEY: sha256(certificate).digest()[:KEY_OCTETS]}
    protected, body = _dumps(header), _dumps(payload)
    signature = _as_cose(signer.algorithm, signer.sign(_to_be_signed(protected, body)))
    text: str = PREFIX + base45.b45encode(_dumps(cbor2.CBORTag(_SIGN1, [protected, {}, body, signature]))).decode()
    if len(text) > LONGEST:
        raise YinxinError(
            Kind.INVALID, _("this is more than a code holds"), remedy=_("show fewer fields, or a shorter number")
        )
    return text


def read_code(text: str) -> Code:
    """The code in a text; `YinxinError` (invalid) if it is none, or not in the one form that is written."""
    try:
        return _read(text.strip())
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, cbor2.CBORDecodeError) as error:
        raise YinxinError(
            Kind.INVALID,
            _("not a code of ours, or not all of it"),
            remedy=_("photograph it again, straight and in good light"),
        ) from error


def is_code(text: str) -> bool:
    """Whether a text looks like one of our codes."""
    return text.strip().startswith(PREFIX)


def _read(text: str) -> Code:
    if not text.startswith(PREFIX) or len(text) > LONGEST:
        raise ValueError("no prefix")
    tagged = _loads(base45.b45decode(text.removeprefix(PREFIX)))
    if not isinstance(tagged, cbor2.CBORTag) or tagged.tag != _SIGN1:
        raise ValueError("no COSE_Sign1")
    protected, unprotected, body, value = tagged.value
    header, payload = _loads(protected), _loads(body)
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise ValueError("no maps")
    if unprotected != {} or header.keys() != {_ALGORITHM, _KEY}:
        raise ValueError("other headers")
    algorithm, shown = _ALGORITHMS[header[_ALGORITHM]], payload.pop(_SHOWN, {})
    number, seal, at, salt, digest = (payload.pop(key) for key in (_NUMBER, _SEAL, _TIME, _SALT, _DIGEST))
    expected = ((number, str), (seal, str), (at, int), (salt, bytes), (digest, bytes), (header[_KEY], bytes))
    texts = [*shown, *shown.values()]
    if payload or not all(
        type(one) is kind for one, kind in (*expected, (value, bytes), *((one, str) for one in texts))
    ):
        raise ValueError("other members")
    if len(salt) != SALT_OCTETS or len(digest) != algorithm.digest.size:
        raise ValueError("other lengths")
    statement = Statement(number, seal, datetime.fromtimestamp(at, UTC), digest, salt, shown)
    return Code(statement, algorithm, header[_KEY], _from_cose(algorithm, value), _to_be_signed(protected, body))


def _digest(algorithm: Algorithm, salt: bytes, fields: Fields) -> bytes:
    return algorithm.digest.of(salt + rfc8785.dumps(dict(fields)))


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _to_be_signed(protected: bytes, body: bytes) -> bytes:
    """Sig_structure (RFC 9052 4.4)."""
    return _dumps(["Signature1", protected, b"", body])


def _dumps(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)


def _loads(data: bytes) -> Any:
    """The value; ValueError unless the octets are the one way to write it."""
    value = cbor2.loads(data)
    if _dumps(value) != data:
        raise ValueError("not deterministic")
    return value


def _as_cose(algorithm: Algorithm, signature: bytes) -> bytes:
    size = _POINT_OCTETS.get(algorithm)
    if size is None:
        return signature
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(signature))


def _from_cose(algorithm: Algorithm, value: bytes) -> bytes:
    size = _POINT_OCTETS.get(algorithm)
    if size is None:
        return value
    if len(value) != 2 * size:
        raise ValueError("a signature of another length")
    return encode_dss_signature(int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big"))
