"""Looking at what is personal is an entry: who looked at which request, or at how many that fit what."""

from core.audit import Event
from core.context import Context


def note_view(context: Context, actor: str, act: str, subject: str, **details: object) -> None:
    """Enter it, before anything is shown. Nothing that somebody typed goes in: it may be an identity number."""
    with context.storage.transaction() as connection:
        context.audit.append(connection, Event(act, actor, subject, details))


def narrowed(wanted: object) -> list[str]:
    """The names of the fields by which a filter narrows."""
    return sorted(name for name, value in vars(wanted).items() if value)
