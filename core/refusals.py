"""Forbidden attempts: told to whoever tried, and recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _

Result = TypeVar("Result")


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


def again_if_overtaken(attempt: Callable[[], Result]) -> Result:
    """What the attempt gives: it is made anew as long as somebody else came first.

    Ends: each turn means that the same thing was moved, and the moves of one thing are few.
    """
    while True:
        try:
            return attempt()
        except OvertakenError:
            continue


@contextmanager
def refusals_recorded(context: Context, act: str, *, actor: str, subject: str) -> Iterator[None]:
    """Record a refusal inside the block as `act` with `.refused`, in a transaction of its own, and pass it on."""
    try:
        yield
    except YinxinError as refusal:
        if refusal.kind is not Kind.FORBIDDEN:
            raise
        rule = refusal.rule if isinstance(refusal, RefusedError) else "forbidden"
        event = Event(f"{act}.refused", actor, subject[:256], {"rule": rule})
        with context.storage.transaction() as connection:
            context.audit.append(connection, event)
        raise
