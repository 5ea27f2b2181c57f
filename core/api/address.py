"""Where a service for people is, and how the requests that they sign are told from others."""

from dataclasses import dataclass
from pathlib import Path

TAG = "yinxin-ra"
"""Of signatures by which people prove who asks, whichever interface they ask."""


@dataclass(frozen=True)
class Server:
    """Where a service is."""

    url: str
    ca_file: Path | None = None
    """Whom to trust for TLS; else whom this machine trusts."""
