"""Batches of documents to seal: a calling system fills one, starts it, and fetches what came of it."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _, current_language
from core.words import in_words
from seals.api.api_keys import CallingSystem, Scope, require_use
from seals.batches.records import batch_documents, batches, notifications
from seals.terms import SealingTerms

MAXIMUM_DOCUMENTS = 10_000


class State(StrEnum):
    """Of a batch."""

    OPEN = "open"
    """Documents can be added."""
    STARTED = "started"
    FINISHED = "finished"
    """Every document is sealed, or has failed."""
    CANCELLED = "cancelled"


class DocumentState(StrEnum):
    """Of a document in a batch."""

    WAITING = "waiting"
    SEALED = "sealed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class BatchDocument:
    """What became of a document."""

    position: int
    """The first is 1."""
    name: str
    state: DocumentState
    sha256_before: str
    sha256_after: str | None
    problem: dict[str, str] | None
    """kind, what, subject, remedy."""


@dataclass(frozen=True)
class Batch:
    """Where a batch stands."""

    number: str
    caller: str
    seal: str
    state: State
    made_at: datetime
    finished_at: datetime | None
    counts: dict[str, int]
    """How many documents are in which state."""


def open_batch(context: Context, system: CallingSystem, seal: str, terms: SealingTerms) -> str:
    """A new batch, empty; its number. `YinxinError` if the caller may not, or the terms cannot be met."""
    require_use(system, Scope.BATCHES, seal)
    terms.place()
    number = secrets.token_hex(16)
    content = {"seal": seal, "terms": terms.model_dump(mode="json", exclude_defaults=True)}
    content["language"] = current_language()  # what goes wrong later is told in the words of who asked
    row = {
        "number": number,
        "caller": system.name,
        "content": json.dumps(content, ensure_ascii=False, sort_keys=True).encode(),
        "state": State.OPEN.value,
        "made_at": context.clock.now(),
    }
    with context.storage.transaction() as connection:
        connection.execute(sa.insert(batches).values(row))
        context.audit.append(connection, Event("seals.batch.open", system.name, number, content))
    return number


def add_document(
    context: Context, system: CallingSystem, number: str, name: str, content: bytes, password: bytes | None = None
) -> int:
    """Put a document into a batch that is not started yet; its position, the first is 1.

    `password`: of an encrypted document, as `seals.batches.passwords` conceals it.
    """
    with context.storage.transaction() as connection:
        row = _locked(connection, system, number, State.OPEN)
        count = sa.select(sa.func.count()).where(batch_documents.c.batch_id == row.id)
        position = (connection.scalar(count) or 0) + 1
        if position > MAXIMUM_DOCUMENTS:
            raise YinxinError(
                Kind.CONFLICT,
                _("a batch has at most {maximum} documents").format(maximum=MAXIMUM_DOCUMENTS),
                subject=number,
                remedy=_("open another batch"),
            )
        document = {
            "batch_id": row.id,
            "position": position,
            "name": name[:255],
            "state": DocumentState.WAITING.value,
            "sha256_before": sha256(content).hexdigest(),
            "content": content,
            "password": password,
            "due_at": context.clock.now(),
        }
        connection.execute(sa.insert(batch_documents).values(document))
    return position


def start(context: Context, system: CallingSystem, number: str) -> None:
    """Have the documents sealed. To start what is started does no harm."""
    with context.storage.transaction() as connection:
        row = _locked(connection, system, number, State.OPEN, State.STARTED, State.FINISHED)
        if row.state != State.OPEN:
            return
        if not _counts(connection, row.id):
            raise YinxinError(Kind.CONFLICT, _("the batch has no documents"), subject=number)
        connection.execute(sa.update(batches).where(batches.c.id == row.id).values(state=State.STARTED.value))
        context.audit.append(connection, Event("seals.batch.start", system.name, number, _counts(connection, row.id)))


def cancel(context: Context, system: CallingSystem, number: str) -> None:
    """Seal nothing more of the batch; what is sealed stays sealed."""
    with context.storage.transaction() as connection:
        row = _locked(connection, system, number, State.OPEN, State.STARTED, State.CANCELLED)
        waiting = batch_documents.c.batch_id == row.id, batch_documents.c.state == DocumentState.WAITING.value
        gone = {"state": DocumentState.CANCELLED.value, "content": None, "password": None, "claim": None}
        connection.execute(sa.update(batch_documents).where(*waiting).values(gone))
        finish(connection, row.id, context.clock.now(), State.CANCELLED)
        context.audit.append(connection, Event("seals.batch.cancel", system.name, number, _counts(connection, row.id)))


def finish(connection: sa.Connection, batch_id: int, now: datetime, state: State) -> None:
    """Nothing more happens to the batch; if its calling system wants to be told, that is due."""
    connection.execute(sa.update(batches).where(batches.c.id == batch_id).values(state=state.value, finished_at=now))
    if state is State.FINISHED:
        row = {"batch_id": batch_id, "state": "waiting", "due_at": now}
        connection.execute(sa.insert(notifications).values(row))


def look_up(context: Context, system: CallingSystem, number: str) -> Batch:
    """Where a batch of the caller's stands."""
    with context.storage.reading() as connection:
        return read_batch(connection, _found(connection, system, number))


