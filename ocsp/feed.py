"""Whose status has changed: asked a few times a second, so that kept answers are known to be true still.

An answer is good for so long as the last look into the books is recent. Where the books cannot be looked into, nothing
that was kept is given out any more: then each question is answered from the books, or with tryLater.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from core.algorithms import DIGESTS
from core.asn1 import der
from ocsp.cache import AnswerCache
from ocsp.request import cert_id
from ocsp.status import Issuer

log = logging.getLogger(__name__)

INTERVAL = 0.2
"""Seconds from one look to the next."""
TRUSTED = 0.8
"""Seconds after the beginning of a look for which it holds: a change shows within a second."""


class Changes(Protocol):
    """What tells of changes: the shape of `ca.status.StatusReader`."""

    def position(self) -> int:
        """A number that grows with each change, in the order in which they are committed."""
        ...

    def changes(self, after: int) -> tuple[int, Iterable[tuple[int, int]]]:
        """The position now, and (issuer's id, serial number) of whatever has changed since the earlier position."""
        ...

    def next_crl(self, issuer_id: int) -> datetime | None:
        """When the CRL in force says that there will be another."""
        ...


class Feed:
    """Keeps a cache true, in a thread of its own."""

    def __init__(
        self,
        source: Changes,
        issuers: Iterable[Issuer],
        cache: AnswerCache,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._issuers = {issuer.id: issuer for issuer in issuers}
        self._cache = cache
        self._monotonic = monotonic
        self._position: int | None = None
        self._next_crls: dict[int, datetime | None] = {}
        self._trusted_until = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ocsp-feed", daemon=True)

    @property
    def trusted(self) -> bool:
        """Whether what is kept may be given out now."""
        return self._monotonic() < self._trusted_until

    def next_crl(self, issuer_id: int) -> datetime | None:
        """nextUpdate of the issuer's CRL, as of the last look; from the books where that does not hold."""
        known = self._next_crls
        return known[issuer_id] if self.trusted and issuer_id in known else self._source.next_crl(issuer_id)

    def start(self) -> None:
        """Look now, and from then on by itself."""
        self._look_and_log()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Forget what has changed since the last look."""
        begin = self._monotonic()
        next_crls = {number: self._source.next_crl(number) for number in self._issuers}
        if self._position is None:
            self._position = self._source.position()
            self._cache.clear()
        else:
            self._position, changed = self._source.changes(self._position)
            if cert_ids := [one for change in changed for one in self._cert_ids(*change)]:
                self._cache.forget(cert_ids)
        before, self._next_crls = self._next_crls, next_crls
        if any(_earlier(moment, before.get(number)) for number, moment in next_crls.items()):
            self._cache.clear()  # no answer outlives the CRL; what is signed by the former time now is not kept
        self._trusted_until = begin + TRUSTED

    def _cert_ids(self, issuer_id: int, serial: int) -> Iterable[bytes]:
        """How the certificate can be named."""
        issuer = self._issuers.get(issuer_id)
        if issuer is None:
            return
        for digest in DIGESTS.values():
            named = cert_id(issuer, serial, digest)
            yield named.encoded
            yield der.sequence(  # without parameters
                der.sequence(der.oid(digest.oid)),
                der.octet_string(named.issuer_name_hash),
                der.octet_string(named.issuer_key_hash),
                der.integer(serial),
            )

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL):
            self._look_and_log()

    def _look_and_log(self) -> None:
        try:
            self.look()
        except Exception as error:  # noqa: BLE001 - the thread must go on; what was kept is not trusted meanwhile
            log.error("changes of status cannot be read: %s", error)


def _earlier(moment: datetime | None, than: datetime | None) -> bool:
    return moment is not None and (than is None or moment < than)
