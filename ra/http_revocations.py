"""Orders to revoke many certificates over HTTP: drawn up here, signed by the operator, approved by another."""

import dataclasses
from datetime import timedelta

from core.api.operation import Operations
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import revocation_batches as batches
from ra.aftermath import follow_up
from ra.expiry import list_expiring
from ra.http_desk import Desk
from ra.http_models import SignedContent, SignedStatement
from ra.http_revocation_models import (
    ExpiringCertificates,
    ExpiringModel,
    ExpiringQuery,
    LineModel,
    RevocationDraft,
    RevocationEntry,
    RevocationList,
    RevocationOutcome,
    RevocationRecord,
    RevocationSelection,
    RevocationState,
)
from ra.moves import State
from ra.operators import admit_reader
from ra.refusals import refusals_recorded
from ra.revocation_orders import draw_up
from ra.revocation_selection import choose
from ra.statements import verify_statement

LARGE = 8 << 20
"""Octets: an order about 20,000 certificates."""

operations = Operations()


@operations.get("/certificates/expiring", "List certificates that end soon and have no successor, page by page.")
def list_of_expiring(desk: Desk, query: ExpiringQuery) -> ExpiringCertificates:
    """List what ends soon."""
    within = timedelta(days=query.within_days)
    page = list_expiring(desk.context, desk.session, within, query.filter(), after=query.after, limit=query.limit)
    return ExpiringCertificates(found=[ExpiringModel.of(one) for one in page.found], next=page.next)


@operations.get("/revocations", "List orders to revoke many certificates, the newest first.")
def list_revocations(desk: Desk) -> RevocationList:
    """List orders."""
    found = batches.list_batches(desk.context, desk.session)
    return RevocationList(orders=[RevocationEntry(**vars(one)) for one in found])


@operations.post("/revocations/drafts", "Draw up an order; nothing is entered.", writes=False, limit=LARGE)
def draw_up_revocations(desk: Desk, body: RevocationSelection) -> RevocationDraft:
    """Draw up an order."""
    with (
        refusals_recorded(desk.context, "ra.revocations.read", actor=desk.caller.name, subject=desk.caller.name),
        desk.context.storage.reading() as connection,
    ):
        admit_reader(desk.context, connection, desk.session)
    chosen = choose(desk.context, desk.session, body.selection())
    order, lines = draw_up(desk.context, desk.session, body.reason, chosen)
    return RevocationDraft(content=order.canonical(), lines=[LineModel.of(line) for line in lines])


@operations.post("/revocations", "Enter an order: its content, and the statement (enter) about it.", limit=LARGE)
def enter_revocations(desk: Desk, body: SignedContent) -> RevocationState:
    """Enter an order."""
    message = desk.receive(body.statement)
    batches.submit_entry(desk.context, message, body.content)
    number = verify_statement(message).statement.subject.removeprefix(batches.PREFIX)
    return RevocationState(number=number, state=State.ENTERED)


@operations.get("/revocations/{number}", "One order: its content, its signed statements, how its certificates stand.")
def show_revocations(desk: Desk, number: str) -> RevocationRecord:
    """Look an order up."""
    batch, lines = batches.look_up(desk.context, desk.session, number)
    return RevocationRecord(
        number=number,
        state=batch.state,
        content=batch.content,
        statements=list(batch.messages),
        lines=[LineModel.of(line) for line in lines],
    )


@operations.post(
    "/revocations/{number}/decisions", "Approve an order and so carry it out, reject or withdraw it, as it says."
)
def decide_revocations(desk: Desk, number: str, body: SignedStatement) -> RevocationOutcome:
    """Decide on an order."""
    message = desk.receive(body.statement)
    if verify_statement(message).statement.subject != batches.PREFIX + number:
        raise YinxinError(Kind.INVALID, _("the statement is about something else"), subject=number)
    done = batches.submit(desk.context, message)
    missed = follow_up(desk.home, done.authorities, done.reason, actor=desk.caller.name)
    return RevocationOutcome(number=number, **vars(dataclasses.replace(done, missed=missed)))
