"""Whether the books still tell of each seal what the log tells: whoever writes to the database can shorten the books.

The file was written after the newest checkpoint, so that the books may tell more than the log, and never less.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from audit.meaning.evidence import BookedSeal
from core.i18n import _


@dataclass
class LoggedSeal:
    """What of a seal has to be in the books."""

    statements: list[str] = field(default_factory=list)
    """SM3 of each, in the order of the log."""
    is_whole: bool = False
    """Whether its first statement is in the log."""
    state: str = ""
    """After the last of them."""
    uses: int = 0


def missing_in_books(logged: LoggedSeal, booked: BookedSeal | None) -> list[str]:
    """What the books tell less, or otherwise, than the log; in words."""
    if booked is None:
        return [_("the log tells of this seal, and the books do not: it was removed from them")]
    complaints = []
    place = _place(logged, booked.statements)
    kept = [one == other for one, other in zip(booked.statements[place:], logged.statements, strict=False)]
    if not all(kept):
        complaints.append(_("the history of the seal in the books is another than in the log"))
    elif len(kept) < len(logged.statements):
        what = _("the log tells of {count} statements about the seal; the last {missing} were cut off the books")
        count = len(logged.statements)
        complaints.append(what.format(count=count, missing=count - len(kept)))
    elif logged.state and place + len(kept) == len(booked.statements) and booked.state != logged.state:
        what = _("the seal is {state} by the log, and {other} by the books")
        complaints.append(what.format(state=logged.state, other=booked.state or "-"))
    if booked.uses < logged.uses:
        what = _("the log tells of {count} uses of the seal, and the books of {kept}")
        complaints.append(what.format(count=logged.uses, kept=booked.uses))
    return complaints


def _place(logged: LoggedSeal, statements: Sequence[str]) -> int:
    """Where in the books the log begins: at the first statement, unless the seal is older than the log."""
    if logged.is_whole or not logged.statements or logged.statements[0] not in statements:
        return 0
    return statements.index(logged.statements[0])
