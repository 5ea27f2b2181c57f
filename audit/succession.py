"""Which audit key signs which checkpoints: a key is succeeded by the one that a checkpoint of both names.

Whoever has the first key needs no other. A key that was lost or stolen cannot speak for the next: the checkpoint that
names it is signed by the new one alone, and counts where that key is trusted by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit.notes import Checkpoint, open_checkpoint, read_checkpoint
from core.errors import Kind, YinxinError
from core.i18n import _


@dataclass(frozen=True)
class Reign:
    """From which checkpoint on a key signs."""

    key: bytes | None
    """SubjectPublicKeyInfo (DER); None: an earlier key, which nobody here knows."""
    begins: int
    """Size of the checkpoint that names it; 0 for the first."""
    vouched: bool
    """Whether the key before it signed that checkpoint."""


class Succession:
    """The keys of a log, one after the other."""

    def __init__(self, trusted: Sequence[bytes], notes: Iterable[bytes] = ()) -> None:
        """`trusted`: the keys (SPKI, DER) that are known from elsewhere. `notes`: any checkpoints of the log."""
        self._trusted = tuple(trusted)
        self.reigns: list[Reign] = []
        for note in sorted(set(notes), key=lambda one: (_size(one), one)):
            self._learn(note)

    @property
    def keys(self) -> list[bytes]:
        """Every key that counts."""
        return list(dict.fromkeys([*self._trusted, *(one.key for one in self.reigns if one.key is not None)]))

    def open(self, note: bytes) -> Checkpoint:
        """What the note says, if the key of its size signed it; `YinxinError` (invalid) if not."""
        checkpoint = read_checkpoint(note)
        candidates = self._keys_at(checkpoint.size)
        for key in candidates:
            if _signs(note, key):
                return checkpoint
        if len(candidates) == 1 and checkpoint.next_key is None:
            return open_checkpoint(note, candidates[0])  # says what is wrong with it
        what = _("the checkpoint is not signed by this audit key")
        if checkpoint.next_key is not None:
            what = _("it names another audit key, which the key before it did not vouch for")
        remedy = _("ask the centre for the key; if it says that it is its own, give it with --key")
        raise YinxinError(Kind.INVALID, what, remedy=remedy)

    def is_before(self, checkpoint: Checkpoint) -> bool:
        """Whether it is of a key that nobody here knows, which was followed by one that is trusted."""
        return bool(self.reigns) and self.reigns[0].key is None and checkpoint.size < self.reigns[1].begins

    def _keys_at(self, size: int) -> Sequence[bytes]:
        present = [one.key for one in self.reigns if one.begins <= size]
        if not self.reigns:
            return self._trusted
        return [present[-1]] if present[-1] is not None else []

    def _learn(self, note: bytes) -> None:
        try:
            named = read_checkpoint(note)
        except YinxinError:
            return  # who wants it opened is told
        following = named.next_key
        if following is None:
            return
        former = next((key for key in self._keys_at(named.size) if key != following and _signs(note, key)), None)
        if (former is None and following not in self._trusted) or not _signs(note, following):
            return
        if not self.reigns:
            self.reigns.append(Reign(former or self._other_than(following), 0, True))
        if following not in (one.key for one in self.reigns):
            self.reigns.append(Reign(following, named.size, former is not None))

    def _other_than(self, following: bytes) -> bytes | None:
        """The first key, where it did not vouch for the next, and both are trusted."""
        return next((key for key in self._trusted if key != following), None)


def _signs(note: bytes, key: bytes) -> bool:
    try:
        open_checkpoint(note, key)
    except YinxinError:
        return False
    return True


def _size(note: bytes) -> int:
    try:
        return read_checkpoint(note).size
    except YinxinError:
        return 0
