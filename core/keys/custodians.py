"""Custodians enter their shares: at a prompt that does not show them, or in files. Never as arguments."""

import getpass
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from core import files
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys import passphrase
from core.keys.custody import Custody
from core.keys.key_file import open_key_file
from core.keys.sealed import is_sealed, unseal
from core.keys.shares import Share, parse_share

_FIRST, _GIVEN = "/.~", "="


def collect(custody: Custody, what: str, variable: str) -> list[Share]:
    """As many shares as are needed, each known to this custody, no two the same.

    From the files that the environment variable names (separated by colons; `SHARE=KEY` where a share is encrypted to
    the custodian's key), else asked for at a terminal until they are right. `YinxinError` if there is neither.
    """
    if named := os.environ.get(variable):
        shares = [read_share(Path(share), key) for share, key in _named(named)]
        custody.combine(shares)
        return shares
    if sys.stdin is None or not sys.stdin.isatty():
        raise YinxinError(
            Kind.INVALID,
            _("{needed} custodians are needed, and there is no terminal to ask at").format(needed=custody.needed),
            subject=what,
            remedy=_("name the files with their shares in {variable}, separated by colons").format(variable=variable),
        )
    shares = []
    while len(shares) < custody.needed:
        share = _asked(custody, what, shares)
        custodian = custody.entrusted(share).custodian
        _say(_("Share {number} of {custodian}: right.").format(number=share.number, custodian=custodian))
        shares.append(share)
    return shares


def ask_for_one(what: str) -> Share:
    """One share, of any set; asked for once. `YinxinError` as for `read_share` and `parse_share`."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise YinxinError(
            Kind.INVALID,
            _("no share, and no terminal to ask at"),
            subject=what,
            remedy=_("give the file that holds it"),
        )
    return _entered(_("Share for {what} (not shown; or the path of its file): ").format(what=what))


def read_share(path: Path, key_file: Path | None = None) -> Share:
    """The share in a file of mode 0600, or in one that is encrypted to the custodian's key.

    `YinxinError` if others can read it, it is damaged, or the key does not open it.
    """
    data = files.read(path)
    try:
        if is_sealed(data):
            return parse_share(_unsealed(path, data, key_file).decode("ascii", "replace"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise YinxinError(
                Kind.FORBIDDEN,
                _("others can read this share"),
                remedy=_("chmod 600 {path}").format(path=path),
            )
        return parse_share(data.decode("ascii", "replace"))
    except YinxinError as error:
        error.subject = error.subject or str(path)
        raise


def _unsealed(path: Path, data: bytes, key_file: Path | None) -> bytes:
    if key_file is None:
        if sys.stdin is None or not sys.stdin.isatty():
            raise YinxinError(
                Kind.INVALID,
                _("this share is encrypted to its custodian's key"),
                subject=str(path),
                remedy=_("name the key file beside it: {path}=KEY").format(path=path),
            )
        key_file = Path(getpass.getpass(_("Key file of the custodian of {path}: ").format(path=path)).strip())
    pin_file = key_file.with_suffix(".pin")
    pin = passphrase.obtain(str(key_file), file=pin_file if pin_file.exists() else None, variable="YINXIN_PIN")
    return unseal(data, open_key_file(key_file, pin))


def _named(paths: str) -> Iterator[tuple[str, Path | None]]:
    for one in filter(None, paths.split(os.pathsep)):
        share, given, key = one.partition(_GIVEN)
        yield share, Path(key) if given else None


def _asked(custody: Custody, what: str, before: list[Share]) -> Share:
    """The next share; what is wrong is said, and asked for again."""
    question = _("Share {place} of {needed} for {what} (not shown; or the path of its file): ").format(
        place=len(before) + 1, needed=custody.needed, what=what
    )
    while True:
        try:
            share = _entered(question)
            custody.entrusted(share)
            if any(one.number == share.number for one in before):
                raise YinxinError(Kind.INVALID, _("the same share was entered twice"), remedy=_("enter another one"))
        except YinxinError as error:
            _say(str(error))
            continue
        return share


def _entered(question: str) -> Share:
    typed = getpass.getpass(question).strip()
    if (typed[:1] and typed[0] in _FIRST) or typed.endswith((".txt", ".pem")):
        return read_share(Path(typed).expanduser())
    return parse_share(typed)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
