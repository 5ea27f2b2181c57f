"""A timestamper that was handed in, for one seal; every answer is checked before it is used."""

from core.algorithms import Digest
from seals.contracts import Timestamper
from seals.tokens import Token, checked_token

token_octets: dict[bytes, int] = {}
"""How long the last time-stamp token was, by the certificate (DER) of the seal that it was given to."""


class CheckedTimeStamper:
    """Asks the timestamper, and takes only tokens that answer the question."""

    def __init__(self, source: Timestamper, asker: bytes) -> None:
        """`asker`: the certificate (DER) of the seal."""
        self._source = source
        self._asker = asker
        self._newest: Token | None = None

    def stamp(self, digest: Digest, value: bytes) -> bytes:
        """A token (DER) over the digest's value; `YinxinError` (unavailable) if none can be had."""
        self._newest = checked_token(self._source, digest, value)
        token_octets[self._asker] = len(self._newest.token)
        return self._newest.token

    def octets(self, digest: Digest) -> int:
        """Of a token as it was given to this seal last; the first time, a dry run finds out."""
        if self._asker not in token_octets:
            self.stamp(digest, bytes(digest.size))
        return token_octets[self._asker]

    def taken(self) -> list[Token]:
        """The last answer, once; none if there was no other since."""
        newest, self._newest = self._newest, None
        return [newest] if newest else []
