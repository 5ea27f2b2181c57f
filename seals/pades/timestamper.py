"""A timestamper that was handed in, in the shape that pyHanko asks; every answer is checked before it is used."""

from asn1crypto import cms as asn1_cms
from pyhanko.sign.timestamps import TimeStamper as PyhankoTimeStamper

from core.algorithms import DIGESTS
from seals.contracts import Timestamper
from seals.tokens import checked_stamp


class CheckedTimeStamper(PyhankoTimeStamper):
    """Asks the timestamper, and takes only tokens that answer the question."""

    def __init__(self, source: Timestamper) -> None:
        super().__init__()
        self._source = source
        self.certificates: list[bytes] = []
        """DER; those in the newest token."""

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> asn1_cms.ContentInfo:
        """A token over this digest; `YinxinError` (unavailable) if none can be had."""
        token = checked_stamp(self._source, DIGESTS[md_algorithm], message_digest)
        message = asn1_cms.ContentInfo.load(token)
        self.certificates = [one.chosen.dump() for one in message["content"]["certificates"]]
        return message
