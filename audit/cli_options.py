"""Options that commands share: which audit key is trusted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from audit import key as audit_key
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _

Function = TypeVar("Function", bound=Callable[..., Any])


def key_options(function: Function) -> Function:
    """`--key` and `--fingerprint`: parameters `key: Path | None` and `fingerprint: str`."""
    function = click.option(
        "--fingerprint",
        default="",
        help=_("SHA-256 of the audit key, hexadecimal, where the file brings the key along."),
    )(function)
    return click.option(
        "--key",
        type=click.Path(dir_okay=False, path_type=Path),
        help=_("The audit key: audit-log.pub; else that of the home."),
    )(function)


def key_of(home: Home, key: Path | None, fingerprint: str, brought: bytes | None = None) -> bytes:
    """SubjectPublicKeyInfo (DER) of the key that is trusted; `YinxinError` if nobody says which that is.

    `brought`: the key file that came along, which its fingerprint makes trustworthy.
    """
    wanted = fingerprint.lower().replace(":", "")
    if key is not None:
        public_key = audit_key.read_public_key(key)
    elif wanted and brought is not None:
        public_key = audit_key.parse_public_key(brought)
    elif audit_key.public_key_file(home).exists():
        public_key = audit_key.read_public_key(audit_key.public_key_file(home))
    else:
        raise YinxinError(
            Kind.INVALID,
            _("there is no audit key to verify with"),
            remedy=_("give --key audit-log.pub or --fingerprint, which you have from the centre"),
        )
    if wanted and audit_key.fingerprint(public_key) != wanted:
        raise YinxinError(
            Kind.INVALID,
            _("the audit key has another fingerprint: {fingerprint}").format(
                fingerprint=audit_key.fingerprint(public_key)
            ),
            remedy=_("do not trust the file; ask the centre for its audit key"),
        )
    return public_key
