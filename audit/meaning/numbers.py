"""Numbers without gaps: of revocation lists, and of time stamps."""

from collections.abc import Mapping

from audit.meaning.entry import Entry
from audit.meaning.judge import Handler, Tell
from audit.meaning.restorations import RESTORE
from core.i18n import _


class RevocationLists:
    """Each number of a list is given once, one after the other, and comes to something."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._last: dict[tuple[str, int | None], int] = {}
        self._published: dict[str, int] = {}
        self._open: dict[tuple[str, int | None], Entry] = {}

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The acts about lists."""
        return {
            "ca.crl.reserve": self._reserved,
            "ca.crl.publish": self._came_to_something,
            "ca.crl.refuse": self._came_to_something,
            "ca.authority.import": self._imported,
            RESTORE: self._restored,
        }

    def finish(self) -> None:
        """Which numbers came to nothing."""
        for (name, number), entry in self._open.items():
            self._tell(
                "crl", entry, _("{name} number {number} came to nothing").format(name=name, number=number), remark=True
            )

    def _restored(self, entry: Entry) -> None:
        """Numbers go on after those that may have been given in what was lost."""
        for place in entry.objects("lists"):
            name, shard, number = place.get("authority"), place.get("shard"), place.get("number")
            if isinstance(name, str) and isinstance(number, int):
                self._last[name, shard if isinstance(shard, int) else None] = number

    def _imported(self, entry: Entry) -> None:
        """Numbers go on after those that the authority had given before it was taken over."""
        if any(name == entry.subject for name, _shard in self._last) or entry.subject in self._published:
            self._tell("crl", entry, _("an authority was imported that had lists of ours already"))
            return
        self._last[entry.subject, 0] = entry.number("number") or 0

    def _reserved(self, entry: Entry) -> None:
        place, number = (entry.subject, entry.number("shard")), entry.number("number") or 0
        last = self._last.get(place, self._published.get(entry.subject))
        if last is None and number != 1 and entry.position:
            last = 0
        if last is not None and number != last + 1:
            what = _("after number {last} comes {number}: revocation lists are missing")
            self._tell("crl", entry, what.format(last=last, number=number))
        self._last[place] = number
        for name in entry.texts("lists"):
            self._open[name, number] = entry

    def _came_to_something(self, entry: Entry) -> None:
        name, number = entry.text("list"), entry.number("number")
        if self._open.pop((name, number), None) is None:
            self._tell("crl", entry, _("{name} number {number} was never given").format(name=name, number=number))
        if entry.act == "ca.crl.publish":
            # By authority, for what was published before numbers were recorded when they were given.
            self._published[entry.subject] = max(number or 0, self._published.get(entry.subject, 0))


class TimeStamps:
    """Tokens are numbered without gaps, and so are the groups in which they were recorded."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._last: int | None = None

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The one act."""
        return {"tsa.tokens.give": self._given}

    def finish(self) -> None:
        """Nothing is left open."""

    def _given(self, entry: Entry) -> None:
        first, last = entry.number("first") or 0, entry.number("last") or 0
        # What was given before the log began is not in it.
        if (self._last is not None and first != self._last + 1) or last < first:
            what = _("after time stamp {last} comes {first}: time stamps are missing")
            self._tell("timestamp", entry, what.format(last=self._last or 0, first=first))
        self._last = last
