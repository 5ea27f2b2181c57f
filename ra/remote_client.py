"""The client of `/api/ra/v1`, for one operator."""

import httpx

from core.api.address import Server
from core.api.signed_client import SignedClient, segment
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from ra.register import MAXIMUM_PAGE

__all__ = ["RemoteClient", "check_limit", "segment"]

PREFIX = "/api/ra/v1"


class RemoteClient(SignedClient):
    """A connection to an office, for one operator."""

    def __init__(
        self, server: Server, name: str, signer: Signer, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        super().__init__(server, PREFIX, name, signer, clock, transport)


def check_limit(limit: int) -> None:
    """Return if a page may have so many rows."""
    if not 1 <= limit <= MAXIMUM_PAGE:
        raise YinxinError(Kind.INVALID, _("a page has 1 to {maximum} rows").format(maximum=MAXIMUM_PAGE))
