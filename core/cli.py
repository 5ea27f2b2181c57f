"""The command's plumbing on click: groups that load what is used, examples in the help, errors and exit codes."""

import io
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import click

from core.errors import YinxinError
from core.i18n import _, share_with_libraries
from core.output import Output, one_line

__all__ = ["REFUSED", "Command", "Group", "Output", "output_option", "run"]

REFUSED = 2
DEFECT = 70
INTERRUPTED = 130
UNREAD = 141
"""Whoever read the output has gone, such as `head`: as of a program that SIGPIPE ends."""

Function = TypeVar("Function", bound=Callable[..., Any])

share_with_libraries()


class Command(click.Command):
    """A command whose help ends with an example."""

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.example = example

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - click's signature
        """The first sentence, whole: click cuts it short, and does not see where a Chinese one ends."""
        return re.split(r"(?<=。)|(?<=\.)\s", self.help or "", maxsplit=1)[0]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The epilog, then the example, unwrapped so that it can be copied."""
        super().format_epilog(ctx, formatter)
        if self.example:
            with formatter.section(_("Example")):
                for line in self.example.splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")


class LaterCommand(Command):
    """Stands for a command in lists and suggestions; the module that holds it is imported when it is used."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._target = target

    def load(self) -> click.Command:
        """The command itself, from `module:attribute`."""
        module, _colon, attribute = self._target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


class Group(Command, click.Group):
    """A group of commands, in the order in which they were added."""

    command_class = Command
    group_class = type

    def add_later(self, name: str, target: str, summary: str) -> None:
        """Add the command at `module:attribute` without importing it yet; `summary` is its line in the list."""
        self.add_command(LaterCommand(name, target, summary))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names in the order of addition."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LaterCommand) else command, rest


def output_option(function: Function) -> Function:
    """Give the command the option `--json` and the parameter `output: Output`."""
    return click.option(
        "--json",
        "output",
        is_flag=True,
        callback=lambda _ctx, _parameter, json: Output(json=json),
        help=_("Print JSON, for programs."),
    )(function)


def run(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code. Whatever goes wrong is one line on stderr, never a traceback unasked."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a character shows a question mark; it does not make the command fail.
        sys.stdout.reconfigure(errors="replace")
    try:
        result = command.main(arguments, standalone_mode=False)
    except click.Abort:
        return _refuse(_("interrupted"), INTERRUPTED)
    except SystemExit:
        # So click ends where nobody reads any more. Its 1 would be taken for a verdict.
        return UNREAD
    except click.ClickException as error:
        error.show()
        return REFUSED
    except YinxinError as error:
        return _refuse(str(error))
    except OSError as error:
        # The machine's word, not our defect: no such file, no permission, no space left.
        return _refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:  # noqa: BLE001 - the last stop
        return _refuse(
            _("{error}. This is a defect of Yinxin; YINXIN_TRACEBACK=1 shows where it happened").format(
                error=f"{type(error).__name__}: {error}"
            ),
            DEFECT,
        )
    return result if isinstance(result, int) else 0


def _refuse(line: str, exit_code: int = REFUSED) -> int:
    if os.environ.get("YINXIN_TRACEBACK"):
        traceback.print_exc()
    click.echo(click.style(_("error:"), fg="red", bold=True) + " " + one_line(line), err=True)
    return exit_code
