"""`yinxin audit rotate`: a new audit key."""

from pathlib import Path

import click

from audit.cli import notary_of
from audit.key import armour, fingerprint
from audit.rotation import make_successor, succeed
from core import files
from core.account import local_account
from core.algorithms import KeyKind
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _


@click.command(
    cls=Command,
    help=_(
        "Have a new audit key succeed the present one. The present key vouches for it in a checkpoint, so that whoever"
        " has the first key needs no other; then it is destroyed. With --replace, for a key that is lost or in other"
        " hands, nobody vouches: give the new key to whoever verifies, as you gave them the first."
    ),
    example="yinxin audit rotate --reason 'yearly'\n"
    "yinxin audit rotate --replace --reason 'stolen on 1 November' --out trust/audit-log-2.pub",
)
@click.option("--reason", required=True, help=_("Why; it is an entry of the log."))
@click.option(
    "--kind",
    type=click.Choice([one.value for one in KeyKind]),
    help=_("The kind of the key; else the first of the centre."),
)
@click.option("--replace", is_flag=True, help=_("The present key is lost, or is not to be believed any more."))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help=_("Write the new public key to this file too.")
)
@output_option
@click.pass_obj
@click.pass_context
def rotate(
    context: click.Context, home: Home, reason: str, kind: str | None, replace: bool, out: Path | None, output: Output
) -> None:
    """Rotate the audit key."""
    if replace and out is None:
        raise YinxinError(
            Kind.INVALID,
            _("whoever verifies needs the new public key"),
            remedy=_("give --out FILE; as trust/audit-log-2.pub of the home, it is trusted here too"),
        )
    chosen = KeyKind(kind) if kind else home.configuration.centre.key_kinds[0]
    # The key at hand is opened before another is made: a passphrase that does not open it makes none.
    notary = None if replace else notary_of(context, home)
    successor = make_successor(home, chosen)
    notary = notary or notary_of(context, home, successor)
    done = succeed(home, notary, successor, actor=local_account(), reason=reason, vouched=not replace)
    if out:
        files.write(out, armour(done.public_key_info))
    about = done.made.checkpoint
    key = fingerprint(done.public_key_info)
    if replace:
        output.warn(_("nobody vouches for the new key: have its fingerprint compared, and published as the first was"))
    output.done(
        _("From {size} entries on, the log is signed by the key {key}.").format(size=about.size, key=key),
        {"key": key, "size": about.size, "removed": list(done.removed)},
    )
