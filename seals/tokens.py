"""Time-stamp tokens from whoever was handed in: every answer is checked before it is used."""

import secrets
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from asn1crypto import tsp, x509

from core import cms
from core.algorithms import Algorithm, Digest
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Timestamper

TST_INFO = "1.2.840.113549.1.9.16.1.4"
NONCE_BITS = 64


class Token(NamedTuple):
    """A time-stamp token that answers what was asked, and what it says. Certificates in DER."""

    token: bytes
    """DER."""
    authority: bytes
    """The certificate of the time-stamping authority."""
    certificates: tuple[bytes, ...]
    """Those that the token carries."""
    algorithm: Algorithm
    at: datetime


def checked_stamp(source: Timestamper, digest: Digest, value: bytes) -> bytes:
    """A token over the digest's value; `YinxinError` (unavailable) if none can be had, or if it answers otherwise."""
    return checked_token(source, digest, value).token


def checked_token(source: Timestamper, digest: Digest, value: bytes) -> Token:
    """The same, and what it says."""
    nonce = secrets.randbits(NONCE_BITS)
    token = source.stamp(digest, value, nonce)
    try:
        info, signed = _checked(token, digest, value)
        if info["nonce"].native != nonce:
            raise ValueError(_("it answers another request"))
        at = info["gen_time"].native
    except (YinxinError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("the time-stamping authority's answer cannot be used: {reason}").format(reason=error),
            remedy=_("check which time-stamping authority is configured; nothing was sealed"),
        ) from error
    return Token(token, signed.certificate, signed.certificates, signed.algorithm, at)


def time_of(token: bytes, digest: Digest, value: bytes) -> tuple[datetime, bytes]:
    """When the digest's value existed by the token, and who says so (DER); `YinxinError` (invalid) if it does not."""
    try:
        info, signed = _checked(token, digest, value)
        at: datetime = info["gen_time"].native
        return at, signed.certificate
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise YinxinError(Kind.INVALID, _("not a time stamp over this: {reason}").format(reason=error)) from error


def _checked(token: bytes, digest: Digest, value: bytes) -> tuple[tsp.TSTInfo, cms.Signed]:
    """Check an answer as RFC 3161 2.2 tells the requester to; whether to trust the authority is asked elsewhere."""
    signed = cms.check(token)
    if signed.content_type != TST_INFO:
        raise ValueError(_("it is not a time-stamp token"))
    info = tsp.TSTInfo.load(signed.content, strict=True)
    imprint = info["message_imprint"]
    if imprint["hash_algorithm"]["algorithm"].dotted != digest.oid or imprint["hashed_message"].native != value:
        raise ValueError(_("it is a time stamp over other data"))
    if not _is_for_time_stamping(signed.certificate):
        raise ValueError(_("its signer is not a time-stamping authority"))
    return info, signed


# Reading a certificate takes as long as checking the token, and the same few authorities answer.
@lru_cache(maxsize=64)
def _is_for_time_stamping(certificate: bytes) -> bool:
    purposes = x509.Certificate.load(certificate).extended_key_usage_value
    return purposes is not None and purposes.native == ["time_stamping"]
