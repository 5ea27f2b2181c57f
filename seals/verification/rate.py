"""How much of the page one client may have, and all clients together."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import TooManyRequests
from werkzeug.wrappers import Request

from core.errors import Kind, YinxinError
from core.i18n import _

AT_ONCE = 4
"""Documents that are judged at the same time."""
PATIENCE = 20
"""Seconds that a client waits for a turn."""
_CLIENTS = 10_000
"""So many addresses are remembered; who has not come for longest is forgotten."""


class Rate:
    """A bucket for each address, which fills by so many a minute; 0: no bound."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """What is left, and as of when (monotonic seconds)."""
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def admit(self, client: str) -> None:
        """Count a request; `TooManyRequests` if there were too many."""
        if not self._per_minute:
            return
        now = time.monotonic()
        with self._lock:
            left, since = self._buckets.pop(client, (float(self._per_minute), now))
            left = min(self._per_minute, left + (now - since) * self._per_minute / 60)
            self._buckets[client] = (max(0.0, left - 1), now)
            if len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
        if left < 1:
            raise TooManyRequests

    @contextmanager
    def one_of_few(self) -> Iterator[None]:
        """A turn; `YinxinError` (unavailable) if none is to be had for long."""
        if not self._turns.acquire(timeout=PATIENCE):
            raise YinxinError(Kind.UNAVAILABLE, _("too much is being verified now"), remedy=_("try again in a minute"))
        try:
            yield
        finally:
            self._turns.release()


def client_of(asking: Request, edges: tuple[str, ...]) -> str:
    """The client's address; what a TLS edge says of it is believed only where the edge connects from."""
    address = asking.remote_addr or ""
    forwarded = asking.headers.get("X-Forwarded-For", "")
    # The last one is what our edge itself saw; those before it, anybody may have written.
    return forwarded.rpartition(",")[2].strip() if address in edges and forwarded else address
