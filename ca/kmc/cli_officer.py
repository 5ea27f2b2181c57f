"""Options of commands in which an officer of the key-management centre acts."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ca.kmc.installation import desk_of
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from core.refusals import refusals_recorded

PIN_VARIABLE = "YINXIN_PIN"
_FILE = click.Path(path_type=Path, dir_okay=False)

Function = Callable[..., Any]


def acting_officer(function: Function) -> Function:
    """Give the command `--as`, `--key` and `--pin-file`, and the parameters `desk` and `session`."""

    @functools.wraps(function)
    def acting(home: Home, officer: str, key_file: Path, pin_file: Path | None, **options: Any) -> Any:
        desk = desk_of(home)
        pin = passphrase.obtain(str(key_file), file=pin_file, variable=PIN_VARIABLE)
        session = desk.open_session(officer, key_file, pin)
        with refusals_recorded(desk.context, f"kmc.officer.{function.__name__}", actor=session.name, subject=officer):
            return function(desk=desk, session=session, **options)

    decorated: Function = click.pass_obj(acting)
    for option in (
        click.option("--pin-file", type=_FILE, help=_("File with the PIN, mode 0600; else YINXIN_PIN, or a prompt.")),
        click.option("--key", "key_file", required=True, type=_FILE, help=_("The officer's key file.")),
        click.option("--as", "officer", required=True, metavar="OFFICER", help=_("The officer who acts.")),
    ):
        decorated = option(decorated)
    return decorated
