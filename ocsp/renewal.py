"""Keeping the responder's certificates fresh while it answers: ask in time, take up what was issued, warn when late.

Every worker process has a keeper; one at a time renews, all of them take up what lies in the home. Whatever fails is
logged and tried again: the responder goes on with what it has, and answers tryLater when nothing of it is valid.
"""

import logging
import threading

from core.errors import YinxinError
from core.home import Home
from core.service.installed import newest
from core.service.renewal import renew
from ocsp.responder import Responder
from ocsp.service import load_delegations

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60


class Keeper:
    """Renews the certificates of one installation's responder."""

    def __init__(self, home: Home, *responders: Responder) -> None:
        self._home, self._responders = home, responders
        self._certificates: set[bytes] = set()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="renewal", daemon=True).start()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._stopped.set()

    def _run(self) -> None:
        while True:
            self.look()
            if self._stopped.wait(INTERVAL_SECONDS):
                return

    def look(self) -> None:
        """One round; what goes wrong is logged."""
        for step in (self._renew, self._take_up, self._warn):
            try:
                step()
            except YinxinError as error:
                log.error("responder certificates cannot be renewed now: %s", error)
            except Exception:
                log.exception("responder certificates cannot be renewed now")

    def _renew(self) -> None:
        done = renew(self._home, "ocsp")
        if done:
            log.info("asked for %s, installed %s, removed %s", done.asked, done.installed, done.removed)

    def _take_up(self) -> None:
        delegations = load_delegations(self._home)
        certificates = {one.certificate.encoded for one in delegations}
        if certificates != self._certificates:
            for responder in self._responders:
                responder.delegate(delegations)
            self._certificates = certificates

    def _warn(self) -> None:
        now = self._home.clock.now()
        for one in newest(self._home, "ocsp"):
            if now > one.not_after:
                log.error("%s expired on %s: status is refused with tryLater", one.path.name, one.not_after)
            elif now >= one.overdue_at:
                log.warning("%s ends on %s, and no new one was issued yet", one.path.name, one.not_after)
