"""TimeStampResp (RFC 3161 2.4.2): written for what was granted and for what was refused; read by clients."""

from enum import IntEnum
from typing import NamedTuple

from asn1crypto import parser, tsp

from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _

REPLY = "application/timestamp-reply"
"""RFC 3161 3.4."""


class PKIFailureInfo(IntEnum):
    """Why a request is refused: bit positions (RFC 3161 2.4.2)."""

    BAD_ALG = 0
    BAD_REQUEST = 2
    BAD_DATA_FORMAT = 5
    TIME_NOT_AVAILABLE = 14
    UNACCEPTED_POLICY = 15
    UNACCEPTED_EXTENSION = 16
    SYSTEM_FAILURE = 25


_GRANTED = der.sequence(der.integer(0))
_REJECTION = der.integer(2)
_STATUS_NAMES = {"granted", "granted_with_mods"}
_KINDS = {
    PKIFailureInfo.BAD_REQUEST: Kind.INVALID,
    PKIFailureInfo.BAD_DATA_FORMAT: Kind.INVALID,
    PKIFailureInfo.TIME_NOT_AVAILABLE: Kind.UNAVAILABLE,
    PKIFailureInfo.SYSTEM_FAILURE: Kind.UNAVAILABLE,
}


class Rejection(YinxinError):  # noqa: N818 - the protocol's own word
    """A request that gets no token, and the protocol's word for why."""

    def __init__(self, failure: PKIFailureInfo, what: str, *, subject: str = "", remedy: str = "") -> None:
        super().__init__(_KINDS.get(failure, Kind.UNSUPPORTED), what, subject=subject, remedy=remedy)
        self.failure = failure


class Answer(NamedTuple):
    """What a client is told."""

    response: bytes
    """TimeStampResp DER."""
    failure: PKIFailureInfo | None = None
    """Why there is no token in it."""


def granted(token: bytes) -> bytes:
    """TimeStampResp DER that carries a token."""
    return der.sequence(_GRANTED, token)


def rejected(failure: PKIFailureInfo, text: str) -> bytes:
    """TimeStampResp DER without a token; the text is for people."""
    status = der.sequence(_REJECTION, der.sequence(der.utf8(text)), der.named_bits(failure))
    return der.sequence(status)


def token_of(response: bytes) -> bytes:
    """The token in a TimeStampResp, its original bytes. `YinxinError` if the authority refused, in its own words."""
    try:
        content = parser.parse(response, strict=True)[4]
        size = sum(len(part) for part in parser.parse(content)[3:6])
        status = tsp.PKIStatusInfo.load(content[:size], strict=True)
        granted_or_not = status["status"].native
        words = "; ".join(status["status_string"].native or ())
        reasons = ", ".join(sorted(status["fail_info"].native or ()))
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("not a time-stamp response (RFC 3161)")) from error
    if granted_or_not not in _STATUS_NAMES:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("the time-stamping authority refused: {reason}").format(
                reason=" - ".join(part for part in (reasons, words) if part) or granted_or_not
            ),
        )
    if len(content) == size:
        raise YinxinError(Kind.INVALID, _("a time-stamp response that grants a token and carries none"))
    token: bytes = content[size:]
    return token


def find_token(data: bytes) -> bytes:
    """The token in what may be a TimeStampResp or the token alone; `YinxinError` if it is neither, or a refusal."""
    try:
        first = parser.parse(parser.parse(data, strict=True)[4])[2]
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("neither a time-stamp token nor a response (DER)")) from error
    # ContentInfo begins with an object identifier, TimeStampResp with a SEQUENCE.
    return data if first == der.OID else token_of(data)
