"""What an office does about many certificates: those that end soon, and orders to revoke many."""

from datetime import timedelta
from typing import Protocol

from ca.state import Reason
from ra.expiry import ExpiringPage, ExpiryFilter
from ra.register import PAGE
from ra.revocation_batches import Batch, CarriedOut, Entry
from ra.revocation_orders import Line, RevocationOrder
from ra.revocation_selection import Selection
from ra.statements import Act


class RevocationOffice(Protocol):
    """Part of `ra.office.RegistrationOffice`."""

    def expiring(
        self, within: timedelta, wanted: ExpiryFilter, *, after: int | None = None, limit: int = PAGE
    ) -> ExpiringPage:
        """One page of certificates that end soon."""
        ...

    def draw_up_revocations(self, reason: Reason, selection: Selection) -> tuple[RevocationOrder, list[Line]]:
        """The order to revoke what is selected, and a line for each certificate; nothing is written."""
        ...

    def enter_revocations(self, order: RevocationOrder) -> str:
        """Enter an order; its number."""
        ...

    def decide_revocations(self, number: str, act: Act, why: str = "", digest: str | None = None) -> CarriedOut:
        """Approve and so carry out, reject or withdraw an order."""
        ...

    def list_revocations(self) -> list[Entry]:
        """The newest orders."""
        ...

    def look_up_revocations(self, number: str) -> tuple[Batch, list[Line]]:
        """An order, and its certificates as they stand now."""
        ...
