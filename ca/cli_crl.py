"""`yinxin ca crl`: publish, look at and check revocation lists."""

from pathlib import Path
from typing import Any

import click

from ca import crl as lists
from ca.authorities import Authority, authority_of, list_authorities
from ca.crl.checking import check_in_force
from ca.crl.publication import PublishedCrl
from ca.crl.urgency import publish_urgent
from ca.encryption_keys import tell_centre
from ca.state import Reason
from core import files
from core.account import local_account
from core.cli import Group, Output, output_option
from core.errors import YinxinError
from core.home import Home
from core.i18n import _
from core.output import for_people

_HEADINGS = {
    "list": _("List"),
    "number": _("Number"),
    "base": _("Base"),
    "this_update": _("From"),
    "next_update": _("Until"),
    "entries": _("Entries"),
    "size": _("Octets"),
}


@click.group("crl", cls=Group, help=_("Certificate revocation lists."))
def group() -> None:
    """The group."""


@group.command(
    help=_(
        "Sign and publish new lists of each AUTHORITY; without any, those that are due: half of their time has gone,"
        " or a certificate was revoked after a compromise."
    ),
    example="yinxin ca crl publish sm2-issuing\nyinxin ca crl publish",
)
@click.argument("authorities", nargs=-1, metavar="[AUTHORITY]…")
@click.option("--hours", type=click.IntRange(1, 24 * 400), help=_("How long full lists hold; else as configured."))
@click.option("--delta", is_flag=True, help=_("Only the delta, where the authority has deltas."))
@output_option
@click.pass_obj
def publish(home: Home, authorities: tuple[str, ...], hours: int | None, delta: bool, output: Output) -> int:
    """Publish."""
    if authorities:
        keys, settings, published = home.key_store("ca"), home.configuration.ca, list[PublishedCrl]()
        for authority in _named(home, authorities):
            terms = lists.terms_of(settings, authority, hours)
            published += lists.publish(home.context, keys, authority.name, terms, full=not delta, actor=local_account())
        failed = False
    else:
        published, failed = publish_what_is_due(home, output)
    output.table([_facts(one) for one in published], _HEADINGS)
    if reason := tell_centre(home):
        output.warn(_("The key-management centre was not told: {reason}").format(reason=reason))
    return 1 if failed else 0


def publish_what_is_due(home: Home, output: Output) -> tuple[list[PublishedCrl], bool]:
    """What was published, and whether something that is due could not be, of which the reader is warned."""
    outcomes = list(lists.publish_due(home.context, home.key_store("ca"), home.configuration.ca, actor=local_account()))
    failures = [outcome for outcome in outcomes if isinstance(outcome, YinxinError)]
    for failure in failures:
        output.warn(str(failure))
    warn_of_lists_to_bring(home, output)
    return [outcome for outcome in outcomes if isinstance(outcome, PublishedCrl)], bool(failures)


@group.command("list", help=_("The lists in force, of each AUTHORITY or of all."), example="yinxin ca crl list")
@click.argument("authorities", nargs=-1, metavar="[AUTHORITY]…")
@output_option
@click.pass_obj
def list_(home: Home, authorities: tuple[str, ...], output: Output) -> None:
    """One row for each list."""
    chosen = _named(home, authorities) or list_authorities(home.storage)
    rows = [_facts(one) for authority in chosen for one in lists.lists_in_force(home.context, authority)]
    output.table(rows, _HEADINGS)


@group.command(help=_("The list in force; as DER with --out."), example="yinxin ca crl show sm2-issuing --out sm2.crl")
@click.argument("authority")
@click.option("--shard", type=click.IntRange(min=0), default=0, help=_("Which, where the lists are divided."))
@click.option("--delta", is_flag=True, help=_("The delta to it."))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help=_("Write it here."))
@output_option
@click.pass_obj
def show(home: Home, authority: str, shard: int, delta: bool, out: Path | None, output: Output) -> None:
    """Facts of a list."""
    published = lists.latest_published(home.context, authority, shard=shard, delta=delta)
    if out:
        with files.writing(out) as file:
            for piece in lists.pieces_of(home.storage, published.id):
                file.write(piece)
    output.details(_facts(published), _HEADINGS)


@group.command(
    help=_("Read the lists in force again: signature, scope, times, entries. Exit code 1 if one is wrong or too old."),
    example="yinxin ca crl check",
)
@click.argument("authorities", nargs=-1, metavar="[AUTHORITY]…")
@output_option
@click.pass_obj
def check(home: Home, authorities: tuple[str, ...], output: Output) -> int:
    """Check what is served."""
    rows: list[dict[str, Any]] = []
    for authority in _named(home, authorities) or list_authorities(home.storage):
        for published, findings in check_in_force(home.context, authority):
            rows.append({"list": published.name, "number": published.number, "findings": findings})
    output.table(rows, {"list": _("List"), "number": _("Number"), "findings": _("Finding")})
    return 1 if any(row["findings"] for row in rows) else 0


@group.command(
    "import",
    help=_(
        "Serve the revocation list in FILE, of an authority above ours that signs elsewhere, and believe what it says"
        " of our authorities."
    ),
    example="yinxin ca crl import sm2-root.crl",
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@output_option
@click.pass_obj
def import_(home: Home, file: Path, output: Output) -> None:
    """Bring a list."""
    from ca.crl.importing import import_list

    try:
        published = import_list(home.context, files.read(file), actor=local_account())
    except YinxinError as error:
        error.subject = error.subject or str(file)
        raise
    output.table([_facts(published)], _HEADINGS)


def warn_of_lists_to_bring(home: Home, output: Output) -> None:
    """Name the authorities elsewhere whose lists never came, or have lived three quarters of their time."""
    now = home.clock.now()
    for authority in list_authorities(home.storage):
        if authority.key_is_here:
            continue
        end = next((one for one in lists.lists_in_force(home.context, authority)), None)
        if end is None or now >= end.next_update - (end.next_update - end.this_update) / 4:
            until = for_people(end.next_update if end else None)
            output.warn(
                _("The list of {authority} ends: {moment}. Bring a new one with: yinxin ca crl import").format(
                    authority=authority.name, moment=until
                )
            )


def publish_at_once(home: Home, authority: str, reason: Reason, output: Output, *, actor: str = "") -> None:
    """Publish what cannot wait after a revocation, as far as this process has the key, and tell of it."""
    published, missed = publish_urgent(home, authority, reason, actor=actor or local_account())
    for one in published:
        output.note(_("The list {list} is published, number {number}.").format(list=one.name, number=one.number))
    if missed:
        output.warn(missed)


def _named(home: Home, names: tuple[str, ...]) -> list[Authority]:
    with home.storage.reading() as connection:
        return [authority_of(connection, name) for name in names]


def _facts(published: PublishedCrl) -> dict[str, Any]:
    return {
        "list": published.name,
        "authority": published.authority,
        "shard": published.shard,
        "number": published.number,
        "base": published.base,
        "this_update": published.this_update,
        "next_update": published.next_update,
        "entries": published.entries,
        "size": published.size,
        "digest": published.digest,
    }
