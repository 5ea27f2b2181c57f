"""A timestamper that was handed in, in the shape that pyHanko asks; every answer is checked before it is used."""

from asn1crypto import cms as asn1_cms
from pyhanko.sign.timestamps import TimeStamper as PyhankoTimeStamper

from core.algorithms import DIGESTS, Digest
from seals.contracts import Timestamper
from seals.tokens import Token, checked_token


class CheckedTimeStamper(PyhankoTimeStamper):
    """Asks the timestamper, and takes only tokens that answer the question."""

    def __init__(self, source: Timestamper) -> None:
        super().__init__()
        self._source = source
        self.newest: Token | None = None
        """The last answer."""

    def stamp(self, digest: Digest, value: bytes) -> bytes:
        """A token (DER) over the digest's value; `YinxinError` (unavailable) if none can be had."""
        self.newest = checked_token(self._source, digest, value)
        return self.newest.token

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> asn1_cms.ContentInfo:
        """The same, as pyHanko asks."""
        return asn1_cms.ContentInfo.load(self.stamp(DIGESTS[md_algorithm], message_digest))

    @property
    def certificates(self) -> list[bytes]:
        """DER; those in the newest token."""
        if self.newest is None:
            return []
        return [one.chosen.dump() for one in asn1_cms.ContentInfo.load(self.newest.token)["content"]["certificates"]]
