"""A service enters in the audit log that it began, by whom, under which settings, and that it ended."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from core.account import local_account
from core.audit import Event
from core.configuration_entries import note_configuration
from core.errors import YinxinError
from core.home import Home

START, STOP = "service.start", "service.stop"


@contextmanager
def running(home: Home, service: str) -> Iterator[None]:
    """From its beginning to its end in the block. What cannot be entered at the beginning does not begin.

    Of connections to the database nothing is left, so that processes may be forked in the block.
    """
    actor = local_account()
    digest = note_configuration(home.context, home.configuration, actor=actor)
    _enter(home, Event(START, actor, service, _about() | {"configuration": digest}))
    try:
        yield
    finally:
        try:
            _enter(home, Event(STOP, actor, service, _about()))
        except YinxinError as error:  # it ends, whether that can be entered or not
            logging.getLogger(__name__).warning("the end of the service is not in the audit log: %s", error)


def _about() -> dict[str, object]:
    try:
        program = version("yinxin")
    except PackageNotFoundError:  # out of a checkout
        program = "-"
    return {"process": os.getpid(), "version": program}


def _enter(home: Home, event: Event) -> None:
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, event)
    home.storage.close()
