"""Where passphrases and PINs come from: a file that only its owner reads, the environment, a prompt. Not arguments."""

import getpass
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from core import files
from core.errors import Kind, YinxinError
from core.i18n import _

_may_ask: ContextVar[bool] = ContextVar("may_ask", default=True)


@contextmanager
def without_asking() -> Iterator[None]:
    """In the block nobody is asked, as if there were no terminal."""
    token = _may_ask.set(False)
    try:
        yield
    finally:
        _may_ask.reset(token)


def from_file(path: Path) -> bytes:
    """The first line of a file of mode 0600; `YinxinError` if others can read it."""
    data = files.read(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("others can read this passphrase file"),
            subject=str(path),
            remedy=_("chmod 600 {path}").format(path=path),
        )
    passphrase = data.split(b"\n", 1)[0].strip()
    if not passphrase:
        raise YinxinError(Kind.INVALID, _("the passphrase file is empty"), subject=str(path))
    return passphrase


def create_file(path: Path) -> bytes:
    """A new file of mode 0600 with 256 random bits; what was written."""
    passphrase = secrets.token_urlsafe(32).encode()
    files.write(path, passphrase + b"\n", mode=0o600, replace=False)
    return passphrase


def obtain(what: str, *, file: Path | None = None, variable: str | None = None) -> bytes:
    """The passphrase for `what`: from the file if given, else the environment variable, else a prompt at a terminal."""
    if file is not None:
        return from_file(file)
    if variable and (value := os.environ.get(variable)):
        return os.fsencode(value)
    if _may_ask.get() and sys.stdin is not None and sys.stdin.isatty():
        return getpass.getpass(_("Passphrase or PIN of {what}: ").format(what=what)).encode()
    remedy = _("give a file of mode 0600 with --pin-file")
    if variable:
        remedy = _("set {variable}, or give a file of mode 0600").format(variable=variable)
    raise YinxinError(Kind.INVALID, _("no passphrase, and no terminal to ask at"), subject=what, remedy=remedy)
