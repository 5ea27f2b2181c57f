"""Who is at the machine: the actor of what the centre does on its own account."""

import getpass
import os


def local_account() -> str:
    """`local:NAME` of the operating system's account."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):  # in containers, an account may have a number and no name
        return f"local:{os.getuid()}"
