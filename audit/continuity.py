"""Whether the log of a restored database is the one that checkpoints speak of, and what of it is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from audit.export import ordered_entries
from audit.merkle import Frontier, leaf_hash
from audit.notes import Checkpoint, open_checkpoint
from audit.sequencer import Log, latest_checkpoint, read_log
from audit.tiles import StoredTree
from core.audit import entries
from core.errors import Kind, YinxinError
from core.i18n import _


@dataclass(frozen=True)
class Continuity:
    """How far the log goes."""

    entries: int
    """That are in it, placed or not."""
    last_at: datetime | None
    """Of the newest."""
    beyond: Checkpoint | None
    """The largest of the checkpoints known from outside, if the log ends before it."""

    @property
    def lost(self) -> int:
        """Entries that were made and are not in the log; as many as is known."""
        return max(0, self.beyond.size - self.entries) if self.beyond else 0


def examine(connection: sa.Connection, public_key_info: bytes, known: Sequence[Checkpoint]) -> Continuity:
    """Compare every entry with the newest checkpoint of the log, and the tree with checkpoints known from outside.

    `YinxinError` (conflict) if it is another log, or another history of this one.
    """
    log = read_log(connection)
    _require_own_entries(connection, log, public_key_info)
    tree = StoredTree(connection, log.digest, log.size)
    for one in known:
        if (one.origin, one.digest) != (log.origin, log.digest):
            raise _not_this(_("the checkpoint is of another log: {origin}").format(origin=one.origin))
        if one.size <= log.size and tree.root(one.size) != one.root:
            raise _not_this(_("the log differs from the checkpoint over {size} entries").format(size=one.size))
    count = connection.scalar(sa.select(sa.func.count()).select_from(entries)) or 0
    last_at = connection.scalar(sa.select(entries.c.at).order_by(entries.c.id.desc()).limit(1))
    largest = max(known, key=lambda one: one.size, default=None)
    return Continuity(count, last_at, largest if largest and largest.size > count else None)


def _require_own_entries(connection: sa.Connection, log: Log, public_key_info: bytes) -> None:
    newest = latest_checkpoint(connection)
    if newest is None:
        return
    checkpoint = open_checkpoint(newest.note, public_key_info)
    frontier = Frontier(log.digest)
    for entry in ordered_entries(connection, checkpoint.size):
        frontier.append(leaf_hash(log.digest, entry))
    if (
        frontier.root() != checkpoint.root
        or StoredTree(connection, log.digest, log.size).root(checkpoint.size) != checkpoint.root
    ):
        raise _not_this(_("its entries are not those that its newest checkpoint was signed over"))


def _not_this(what: str) -> YinxinError:
    return YinxinError(
        Kind.CONFLICT, what, remedy=_("tell the auditor; take a backup from before, or the checkpoint of this log")
    )
