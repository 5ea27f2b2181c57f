"""Restorations from backups: what was done between the backup and the restoration is not in the log."""

from collections.abc import Mapping

from audit.meaning.entry import Entry
from audit.meaning.judge import Handler, Tell
from core.i18n import _

RESTORE = "backup.restore"


class Restorations:
    """Each is told: whoever could cut the log off could say that it was one."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The one act."""
        return {RESTORE: self._restored}

    def finish(self) -> None:
        """Nothing is left open."""

    def _restored(self, entry: Entry) -> None:
        what = _(
            "the installation was restored from the backup of {moment}: what was done after it is not in the log"
            " ({lost} entries or more)"
        )
        lost = entry.number("lost") or 0
        self._tell("restoration", entry, what.format(moment=entry.text("made_at"), lost=lost), remark=True)