def list_batches(
    context: Context, system: CallingSystem, *, before: str | None = None, limit: int = 100
) -> Sequence[Batch]:
    """The newest batches of the caller's, or the newest before one of this number."""
    query = sa.select(batches).where(batches.c.caller == system.name).order_by(batches.c.id.desc()).limit(limit)
    with context.storage.reading() as connection:
        if before is not None:
            query = query.where(batches.c.id < _found(connection, system, before).id)
        return [read_batch(connection, row) for row in connection.execute(query).all()]


def documents_of(
    context: Context, system: CallingSystem, number: str, *, after: int = 0, limit: int = 100
) -> Sequence[BatchDocument]:
    """What became of the documents, in their order, after a position."""
    columns = [column for column in batch_documents.c if column.name not in ("content", "sealed", "password")]
    with context.storage.reading() as connection:
        row = _found(connection, system, number)
        query = (
            sa.select(*columns)
            .where(batch_documents.c.batch_id == row.id, batch_documents.c.position > after)
            .order_by(batch_documents.c.position)
            .limit(limit)
        )
        return [
            BatchDocument(
                one.position,
                one.name,
                DocumentState(one.state),
                one.sha256_before,
                one.sha256_after,
                json.loads(one.problem) if one.problem else None,
            )
            for one in connection.execute(query)
        ]


def sealed_document(context: Context, system: CallingSystem, number: str, position: int) -> tuple[str, bytes]:
    """Name and content of a sealed document; `YinxinError` (conflict) if there is none, or it is not kept any more."""
    with context.storage.reading() as connection:
        row = _found(connection, system, number)
        here = batch_documents.c.batch_id == row.id, batch_documents.c.position == position
        one = connection.execute(sa.select(batch_documents).where(*here)).one_or_none()
    if one is None:
        raise YinxinError(Kind.NOT_FOUND, _("the batch has no such document"), subject=f"{number}/{position}")
    if one.sealed is None:
        raise YinxinError(
            Kind.CONFLICT,
            _("the document is {state}, and not to be had").format(state=in_words(one.state)),
            subject=f"{number}/{position}",
            remedy=_("ask for the state of the batch"),
        )
    return one.name, one.sealed


def clear(context: Context, kept: timedelta) -> int:
    """Forget the documents of batches that ended so long ago; what became of them stays. How many were forgotten."""
    ended = sa.select(batches.c.id).where(batches.c.finished_at < context.clock.now() - kept)
    table = batch_documents
    with context.storage.transaction() as connection:
        old = table.c.batch_id.in_(ended), sa.or_(table.c.content.is_not(None), table.c.sealed.is_not(None))
        return connection.execute(sa.update(table).where(*old).values(content=None, sealed=None)).rowcount


def read_batch(connection: sa.Connection, row: sa.Row[Any]) -> Batch:
    """The batch of this row."""
    seal = json.loads(row.content)["seal"]
    counts = _counts(connection, row.id)
    return Batch(row.number, row.caller, seal, State(row.state), row.made_at, row.finished_at, counts)


def _counts(connection: sa.Connection, batch_id: int) -> dict[str, int]:
    table = batch_documents
    query = sa.select(table.c.state, sa.func.count()).where(table.c.batch_id == batch_id).group_by(table.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def _found(connection: sa.Connection, system: CallingSystem, number: str, *, lock: bool = False) -> sa.Row[Any]:
    query = sa.select(batches).where(batches.c.number == number, batches.c.caller == system.name)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no batch of this number"), subject=number)
    return row


def _locked(connection: sa.Connection, system: CallingSystem, number: str, *allowed: State) -> sa.Row[Any]:
    row = _found(connection, system, number, lock=True)
    if State(row.state) not in allowed:
        raise YinxinError(Kind.CONFLICT, _("the batch is {state}").format(state=in_words(row.state)), subject=number)
    return row
