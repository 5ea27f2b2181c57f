"""Working off batches: any number of workers, each of which may die at any moment.

A worker takes a document for a while, and seals it. The use of the seal and the sealed document are recorded in one
transaction, and only if the document is still the worker's: so none is sealed twice, and none is forgotten.
"""

import json
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Event as Stop
from typing import Any

import sqlalchemy as sa

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _, current_language, speaking
from core.keys.store import KeyStore
from seals import use
from seals.api import api_keys
from seals.api.api_keys import Scope
from seals.batches.batches import DocumentState, State, clear, finish
from seals.batches.passwords import revealed
from seals.batches.pauses import pause_before
from seals.batches.records import batch_documents, batches
from seals.batches.webhooks import Webhooks
from seals.contracts import People, SupportSource
from seals.documents import size_and_sha256
from seals.sealing import SealedDocument
from seals.terms import SealingTerms

LEASE = timedelta(minutes=2)
"""So long a document is one worker's; if that takes longer, another may seal it, and what comes late is dropped."""
MOST_ATTEMPTS = 8
"""When something that sealing depends on cannot be had; with growing pauses, over about an hour."""
IDLE_SECONDS = 1.0
CLEAR_SECONDS = 3600

_log = logging.getLogger(__name__)
_table = batch_documents


class _NotOursError(Exception):
    """Another worker has it now: roll back."""


@dataclass
class Worker:
    """Seals what is due, one document after the other."""

    context: Context
    keys: KeyStore
    support: SupportSource
    people: People
    webhooks: Webhooks
    kept: timedelta = timedelta(days=7)
    """So long documents can be fetched after the end of their batch."""

    def run(self, stop: Stop) -> None:
        """Work until told to stop. What fails is told in the log, and tried again."""
        cleared = 0.0
        while not stop.is_set():
            try:
                if time.monotonic() > cleared:
                    clear(self.context, self.kept)
                    cleared = time.monotonic() + CLEAR_SECONDS
                busy = self.step()
            except Exception:  # noqa: BLE001 - a worker outlives whatever happens, such as a database that is restarted
                _log.exception("Working off batches")
                busy = False
            if not busy:
                stop.wait(IDLE_SECONDS)

    def step(self) -> bool:
        """Seal one document, or tell of one batch; whether there was something to do."""
        claimed = self._claim()
        if claimed is None:
            return self.webhooks.step()
        row, claim = claimed
        with speaking(json.loads(row.ordered).get("language") or current_language()):
            self._settled(row, claim)
        return True

    def _settled(self, row: sa.Row[Any], claim: str) -> None:
        """Sealed, or failed for a reason, or somebody else's by now."""
        try:
            self._seal(row, claim)
        except _NotOursError:
            _log.warning("A document of a batch took longer than its lease: %s/%s", row.batch_id, row.position)
        except YinxinError as error:
            self._failed(row, claim, error)
        except Exception as error:  # noqa: BLE001 - one document must not stop the others
            _log.exception("Sealing a document of a batch")
            internal = YinxinError(Kind.INVALID, _("Internal error; it has been logged."), subject=type(error).__name__)
            self._failed(row, claim, internal)

    def _claim(self) -> tuple[sa.Row[Any], str] | None:
        now, claim = self.context.clock.now(), secrets.token_hex(16)
        due = (
            sa.select(_table.c.id)
            .join(batches, batches.c.id == _table.c.batch_id)
            .where(
                _table.c.state == DocumentState.WAITING.value,
                _table.c.due_at <= now,
                sa.or_(_table.c.claimed_until.is_(None), _table.c.claimed_until < now),
                batches.c.state == State.STARTED.value,
            )
            .order_by(_table.c.id)
            .limit(1)
        )
        with self.context.storage.reading() as connection:
            if connection.scalar(due) is None:
                return None
        with self.context.storage.transaction() as connection:
            chosen = connection.scalar(due.with_for_update(skip_locked=True, of=_table))
            if chosen is None:
                return None
            taken = {"claim": claim, "claimed_until": now + LEASE}
            connection.execute(sa.update(_table).where(_table.c.id == chosen).values(taken))
            query = sa.select(_table, batches.c.caller, batches.c.content.label("ordered")).join(
                batches, batches.c.id == _table.c.batch_id
            )
            return connection.execute(query.where(_table.c.id == chosen)).one(), claim

    def _seal(self, row: sa.Row[Any], claim: str) -> None:
        ordered = json.loads(row.ordered)
        terms = SealingTerms.model_validate(ordered["terms"])
        # What a calling system may do can have changed since it started the batch.
        api_keys.require_use(api_keys.named(self.context, row.caller), Scope.BATCHES, ordered["seal"])

        password = revealed(self.keys, row.password) if row.password is not None else None

        def beside(connection: sa.Connection, sealed: SealedDocument) -> None:
            done = {
                "state": DocumentState.SEALED.value,
                "content": None,
                "password": None,
                "sealed": sealed.read(),
                "sha256_after": size_and_sha256(sealed.file)[1],
            }
            self._settle(connection, row, claim, done)

        sealed = use.stamp(
            self.context,
            self.keys,
            self.support,
            self.people,
            ordered["seal"],
            terms.order(row.content, password),
            actor=row.caller,
            beside=beside,
        )
        sealed.file.close()

    def _failed(self, row: sa.Row[Any], claim: str, error: YinxinError) -> None:
        problem = {"kind": error.kind.value, "what": error.what, "subject": error.subject, "remedy": error.remedy}
        attempts = row.attempts + 1
        try:
            with self.context.storage.transaction() as connection:
                if error.kind is Kind.UNAVAILABLE and attempts < MOST_ATTEMPTS:
                    again = {"attempts": attempts, "due_at": self.context.clock.now() + pause_before(attempts)}
                    self._update(connection, row, claim, again | {"claim": None, "claimed_until": None})
                    return
                failed = {"state": DocumentState.FAILED.value, "attempts": attempts, "content": None, "password": None}
                self._settle(connection, row, claim, failed | {"problem": json.dumps(problem).encode()})
                details = {"position": row.position, "kind": error.kind.value}
                self.context.audit.append(connection, Event("seals.batch.fail", row.caller, row.sha256_before, details))
        except _NotOursError:
            return

    def _settle(self, connection: sa.Connection, row: sa.Row[Any], claim: str, values: dict[str, Any]) -> None:
        # Whoever settles the last document ends the batch: so one after the other.
        state = connection.scalar(sa.select(batches.c.state).where(batches.c.id == row.batch_id).with_for_update())
        if state != State.STARTED:
            raise _NotOursError
        self._update(connection, row, claim, values | {"claim": None, "claimed_until": None})
        left = _table.c.batch_id == row.batch_id, _table.c.state == DocumentState.WAITING.value
        if connection.scalar(sa.select(_table.c.id).where(*left).limit(1)) is None:
            finish(connection, row.batch_id, self.context.clock.now(), State.FINISHED)

    def _update(self, connection: sa.Connection, row: sa.Row[Any], claim: str, values: dict[str, Any]) -> None:
        ours = _table.c.id == row.id, _table.c.claim == claim, _table.c.state == DocumentState.WAITING.value
        if connection.execute(sa.update(_table).where(*ours).values(values)).rowcount != 1:
            raise _NotOursError
