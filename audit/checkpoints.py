"""Making checkpoints: signed with the audit key, time-stamped, copied outside. Each step can be interrupted and is done
again; what a time-stamping authority or a place outside does not take now, it is offered again later.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from audit.contracts import Stamp
from audit.notes import Checkpoint, open_checkpoint, sign_checkpoint
from audit.outside import Place, place_of
from audit.records import checkpoints, sequence
from audit.sequencer import Sequencer, latest_checkpoint, read_log
from audit.tiles import StoredTree
from core.audit import entries
from core.config import AuditSettings
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.prepared import insert_absent

log = logging.getLogger(__name__)

TOKENS = "tsa.tokens.give"
"""The act that a token over a checkpoint is itself."""
RETRY = timedelta(seconds=60)
"""After a time stamp or a copy could not be had, so long nobody is asked again."""
LATER = 100
"""Of how many former checkpoints what is missing is made up for in one turn."""


@dataclass(frozen=True)
class Made:
    """A checkpoint of the log."""

    checkpoint: Checkpoint
    note: bytes
    token: bytes | None


@dataclass
class Notary:
    """Orders entries and signs checkpoints. Several at once do no harm."""

    context: Context
    signer: Signer
    stamp: Stamp | None = None
    """None: no time stamps."""
    places: Sequence[Place] = ()
    every: int = 10_000
    """Entries after which a checkpoint is due."""
    within: timedelta = timedelta(seconds=300)
    """Time after which one is due, if there is anything new."""
    _sequencer: Sequencer = field(init=False)
    _failed_at: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """A sequencer of its own."""
        self._sequencer = Sequencer(self.context)

    @classmethod
    def of(cls, context: Context, signer: Signer, settings: AuditSettings, stamp: Stamp | None) -> "Notary":
        """As the configuration has it."""
        within = timedelta(seconds=settings.every_seconds)
        return cls(context, signer, stamp, [place_of(one) for one in settings.copies], settings.every_entries, within)

    def turn(self) -> Made | None:
        """Order what is new, sign a checkpoint if one is due, make up for what is missing; the checkpoint."""
        self._sequencer.sequence()
        made = self.sign() if self._due() else None
        if self._failed_at is None or abs(self.context.clock.now() - self._failed_at) >= RETRY:
            self.make_up()
        return made

    def checkpoint(self) -> Made:
        """Order everything and sign a checkpoint over it now, unless the newest is; the newest, made up for."""
        self._sequencer.sequence()
        self.sign()
        self.make_up()
        with self.context.storage.reading() as connection:
            row = latest_checkpoint(connection)
        if row is None:
            raise YinxinError(Kind.NOT_FOUND, _("there is nothing in the audit log yet"))
        return Made(open_checkpoint(row.note, self.signer.public_key_info), row.note, row.token)

    def sign(self) -> Made | None:
        """A checkpoint over what is ordered; None if there is one already, or nothing."""
        with self.context.storage.transaction() as connection:
            present = read_log(connection, lock=True)
            last = latest_checkpoint(connection)
            if present.size == (last.size if last else 0):
                return None
            root = StoredTree(connection, present.digest, present.size).root()
            at = self.context.clock.now()
            checkpoint = Checkpoint(present.origin, present.size, root, present.digest, at)
            note = sign_checkpoint(checkpoint, self.signer)
            open_checkpoint(note, self.signer.public_key_info)  # a fault in memory must not leave the house
            row = {"size": present.size, "at": at, "note": note, "token": None, "copied": not self.places}
            insert_absent(connection, checkpoints, [row])
        return Made(checkpoint, note, None)

    def make_up(self) -> None:
        """Get the tokens and leave the copies that are missing, of the newest checkpoints first."""
        missing: sa.ColumnElement[bool] = checkpoints.c.copied.is_(False)
        if self.stamp:
            missing = sa.or_(missing, checkpoints.c.token.is_(None))
        with self.context.storage.reading() as connection:
            query = sa.select(checkpoints).where(missing).order_by(checkpoints.c.size.desc()).limit(LATER)
            rows = connection.execute(query).all()
        self._failed_at = None
        for row in rows:
            try:
                token = row.token or (self.stamp(row.note) if self.stamp else None)
            except YinxinError as error:
                log.warning("no time stamp for the audit checkpoint of %s entries: %s", row.size, error)
                token = None
            copied = row.copied or self._copy(row.note, token)
            with self.context.storage.transaction() as connection:
                changed = {"token": token, "copied": copied}
                connection.execute(sa.update(checkpoints).where(checkpoints.c.size == row.size).values(changed))
            if not copied or (token is None and self.stamp):
                self._failed_at = self.context.clock.now()
            if token is None and self.stamp:
                break  # who does not answer once will not answer a hundred times

    def _copy(self, note: bytes, token: bytes | None) -> bool:
        copied = True
        for place in self.places:
            try:
                place(note, token)
            except YinxinError as error:
                log.warning("an audit checkpoint was not copied outside: %s", error)
                copied = False
        return copied

    def _due(self) -> bool:
        with self.context.storage.reading() as connection:
            size = read_log(connection).size
            last = latest_checkpoint(connection)
            if last is None:
                return size > 0
            if size - last.size >= self.every:
                return True
            return size > last.size and self._old(last.at) and not self._only_its_token(connection, last.size, size)

    def _old(self, at: datetime) -> bool:
        # Set back, a clock must not put off what is due.
        return abs(self.context.clock.now() - at) >= self.within

    @staticmethod
    def _only_its_token(connection: sa.Connection, former: int, size: int) -> bool:
        """The token over the last checkpoint is an entry, and no reason for another checkpoint."""
        if size != former + 1:
            return False
        last = sa.select(entries.c.act).join(sequence, sequence.c.entry_id == entries.c.id)
        return connection.scalar(last.where(sequence.c.position == former)) == TOKENS
