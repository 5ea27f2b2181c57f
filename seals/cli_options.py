"""What several `yinxin seals` commands share: what the front door has left for them, and which person acts."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from seals.contracts import PEOPLE, SUPPORT, People, SealingSupport, SupportSource

FILE = click.Path(path_type=Path, dir_okay=False)
PIN_VARIABLE = "YINXIN_PIN"

Function = Callable[..., Any]


def acting_person(function: Function) -> Function:
    """Give the command `--as`, `--key` and `--pin-file`, and the parameters `home`, `people` and `session`."""

    @functools.wraps(function)
    def acting(home: Home, operator: str, key_file: Path, pin_file: Path | None, **options: Any) -> Any:
        known = people_of(home)
        pin = passphrase.obtain(str(key_file), file=pin_file, variable=PIN_VARIABLE)
        session = known.open_session(operator, key_file, pin)
        return function(home=home, people=known, session=session, **options)

    return person_options(click.pass_obj(acting), required=True)


def person_options(decorated: Function, *, required: bool) -> Function:
    """Give the command `--as`, `--key` and `--pin-file` as they are: `operator`, `key_file`, `pin_file`."""
    for option in (
        click.option("--pin-file", type=FILE, help=_("File with the PIN, mode 0600; else YINXIN_PIN, or a prompt.")),
        click.option("--key", "key_file", required=required, type=FILE, help=_("The operator's key file.")),
        click.option("--as", "operator", required=required, metavar="OPERATOR", help=_("The operator who acts.")),
    ):
        decorated = option(decorated)
    return decorated


def password_option(function: Function) -> Function:
    """Give the command `--password-file` and the parameter `password`, a text or None."""

    @functools.wraps(function)
    def with_password(*arguments: Any, password_file: Path | None, **options: Any) -> Any:
        password = None if password_file is None else _password_in(password_file)
        return function(*arguments, password=password, **options)

    option = click.option(
        "--password-file",
        type=FILE,
        help=_("For encrypted documents: file with the password, mode 0600; the owner's if others may not seal."),
    )
    decorated: Function = option(with_password)
    return decorated


def _password_in(file: Path) -> str:
    try:
        return passphrase.from_file(file).decode()
    except UnicodeDecodeError:
        raise YinxinError(
            Kind.INVALID, _("the password is not a text in UTF-8"), subject=str(file), remedy=_("save it as UTF-8")
        ) from None


def people_of(home: Home) -> People:
    """Who people are; `YinxinError` where nobody handed that in."""
    source: Callable[[Home], People] | None = click.get_current_context().meta.get(PEOPLE)
    if source is None:
        raise YinxinError(Kind.UNAVAILABLE, _("nobody knows the people with seals here"))
    return source(home)


def support_of(home: Home) -> SupportSource:
    """Time stamps and evidence; none where nobody handed them in, so that B-B is all that can be had."""
    source: Callable[[Home], SupportSource] | None = click.get_current_context().meta.get(SUPPORT)
    return source(home) if source else _NoSupport()


class _NoSupport:
    def support(self, _algorithm: object) -> SealingSupport:
        return SealingSupport()
