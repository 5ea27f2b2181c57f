"""Requests over HTTP: enter, amend, decide on, issue, deliver, list, look up."""

from core.api.operation import Operations
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import issuance, requests
from ra.delivery import delivered
from ra.dossiers import place_of
from ra.http_desk import Desk
from ra.http_models import (
    Delivered,
    EntryModel,
    Issued,
    IssuedList,
    ListQuery,
    Place,
    Places,
    PlacesQuery,
    RequestPage,
    RequestRecord,
    RequestState,
    SignedContent,
    SignedOrders,
    SignedStatement,
    StoredModel,
)
from ra.register import Record, StoredCertificate, list_requests, look_up, visible_among
from ra.statements import Act, verify_statement

operations = Operations()


@operations.get("/requests", "List requests, page by page, in the order of their entry.")
def list_of_requests(desk: Desk, query: ListQuery) -> RequestPage:
    """List requests."""
    page = list_requests(desk.context, desk.session, query.filter(), after=query.after, limit=query.limit)
    return RequestPage(entries=[EntryModel(**vars(entry)) for entry in page.entries], next=page.next)


@operations.post("/requests", "Enter a request: its canonical content, and the statement (enter) about it.")
def enter_request(desk: Desk, body: SignedContent) -> RequestState:
    """Enter a request."""
    state = requests.submit_entry(desk.context, desk.receive(body.statement), body.content)
    return RequestState(number=_subject(body.statement), state=state)


@operations.get("/requests/next-statements", "Where the next statements about requests belong.")
def next_statements(desk: Desk, query: PlacesQuery) -> Places:
    """Tell the places."""
    seen = visible_among(desk.context, desk.session, query.number)
    for number in query.number:
        if number not in seen:
            # Says which of the two it is: no such request, or not one for this operator's eyes.
            look_up(desk.context, desk.session, number)
    found = [(number, place_of(desk.context, number)) for number in query.number]
    return Places(places=[Place(subject=number, sequence=place, digest=digest) for number, (place, digest) in found])


@operations.post("/requests/issue", "Have certificates made: statements (issue) about approved requests.")
def issue_requests(desk: Desk, body: SignedOrders) -> IssuedList:
    """Issue."""
    orders = [desk.receive(message) for message in body.statements]
    made = issuance.submit_orders(desk.context, desk.authority, orders)
    numbers = map(_subject, orders)
    return IssuedList(
        issued=[
            Issued(number=number, authority=one.authority, serial=serial_text(one.serial))
            for number, one in zip(numbers, made, strict=True)
        ]
    )


@operations.get("/requests/{number}", "One request: its content, its signed statements, its certificates.")
def show_request(desk: Desk, number: str) -> RequestRecord:
    """Look up a request."""
    record = look_up(desk.context, desk.session, number)
    desk.etag = _etag(record)
    return RequestRecord(
        entry=EntryModel(**vars(record.entry)),
        digest=record.digest,
        content=record.content,
        earlier=record.earlier,
        statements=[signed.message for signed in record.statements],
        certificates=_stored(record.certificates),
        intact=record.intact,
    )


@operations.post("/requests/{number}/amendments", "Put another holder or key into a request (amend).")
def amend_request(desk: Desk, number: str, body: SignedContent) -> RequestState:
    """Amend a request."""
    _require_about(desk, body.statement, number)
    state = requests.submit_amendment(desk.context, body.statement, body.content)
    return RequestState(number=number, state=state)


@operations.post("/requests/{number}/decisions", "Approve, reject or withdraw a request, as the statement says.")
def decide_request(desk: Desk, number: str, body: SignedStatement) -> RequestState:
    """Decide on a request."""
    _require_about(desk, body.statement, number, Act.APPROVE, Act.REJECT, Act.WITHDRAW)
    return RequestState(number=number, state=requests.submit(desk.context, body.statement))


@operations.post("/requests/{number}/delivery", "Record the delivery (deliver), and get the certificates.")
def deliver_request(desk: Desk, number: str, body: SignedStatement) -> Delivered:
    """Deliver."""
    _require_about(desk, body.statement, number, Act.DELIVER)
    return Delivered(number=number, certificates=_stored(delivered(desk.context, body.statement)))


def _require_about(desk: Desk, message: bytes, number: str, *acts: Act) -> None:
    """Return if the caller's statement is about the request of the address, which is as the caller has seen it."""
    statement = verify_statement(desk.receive(message)).statement
    if statement.subject != number or (acts and statement.act not in acts):
        raise YinxinError(Kind.INVALID, _("the statement is about something else"), subject=number)
    if desk.if_match:
        desk.require_unchanged(_etag(look_up(desk.context, desk.session, number)))


def _etag(record: Record) -> str:
    return f"{record.digest}-{len(record.statements)}-{record.entry.state.value}"


def _stored(certificates: list[StoredCertificate]) -> list[StoredModel]:
    return [
        StoredModel(
            authority=one.authority, serial=serial_text(one.serial), certificate=one.certificate, envelope=one.envelope
        )
        for one in certificates
    ]


def _subject(message: bytes) -> str:
    return verify_statement(message).statement.subject
