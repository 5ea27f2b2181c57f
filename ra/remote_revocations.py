"""Orders about many certificates, and what ends soon, at a distance.

The office draws an order up; here it is compared with what was asked for before it is signed.
"""

from collections.abc import Callable
from datetime import timedelta

from ca.register import serial_numbers
from ca.state import Reason
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import http_models as common
from ra import http_revocation_models as wire
from ra.applications import digest_of
from ra.expiry import ExpiringPage, ExpiryFilter
from ra.moves import History, Version
from ra.register import PAGE
from ra.remote_client import check_limit, segment
from ra.remote_people import RemotePeople
from ra.revocation_batches import (
    PREFIX,
    Batch,
    CarriedOut,
    Entry,
    new_number,
    require_words,
)
from ra.revocation_orders import Line, RevocationOrder, parse_order
from ra.revocation_selection import Selection
from ra.statements import Act, verify_statement


class RemoteRevocations(RemotePeople):
    """A `RevocationOffice` at a distance."""

    def expiring(
        self, within: timedelta, wanted: ExpiryFilter, *, after: int | None = None, limit: int = PAGE
    ) -> ExpiringPage:
        """One page of certificates that end soon."""
        check_limit(limit)
        page = self._client.get(
            "/certificates/expiring",
            wire.ExpiringCertificates,
            within_days=within.days,
            after=after,
            limit=limit,
            **vars(wanted),
        )
        return ExpiringPage([one.expiring() for one in page.found], page.next)

    def draw_up_revocations(self, reason: Reason, selection: Selection) -> tuple[RevocationOrder, list[Line]]:
        """The order to revoke what is selected."""
        asked = wire.RevocationSelection.of(reason, selection)
        draft = self._client.post("/revocations/drafts", asked, wire.RevocationDraft)
        order, lines = parse_order(draft.content), [one.line() for one in draft.lines]
        named = [(one.authority, int(one.serial, 16)) for one in order.certificates]
        as_asked = (order.reason, order.branch) == (reason, self._office.me.branch)
        if not as_asked or named != [(one.authority, one.serial) for one in lines] or not _fits(lines, selection):
            raise YinxinError(
                Kind.CONFLICT, _("the office drew up another order than was asked for"), remedy=_("tell the auditor")
            )
        return order, lines

    def enter_revocations(self, order: RevocationOrder) -> str:
        """Enter an order; its number."""
        content, number = order.canonical(), new_number(self._clock.now())
        statement = self._sign(Act.ENTER, PREFIX + number, 1, digest_of(content), order.reason.value)
        body = common.SignedContent(statement=statement, content=content)
        return self._client.post("/revocations", body, wire.RevocationState).number

    def decide_revocations(self, number: str, act: Act, why: str = "", digest: str | None = None) -> CarriedOut:
        """Approve and so carry out, reject or withdraw an order."""
        require_words(act, why, number)
        path = f"/revocations/{segment(number)}/decisions"

        def attempt() -> tuple[int, Callable[[], CarriedOut]]:
            history = self.look_up_revocations(number)[0].history
            place = len(history.statements) + 1

            def submit() -> CarriedOut:
                statement = self._sign(act, PREFIX + number, place, digest or history.digest, why)
                body = common.SignedStatement(statement=statement)
                done = self._client.post(path, body, wire.RevocationOutcome)
                return CarriedOut(
                    done.state, done.revoked, done.passed_over, tuple(done.authorities), done.reason, tuple(done.missed)
                )

            return place, submit

        return self._insist(attempt)

    def list_revocations(self) -> list[Entry]:
        """The newest orders."""
        return [Entry(**vars(one)) for one in self._client.get("/revocations", wire.RevocationList).orders]

    def look_up_revocations(self, number: str) -> tuple[Batch, list[Line]]:
        """An order, and its certificates as they stand now; signatures are checked here, whatever the office says."""
        record = self._client.get(f"/revocations/{segment(number)}", wire.RevocationRecord)
        statements = [verify_statement(message).statement for message in record.statements]
        history = History(PREFIX + number, Version(digest_of(record.content), 1), statements)
        batch = Batch(0, number, record.content, parse_order(record.content), history, tuple(record.statements))
        return batch, [one.line() for one in record.lines]


def _fits(lines: list[Line], selection: Selection) -> bool:
    """Whether every certificate was asked for, as far as that can be seen from here."""
    if selection.listed is not None:
        wanted = {(number, one.authority) for one in selection.listed for number in serial_numbers(one.serial)}
        return all({(line.serial, line.authority), (line.serial, "")} & wanted for line in lines)
    return selection.unit is None or all(line.unit == selection.unit for line in lines)
