"""Forbidden attempts: told to whoever tried, and recorded."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _


class RefusedError(YinxinError):
    """An attempt that a rule of the house forbids."""

    def __init__(self, rule: str, what: str, *, subject: str = "", remedy: str = "") -> None:
        super().__init__(Kind.FORBIDDEN, what, subject=subject, remedy=remedy)
        self.rule = rule
        """The rule broken, in a word for the audit log that no translation changes."""


class OvertakenError(YinxinError):
    """Somebody else moved the object between reading and deciding."""

    def __init__(self, subject: str) -> None:
        super().__init__(
            Kind.CONFLICT,
            _("somebody else has moved it meanwhile"),
            subject=subject,
            remedy=_("look at it again and decide anew"),
        )


@contextmanager
def refusals_recorded(context: Context, act: str, *, actor: str, subject: str) -> Iterator[None]:
    """Record a refusal inside the block as `act` with `.refused`, in a transaction of its own, and pass it on."""
    try:
        yield
    except RefusedError as refusal:
        event = Event(f"{act}.refused", actor, subject[:256], {"rule": refusal.rule})
        with context.storage.transaction() as connection:
            context.audit.append(connection, event)
        raise
