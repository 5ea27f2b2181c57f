"""Which seal service a command asks, and with which API key: `--server`, `--api-key-file`, `--ca-file`."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core import files
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.cli_options import FILE, Function

if TYPE_CHECKING:
    from seals.client import SealServer


@dataclass(frozen=True)
class Service:
    """A seal service as a calling system knows it."""

    url: str
    api_key: str = field(repr=False)
    ca_file: Path | None = None
    """Whom to trust for TLS; else whom this machine trusts."""

    def open(self, clock: Clock) -> "SealServer":
        """A connection, to be closed."""
        from seals.client import SealServer

        return SealServer(self.url, self.api_key, ca_file=self.ca_file, clock=clock)


def service_options(*, help_text: str, envvar: str | None = None) -> Callable[[Function], Function]:
    """Give the command these options and the parameter `service: Service | None`."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def with_service(
            *arguments: Any, server: str | None, api_key_file: Path | None, ca_file: Path | None, **options: Any
        ) -> Any:
            service = Service(server, api_key_in(api_key_file), ca_file) if server else None
            return function(*arguments, service=service, **options)

        decorated: Function = with_service
        for option in (
            click.option(
                "--ca-file", type=FILE, help=_("With --server: whom to trust for TLS; else whom this machine trusts.")
            ),
            click.option("--api-key-file", type=FILE, help=_("For --server: file with the API key, mode 0600.")),
            click.option("--server", metavar="URL", envvar=envvar, help=help_text),
        ):
            decorated = option(decorated)
        return decorated

    return decorate


def api_key_in(file: Path | None) -> str:
    """The API key in a file; `YinxinError` if there is none, or others can read it."""
    if file is None:
        raise YinxinError(Kind.INVALID, _("a seal service asks for an API key"), remedy=_("give --api-key-file"))
    key = files.read(file).decode(errors="replace").strip()
    if file.stat().st_mode & 0o077:
        raise YinxinError(
            Kind.FORBIDDEN, _("others can read this file"), subject=str(file), remedy=_("run: chmod 600 FILE")
        )
    return key
