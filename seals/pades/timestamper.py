"""A timestamper that was handed in, in the shape that pyHanko asks; every answer is checked before it is used."""

import secrets

from asn1crypto import cms as asn1_cms
from asn1crypto import tsp, x509
from pyhanko.sign.timestamps import TimeStamper as PyhankoTimeStamper

from core import cms
from core.algorithms import DIGESTS, Digest
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Timestamper

TST_INFO = "1.2.840.113549.1.9.16.1.4"
NONCE_BITS = 64


class CheckedTimeStamper(PyhankoTimeStamper):
    """Asks the timestamper, and takes only tokens that answer the question."""

    def __init__(self, source: Timestamper) -> None:
        super().__init__()
        self._source = source
        self.certificates: list[bytes] = []
        """DER; those in the newest token."""

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> asn1_cms.ContentInfo:
        """A token over this digest; `YinxinError` (unavailable) if none can be had."""
        digest = DIGESTS[md_algorithm]
        nonce = secrets.randbits(NONCE_BITS)
        token = self._source.stamp(digest, message_digest, nonce)
        try:
            _check(token, digest, message_digest, nonce)
        except (YinxinError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the time-stamping authority's answer cannot be used: {reason}").format(reason=error),
                remedy=_("check which time-stamping authority is configured; nothing was sealed"),
            ) from error
        message = asn1_cms.ContentInfo.load(token)
        self.certificates = [one.chosen.dump() for one in message["content"]["certificates"]]
        return message


def _check(token: bytes, digest: Digest, value: bytes, nonce: int) -> None:
    """Check an answer as RFC 3161 2.2 tells the requester to; whether to trust the authority is asked elsewhere."""
    signed = cms.check(token)
    if signed.content_type != TST_INFO:
        raise ValueError(_("it is not a time-stamp token"))
    info = tsp.TSTInfo.load(signed.content, strict=True)
    imprint = info["message_imprint"]
    if imprint["hash_algorithm"]["algorithm"].dotted != digest.oid or imprint["hashed_message"].native != value:
        raise ValueError(_("it is a time stamp over other data"))
    if info["nonce"].native != nonce:
        raise ValueError(_("it answers another request"))
    purposes = x509.Certificate.load(signed.certificate).extended_key_usage_value
    if purposes is None or purposes.native != ["time_stamping"]:
        raise ValueError(_("its signer is not a time-stamping authority"))
