"""Orders about many certificates, and what ends soon, at this machine."""

import dataclasses
from datetime import timedelta

from ca.state import Reason
from core.context import Context
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from ra import revocation_batches as batches
from ra.aftermath import follow_up
from ra.expiry import ExpiringPage, ExpiryFilter, list_expiring
from ra.operators import OperatorSession
from ra.register import PAGE
from ra.revocation_batches import Batch, CarriedOut, Entry
from ra.revocation_orders import Line, RevocationOrder, draw_up
from ra.revocation_selection import Selection, choose
from ra.statements import Act


class LocalRevocations:
    """A `RevocationOffice` in this installation's home."""

    def __init__(self, home: Home, session: OperatorSession | None = None) -> None:
        self._home = home
        self._opened = session

    @property
    def _context(self) -> Context:
        return self._home.context

    @property
    def _session(self) -> OperatorSession:
        """There is always one where the command asks for an operator."""
        if self._opened is None:
            raise YinxinError(Kind.FORBIDDEN, _("this is done by an operator"), remedy=_("give --as and --key"))
        return self._opened

    def expiring(
        self, within: timedelta, wanted: ExpiryFilter, *, after: int | None = None, limit: int = PAGE
    ) -> ExpiringPage:
        """One page of certificates that end soon."""
        return list_expiring(self._context, self._session, within, wanted, after=after, limit=limit)

    def draw_up_revocations(self, reason: Reason, selection: Selection) -> tuple[RevocationOrder, list[Line]]:
        """The order to revoke what is selected."""
        chosen = choose(self._context, self._session, selection)
        return draw_up(self._context, self._session, reason, chosen)

    def enter_revocations(self, order: RevocationOrder) -> str:
        """Enter an order; its number."""
        return batches.enter(self._context, self._session, order)

    def decide_revocations(self, number: str, act: Act, why: str = "", digest: str | None = None) -> CarriedOut:
        """Approve and so carry out, reject or withdraw an order."""
        done = batches.decide(self._context, self._session, number, act, why, digest)
        missed = follow_up(self._home, done.authorities, done.reason, actor=self._session.name)
        return dataclasses.replace(done, missed=missed)

    def list_revocations(self) -> list[Entry]:
        """The newest orders."""
        return batches.list_batches(self._context, self._session)

    def look_up_revocations(self, number: str) -> tuple[Batch, list[Line]]:
        """An order, and its certificates as they stand now."""
        return batches.look_up(self._context, self._session, number)
