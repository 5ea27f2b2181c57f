"""Making checkpoints: signed with the audit key, time-stamped, copied outside. Each step can be interrupted and is done
again; what a time-stamping authority or a place outside does not take now, it is offered again later.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from audit.contracts import Stamp
from audit.notes import Checkpoint, open_checkpoint, read_checkpoint, sign_checkpoint
from audit.outside import Place, place_of
from audit.records import checkpoints, sequence
from audit.sequencer import Sequencer, key_in_force, latest_checkpoint, read_log
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
    open_key: Callable[[bytes], Signer] | None = None
    """Opens the audit key with this public half (SPKI, DER), when it has succeeded the one at hand."""
    _sequencer: Sequencer = field(init=False)
    _failed_at: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """A sequencer of its own."""
        self._sequencer = Sequencer(self.context)

    @classmethod
    def of(
        cls, context: Context, open_key: Callable[[bytes | None], Signer], settings: AuditSettings, stamp: Stamp | None
    ) -> "Notary":
        """As the configuration has it. `open_key`: gives the audit key of this public half; None: the first."""
        with context.storage.reading() as connection:
            signer = open_key(key_in_force(connection))
        within = timedelta(seconds=settings.every_seconds)
        places = [place_of(one) for one in settings.copies]
        return cls(context, signer, stamp, places, settings.every_entries, within, open_key)

    def sequence(self) -> int:
        """Give everything that is committed its place; how many entries that were."""
        return self._sequencer.sequence()

    def turn(self) -> Made | None:
        """Order what is new, sign a checkpoint if one is due, make up for what is missing; the checkpoint."""
        self.sequence()
        made = self.sign() if self._due() else None
        if self._failed_at is None or abs(self.context.clock.now() - self._failed_at) >= RETRY:
            self.make_up()
        return made

    def checkpoint(self) -> Made:
        """Order everything and sign a checkpoint over it now, unless the newest is; the newest, made up for."""
        self.sequence()
        self.sign()
        self.make_up()
        with self.context.storage.reading() as connection:
            row = latest_checkpoint(connection)
        if row is None:
            raise YinxinError(Kind.NOT_FOUND, _("there is nothing in the audit log yet"))
        return Made(read_checkpoint(row.note), row.note, row.token)

    def sign(self, successor: Signer | None = None, *, vouched: bool = True) -> Made | None:
        """A checkpoint over what is ordered; None if there is one already, or nothing.

        `successor`: the key that signs from here on, and this checkpoint beside the present one, or, if that does not
        vouch for it, alone.
        """
        with self.context.storage.transaction() as connection:
            present = read_log(connection, lock=True)
            last = latest_checkpoint(connection)
            if present.size == (last.size if last else 0):
                return None
            root = StoredTree(connection, present.digest, present.size).root()
            at = self.context.clock.now()
            following = successor.public_key_info if successor else None
            checkpoint = Checkpoint(present.origin, present.size, root, present.digest, at, following)
            signers = [self._present(connection)] if vouched else []
            signers += [successor] if successor else []
            note = sign_checkpoint(checkpoint, *signers)
            for signer in signers:
                open_checkpoint(note, signer.public_key_info)  # a fault in memory must not leave the house
            row = {"size": present.size, "at": at, "note": note, "token": None, "copied": not self.places}
            insert_absent(connection, checkpoints, [row | {"next_key": following}])
        self.signer = successor or self.signer
        return Made(checkpoint, note, None)

    def _present(self, connection: sa.Connection) -> Signer:
        """The key in force, which another process may have changed."""
        key = key_in_force(connection)
        if key is not None and key != self.signer.public_key_info and self.open_key:
            self.signer = self.open_key(key)
        return self.signer

    def make_up(self) -> None:
        """Get the tokens and leave the copies that are missing, of the newest checkpoints first."""
        missing: sa.ColumnElement[bool] = checkpoints.c.copied.is_(False)
        if self.stamp:
            missing = sa.or_(missing, checkpoints.c.token.is_(None))
        with self.context.storage.reading() as connection:
            query = sa.select(checkpoints).where(missing).order_by(checkpoints.c.size.desc()).limit(LATER)
            rows = connection.execute(query).all()
        self._failed_at = None
        answering = list(self.places)
        for row in rows:
            try:
                token = row.token or (self.stamp(row.note) if self.stamp else None)
            except YinxinError as error:
                log.warning("no time stamp for the audit checkpoint of %s entries: %s", row.size, error)
                token = None
            copied = row.copied or self._copy(row.note, token, answering)
            with self.context.storage.transaction() as connection:
                changed = {"token": token, "copied": copied}
                connection.execute(sa.update(checkpoints).where(checkpoints.c.size == row.size).values(changed))
            if not copied or (token is None and self.stamp):
                self._failed_at = self.context.clock.now()
            if (token is None and self.stamp) or (self.places and not answering):
                break  # who does not answer once will not answer a hundred times

    def _copy(self, note: bytes, token: bytes | None, answering: list[Place]) -> bool:
        """Whether every place took it. Those that did not are not asked again in this turn: each may take seconds."""
        for place in list(answering):
            try:
                place(note, token)
            except YinxinError as error:
                log.warning("an audit checkpoint was not copied outside: %s", error)
                answering.remove(place)
        return len(answering) == len(self.places)

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
