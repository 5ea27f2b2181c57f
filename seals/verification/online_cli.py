"""The options of commands that may ask online."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.errors import Kind, YinxinError
from core.i18n import _
from core.web import Reach
from seals.verification.online import Online, fetch_within

Function = Callable[..., Any]


def online_options(function: Function) -> Function:
    """Give the command `--online`, `--online-from` and `--save-evidence`: parameters `online` and `save_evidence`."""

    @functools.wraps(function)
    def with_online(
        *arguments: Any, is_online: bool, online_from: tuple[str, ...], save_evidence: Path | None, **options: Any
    ) -> Any:
        if not is_online and (online_from or save_evidence):
            raise YinxinError(
                Kind.INVALID,
                _("nothing is fetched without --online"),
                remedy=_("add --online, or leave the others out"),
            )
        online = Online(fetch_within(Reach.of(online_from))) if is_online else None
        return function(*arguments, online=online, save_evidence=save_evidence, **options)

    for option in (
        click.option(
            "--save-evidence",
            type=click.Path(path_type=Path, file_okay=False),
            help=_("With --online: write what was fetched into this folder, to be named with --trust beside anchors."),
        ),
        click.option(
            "--online-from",
            multiple=True,
            metavar="HOST|NETWORK",
            help=_("With --online: ask here as well, although the address is not a public one (10.1.0.0/16, a host)."),
        ),
        click.option(
            "--online",
            "is_online",
            is_flag=True,
            help=_("Fetch issuers, OCSP responses and revocation lists from where the certificates say (HTTP)."),
        ),
    ):
        with_online = option(with_online)
    return with_online
