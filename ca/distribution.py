"""Where an authority's revocation lists are, and which certificate is on which.

Certificates bear the addresses (RFC 5280 4.2.1.13) and lists repeat them (5.2.5), so that how the lists are split is
fixed when the authority is created.
"""

from dataclasses import dataclass

from core.config import UrlSettings


def list_name(authority: str, *, shard: int | None = None, delta: bool = False) -> str:
    """The last part of a list's address: `NAME.crl`, `NAME/3.crl`, `NAME/delta.crl`, `NAME/3-delta.crl`."""
    parts = [str(shard)] if shard is not None else []
    parts += ["delta"] if delta else []
    return f"{authority}/{'-'.join(parts)}.crl" if parts else f"{authority}.crl"


def lists_address(urls: UrlSettings) -> str:
    """The folder of all lists."""
    return f"{urls.ca.rstrip('/')}/crl"


@dataclass(frozen=True)
class Distribution:
    """How the lists of an authority are split."""

    shards: int = 1
    """Among how many lists its certificates are divided."""
    deltas: bool = False
    """Whether there are delta CRLs between the full ones."""
    address: str = ""
    """The folder of the lists as it was at the authority's creation; kept where lists themselves name it."""

    def shard_of(self, serial: int) -> int:
        """On which list a certificate is. Serial numbers are random, so that the lists are equally long."""
        return serial % self.shards

    def name(self, authority: str, shard: int, *, delta: bool = False) -> str:
        """The list's name in addresses."""
        return list_name(authority, shard=shard if self.shards > 1 else None, delta=delta)

    def location(self, authority: str, shard: int, *, delta: bool = False) -> str:
        """Where the list is, as certificates and lists say."""
        return f"{self.address}/{self.name(authority, shard, delta=delta)}"


UNDIVIDED = Distribution()
"""One list."""
