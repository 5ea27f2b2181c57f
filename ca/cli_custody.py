"""`yinxin ca custody`: key stores whose passphrase is in the hands of several custodians."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from core.account import local_account
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.home import Authority, Home
from core.i18n import _

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("custody", cls=Group, help=_("Key stores in the hands of several custodians."))
def group() -> None:
    """The group."""


def _store_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--store", type=click.Choice(get_args(Authority)), default="ca", show_default=True, help=_("Which key store.")
    )(function)


@group.command(help=_("Who has which share of a key store's passphrase."), example="yinxin ca custody show")
@_store_option
@output_option
@click.pass_obj
def show(home: Home, store: Authority, output: Output) -> None:
    """One row for each share."""
    from ca.custody import folder_of
    from core.keys.custody import read_custody

    custody = read_custody(folder_of(home, store))
    if output.json:
        output.details(custody.model_dump(mode="json"), {})
        return
    facts = {"set": custody.set_id, "needed": custody.needed, "made_at": custody.made_at}
    output.details(facts, {"set": _("Set"), "needed": _("Needed"), "made_at": _("Since")})
    rows = [
        {
            "number": one.number,
            "custodian": one.custodian,
            "where": _("encrypted to a certificate") if one.sealed_to else _("on paper"),
            "sm3": one.digest[:16],
        }
        for one in custody.shares
    ]
    headings = {"number": _("Share"), "custodian": _("Custodian"), "where": _("Where"), "sm3": _("SM3 of the share")}
    output.table(rows, headings)


@group.command(
    help=_(
        "Check one share, from FILE or as it is typed or scanned: whether it is undamaged and opens this key store"
        " together with others. Nobody else is needed."
    ),
    example="yinxin ca custody check",
)
@click.argument("file", required=False, type=_FILE)
@click.option("--key", "key_file", type=_FILE, help=_("The custodian's key file, where the share is encrypted to it."))
@_store_option
@output_option
@click.pass_obj
def check(home: Home, file: Path | None, key_file: Path | None, store: Authority, output: Output) -> None:
    """Look at one share."""
    from ca.custody import folder_of
    from core.keys.custodians import ask_for_one, read_share
    from core.keys.custody import read_custody
    from core.keys.handover import prepared_for

    folder = folder_of(home, store)
    prepared = prepared_for(folder)
    share = read_share(file, key_file) if file else ask_for_one(f"keys/{store}")
    custody = read_custody(folder if prepared is None else prepared)
    if prepared is not None and share.set_id != custody.set_id:
        custody = read_custody(folder)
    one = custody.entrusted(share)
    output.done(
        _("Share {number} of {total}, of {custodian}, set {set}: right. {needed} open the keys.").format(
            number=one.number,
            total=len(custody.shares),
            custodian=one.custodian,
            set=custody.set_id,
            needed=custody.needed,
        ),
        {"number": one.number, "custodian": one.custodian, "set": custody.set_id, "needed": custody.needed},
    )


@group.command(
    help=_("A rehearsal: enough custodians enter their shares, and every key of the store is opened."),
    example="yinxin ca custody combine",
)
@_store_option
@output_option
@click.pass_obj
def combine(home: Home, store: Authority, output: Output) -> None:
    """Open every key."""
    from ca.custody import folder_of, open_every_key
    from core.keys.custody import read_custody

    read_custody(folder_of(home, store))
    names = open_every_key(home, store)
    output.done(_("The shares open: {names}.").format(names=", ".join(names)), {"keys": names})


@group.command(
    help=_(
        "Give out new shares, to the same custodians or others: the keys stay, their passphrase changes. The old shares"
        " count until enough of the new ones are entered with: yinxin ca custody confirm."
    ),
    example=(
        "yinxin ca custody renew --needed 3 --custodian 赵敏 --custodian 钱进 --custodian 孙立"
        " --custodian 李娜 --custodian 周强 --sheets /dev/shm/sheets"
    ),
)
@click.option(
    "--custodian",
    "custodians",
    multiple=True,
    required=True,
    metavar="NAME[=CERTIFICATE]",
    help=_("In the order of the shares; with a certificate's file, the share is encrypted to it."),
)
@click.option("--needed", type=click.IntRange(2, 15), default=3, show_default=True, help=_("How many open the keys."))
@click.option("--sheets", type=_FOLDER, help=_("Where the sheets go: a new folder in memory, such as /dev/shm/sheets."))
@click.option("--out", type=_FOLDER, help=_("Where encrypted shares go: a new folder."))
@_store_option
@output_option
@click.pass_obj
def renew(
    home: Home,
    custodians: tuple[str, ...],
    needed: int,
    sheets: Path | None,
    out: Path | None,
    store: Authority,
    output: Output,
) -> None:
    """Prepare another set."""
    from ca.custody import Custodian, Folders
    from ca.custody import renew as prepare

    people = [_custodian(Custodian, given) for given in custodians]
    custody = prepare(home, store, people, needed, Folders(sheets, out), actor=local_account())
    output.done(
        _("Set {set} is prepared: give out its shares, then run: yinxin ca custody confirm").format(set=custody.set_id),
        {"set": custody.set_id, "needed": needed, "shares": len(people)},
    )
    if sheets:
        output.note(_("Print the sheets, then remove them: rm -r {folder}").format(folder=sheets))


def _custodian(kind: Callable[..., Any], given: str) -> Any:
    name, _equals, certificate = given.partition("=")
    return kind(name, read_certificates(Path(certificate))[0] if certificate else None)


@group.command(
    help=_("Put the new shares in force: enough of their custodians enter them. The old ones open nothing any more."),
    example="yinxin ca custody confirm",
)
@_store_option
@output_option
@click.pass_obj
def confirm(home: Home, store: Authority, output: Output) -> None:
    """Put the prepared set in place."""
    from ca.custody import confirm as put_in_force

    custody = put_in_force(home, store, actor=local_account())
    output.done(
        _("Set {set} is in force; the shares before open nothing any more: destroy them.").format(set=custody.set_id),
        {"set": custody.set_id},
    )
