"""Batches over HTTP: open, fill, start, ask, fetch, cancel."""

from core.api.operation import Operations
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.api.desk import Desk
from seals.api.models import (
    Added,
    BatchEntry,
    BatchesQuery,
    BatchPage,
    BatchToOpen,
    DocumentEntry,
    DocumentPage,
    DocumentQuery,
    DocumentsQuery,
    Pdf,
)
from seals.api.passwords import HEADERS
from seals.api.seals import LONGEST
from seals.batches import batches
from seals.batches.batches import Batch
from seals.batches.passwords import concealed

operations = Operations()


@operations.post("/batches", "Open a batch of documents to seal.")
def open_batch(desk: Desk, body: BatchToOpen) -> BatchEntry:
    """Open a batch."""
    return _state(desk, batches.open_batch(desk.context, desk.caller, body.seal, body.terms))


@operations.post("/batches/{number}/documents", "Put a document into the batch.", limit=LONGEST, headers=HEADERS)
def add_document(desk: Desk, number: str, file: Pdf, query: DocumentQuery) -> Added:
    """Add a document."""
    name = query.name or file.name
    password = concealed(desk.keys, desk.password) if desk.password is not None else None
    return Added(position=batches.add_document(desk.context, desk.caller, number, name, file.content, password))


@operations.post("/batches/{number}/start", "Have the documents of the batch sealed.")
def start_batch(desk: Desk, number: str) -> BatchEntry:
    """Start a batch."""
    batches.start(desk.context, desk.caller, number)
    return _state(desk, number)


@operations.post("/batches/{number}/cancel", "Seal nothing more of the batch.")
def cancel_batch(desk: Desk, number: str) -> BatchEntry:
    """Cancel a batch."""
    batches.cancel(desk.context, desk.caller, number)
    return _state(desk, number)


@operations.get("/batches", "The caller's batches, the newest first.")
def list_batches(desk: Desk, query: BatchesQuery) -> BatchPage:
    """List batches."""
    found = batches.list_batches(desk.context, desk.caller, before=query.before, limit=query.limit)
    return BatchPage(batches=list(map(_entry, found)))


@operations.get("/batches/{number}", "Where the batch stands.")
def show_batch(desk: Desk, number: str) -> BatchEntry:
    """Show a batch."""
    return _state(desk, number)


@operations.get("/batches/{number}/documents", "What became of the documents of the batch.")
def list_documents(desk: Desk, number: str, query: DocumentsQuery) -> DocumentPage:
    """List documents."""
    found = batches.documents_of(desk.context, desk.caller, number, after=query.after, limit=query.limit)
    return DocumentPage(documents=[DocumentEntry(**vars(one)) for one in found])


@operations.get("/batches/{number}/documents/{position}", "A sealed document of the batch.")
def fetch_document(desk: Desk, number: str, position: str) -> Pdf:
    """Fetch a document."""
    if not (position.isascii() and position.isdecimal() and len(position) <= 5):
        raise YinxinError(Kind.NOT_FOUND, _("the batch has no such document"), subject=f"{number}/{position}")
    name, content = batches.sealed_document(desk.context, desk.caller, number, int(position))
    return Pdf(content, name)


def _state(desk: Desk, number: str) -> BatchEntry:
    return _entry(batches.look_up(desk.context, desk.caller, number))


def _entry(batch: Batch) -> BatchEntry:
    facts = {name: value for name, value in vars(batch).items() if name != "caller"}
    return BatchEntry(**facts)
