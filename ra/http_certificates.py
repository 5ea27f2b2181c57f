"""Holders' certificates over HTTP: find, list, revoke, hold, resume."""

from ca.authorities import chain_of
from ca.register import Filter
from ca.state import Reason
from core.api.operation import Operations
from core.certificates import serial_text
from ra import revocation
from ra.aftermath import follow_up
from ra.exporting import certificate_page
from ra.http_desk import Desk
from ra.http_models import (
    CertificateQuery,
    Chain,
    FindingsModel,
    FoundModel,
    Ordered,
    OrderPlace,
    OrderQuery,
    Rows,
    SearchQuery,
    SignedStatement,
)
from ra.search import search
from ra.statements import Act, verify_statement

operations = Operations()


@operations.get("/certificates", "List certificates of requests, page by page, for exports.")
def list_certificates(desk: Desk, query: CertificateQuery) -> Rows:
    """List certificates."""
    wanted = Filter(
        state=query.certificate_state,
        profile=query.certificate_profile,
        expires_from=query.certificate_expires_from,
        expires_before=query.certificate_expires_before,
    )
    rows, following = certificate_page(
        desk.context, desk.session, wanted, query.filter(), after=query.after, limit=query.limit
    )
    return Rows(rows=[dict(row) for row in rows], next=following)


# Posted, because addresses are logged, and what is searched for may be personal.
@operations.post("/certificates/search", "Find certificates by what people know of them.", writes=False)
def search_certificates(desk: Desk, body: SearchQuery) -> FindingsModel:
    """Find certificates."""
    findings = search(desk.context, desk.session, body.by, body.what, after=body.after, limit=body.limit)
    return FindingsModel(
        found=[FoundModel(**(vars(one) | {"serial": serial_text(one.serial)})) for one in findings.found],
        next=findings.next,
    )


@operations.get("/certificates/next-order", "Where the next order about a certificate belongs.")
def next_order(desk: Desk, query: OrderQuery) -> OrderPlace:
    """Tell the place."""
    place = revocation.next_order(desk.context, desk.session, query.serial, query.authority)
    return OrderPlace(**(vars(place) | {"serial": serial_text(place.serial)}), subject=place.subject)


@operations.post("/certificates/orders", "Revoke, hold or resume a certificate, as the statement says.")
def order(desk: Desk, body: SignedStatement) -> Ordered:
    """Carry out an order."""
    message = desk.receive(body.statement)
    revocation.submit_order(desk.context, message)
    statement = verify_statement(message).statement
    if statement.act is not Act.REVOKE:
        return Ordered(missed=[])
    authority = statement.subject.rpartition("/")[0]
    missed = follow_up(desk.home, [authority], Reason(statement.decision), actor=desk.caller.name)
    return Ordered(missed=list(missed))


@operations.get("/authorities/{name}/chain", "An authority's certificate and those above it, up to the root.")
def authority_chain(desk: Desk, name: str) -> Chain:
    """Get a chain."""
    return Chain(certificates=list(chain_of(desk.home.storage, name)))
