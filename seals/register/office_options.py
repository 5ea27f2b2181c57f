"""Where a command of the register goes, and who acts: `--server` of the group, `--as`, `--key` and `--pin-file`."""

import functools
from pathlib import Path
from typing import Any

import click

from core.api.address import Server
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from seals.cli_options import PIN_VARIABLE, Function, acting_person, people_of, person_options
from seals.register.office import LocalRegister, RegisterOffice

_SERVER = "seals.register.server"


def choose_server(server: Server | None) -> None:
    """Have the commands of this call go to the register there."""
    click.get_current_context().meta[_SERVER] = server


def _chosen() -> Server | None:
    server: Server | None = click.get_current_context().meta.get(_SERVER)
    return server


def acting_at_register(function: Function) -> Function:
    """Give the command the options of whoever acts, and the parameters `home` and `office`."""

    @functools.wraps(function)
    def acting(home: Home, operator: str, key_file: Path, pin_file: Path | None, **options: Any) -> Any:
        return function(home=home, office=_open(home, operator, key_file, pin_file), **options)

    return person_options(click.pass_obj(acting), required=True)


def asking_register(function: Function) -> Function:
    """The same for what anybody at this machine may look up; a register at a distance asks who looks."""

    @functools.wraps(function)
    def asking(home: Home, operator: str | None, key_file: Path | None, pin_file: Path | None, **options: Any) -> Any:
        if _chosen() is None:
            return function(home=home, office=LocalRegister(home, people_of(home)), **options)
        if operator is None or key_file is None:
            raise click.UsageError(_("A register at a distance asks who looks: give --as and --key."))
        return function(home=home, office=_open(home, operator, key_file, pin_file), **options)

    return person_options(click.pass_obj(asking), required=False)


def acting_here(function: Function) -> Function:
    """As `acting_person`, for what is done where the keys of the seals are."""

    acting = acting_person(function)

    @functools.wraps(function)
    def here(*arguments: Any, **options: Any) -> Any:
        if _chosen() is not None:
            raise click.UsageError(_("This is done where the keys of the seals are, without --server."))
        return acting(*arguments, **options)

    vars(here)["__click_params__"] = vars(acting)["__click_params__"]
    return here


def _open(home: Home, operator: str, key_file: Path, pin_file: Path | None) -> RegisterOffice:
    server = _chosen()
    pin = passphrase.obtain(str(key_file), file=pin_file, variable=PIN_VARIABLE)
    if server is None:
        people = people_of(home)
        return LocalRegister(home, people, people.open_session(operator, key_file, pin))
    from seals.register.remote import open_remote

    return open_remote(server, operator, key_file, pin, home.clock)
