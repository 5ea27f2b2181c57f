"""Who is at the machine, with which program: the actor of what the centre does on its own account."""

import getpass
import os
import sys
from pathlib import Path


def local_account() -> str:
    """`local:NAME` of the operating system's account."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):  # in containers, an account may have a number and no name
        return f"local:{os.getuid()}"


def program() -> str:
    """The command that runs, without its arguments; or the module, or the file."""
    import click  # a service that is no command does without

    if context := click.get_current_context(silent=True):
        return context.command_path
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    return main.name if main else Path(sys.argv[0]).name
