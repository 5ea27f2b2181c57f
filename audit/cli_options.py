"""Options that commands share: which audit key is trusted."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from audit import key as audit_key
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _

Function = TypeVar("Function", bound=Callable[..., Any])


def key_options(function: Function) -> Function:
    """`--key` and `--fingerprint`: parameters `key: tuple[Path, ...]` and `fingerprint: str`."""
    function = click.option(
        "--fingerprint",
        default="",
        help=_("SHA-256 of the audit key, hexadecimal, where the file brings the key along."),
    )(function)
    return click.option(
        "--key",
        multiple=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help=_(
            "The first audit key: audit-log.pub; else that of the home. Again, for a key for which the one before it"
            " could not vouch."
        ),
    )(function)


def trust_option(function: Function) -> Function:
    """`--trust`: the parameter `trust: Path | None`."""
    return click.option(
        "--trust",
        type=click.Path(path_type=Path, exists=True),
        help=_(
            "Roots (PEM) by which time stamps of checkpoints are trusted, a file or a folder; else those of the home."
        ),
    )(function)


def anchors_of(home: Home, trust: Path | None) -> list[bytes]:
    """The roots that are trusted for the time (DER); none, where nobody says which."""
    folder = trust or home.trust
    return read_certificates(folder) if trust or any(home.trust.glob("*.pem")) else []


def keys_of(home: Home, key: Sequence[Path], fingerprint: str, brought: bytes | None = None) -> list[bytes]:
    """SubjectPublicKeyInfo (DER) of the keys that are trusted; `YinxinError` if nobody says which these are.

    `brought`: the key file that came along, which its fingerprint makes trustworthy.
    """
    wanted = fingerprint.lower().replace(":", "")
    if key:
        trusted = [audit_key.read_public_key(one) for one in key]
    elif wanted and brought is not None:
        trusted = [audit_key.parse_public_key(brought)]
    else:
        trusted = audit_key.public_keys(home)
    if not trusted:
        raise YinxinError(
            Kind.INVALID,
            _("there is no audit key to verify with"),
            remedy=_("give --key audit-log.pub or --fingerprint, which you have from the centre"),
        )
    found = [audit_key.fingerprint(one) for one in trusted]
    if wanted and wanted not in found:
        raise YinxinError(
            Kind.INVALID,
            _("the audit key has another fingerprint: {fingerprint}").format(fingerprint=", ".join(found)),
            remedy=_("do not trust the file; ask the centre for its audit key"),
        )
    return trusted
