"""On which terms an attribute certificate is issued: briefly and beyond recall, or for longer and revocable."""

from datetime import timedelta
from enum import StrEnum


class Terms(StrEnum):
    """The two profiles of RFC 5755 4.3.4 to 4.3.6. What they mean never changes: another meaning gets another name."""

    SHORT_LIVED = "short-lived"
    """With noRevAvail: it ends before anybody would have heard of a revocation."""
    REVOCABLE = "revocable"
    """With the addresses of its status (OASP) and of the revocation list."""

    @property
    def longest(self) -> timedelta:
        """How long such a certificate may last."""
        return timedelta(hours=24) if self is Terms.SHORT_LIVED else timedelta(days=366)
