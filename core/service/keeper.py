"""Keeping a service's certificates fresh while it answers: ask in time, take up what was issued, warn when late.

Every worker process has a keeper; one at a time renews, all of them take up what lies in the home. Whatever fails is
logged and tried again: the service goes on with what it has.
"""

import logging
import threading
from collections.abc import Callable

from core.errors import YinxinError
from core.home import Authority, Home
from core.service.installed import installed, newest
from core.service.renewal import renew

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60


class Keeper:
    """Renews the certificates of one service of an installation."""

    def __init__(self, home: Home, authority: Authority, take_up: Callable[[], None], *, when_expired: str) -> None:
        """`take_up`: serve by what is installed now; `when_expired`: what clients are told then, for the log."""
        self._home, self._authority = home, authority
        self._take_up_installed, self._when_expired = take_up, when_expired
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
                log.error("certificates of %s cannot be renewed now: %s", self._authority, error)
            except Exception:
                log.exception("certificates of %s cannot be renewed now", self._authority)

    def _renew(self) -> None:
        done = renew(self._home, self._authority)
        if done:
            log.info("asked for %s, installed %s, removed %s", done.asked, done.installed, done.removed)

    def _take_up(self) -> None:
        now = self._home.clock.now()
        certificates = {one.certificate for one in installed(self._home, self._authority) if now <= one.not_after}
        if certificates != self._certificates:
            self._take_up_installed()
            self._certificates = certificates

    def _warn(self) -> None:
        now = self._home.clock.now()
        for one in newest(self._home, self._authority):
            if now > one.not_after:
                log.error("%s expired on %s: %s", one.path.name, one.not_after, self._when_expired)
            elif now >= one.overdue_at:
                log.warning("%s ends on %s, and no new one was issued yet", one.path.name, one.not_after)
