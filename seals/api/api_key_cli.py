"""`yinxin seals api-key`: which calling systems there are, and what they may do."""

from datetime import timedelta
from pathlib import Path

import click

from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from seals.api import api_keys, granting
from seals.api.api_keys import USUAL_DAYS, USUAL_SCOPES, Scope, Terms
from seals.batches.webhooks import signing_key
from seals.cli_options import acting_person
from seals.contracts import People, Session

_DAYS = click.option(
    "--days",
    type=click.IntRange(0, 3660),
    default=USUAL_DAYS,
    show_default=True,
    help=_("So long it holds; 0: always."),
)


@click.group("api-key", cls=Group, help=_("Calling systems, and the keys with which they use seals over HTTP."))
def api_key() -> None:
    """The group of API keys."""


@api_key.command(
    "new",
    help=_("Register the calling system NAME, and print its API key, this once."),
    example="yinxin seals api-key new oa-system --seal office --as song.lin --key song.pem\n"
    "yinxin seals api-key new archive --seal office --for digests --webhook https://archive.example.gov.cn/sealed"
    " --as song.lin --key song.pem",
)
@click.argument("name")
@click.option("--seal", "seals", multiple=True, required=True, help=_("A seal that it may use; can be repeated."))
@click.option(
    "--for",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help=_("What it may do; can be repeated. Else everything but sealing digests of documents that are not shown."),
)
@_DAYS
@click.option("--webhook", default="", help=_("The address that is told when a batch has ended."))
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    help=_("A certificate that it may show to the TLS edge instead of the key."),
)
@output_option
@acting_person
def new(
    home: Home,
    people: People,
    session: Session,
    name: str,
    seals: tuple[str, ...],
    scopes: tuple[str, ...],
    days: int,
    webhook: str,
    certificate: Path | None,
    output: Output,
) -> None:
    """Register a calling system."""
    if webhook:
        # The service only signs with it; where it is made, somebody is there whom the passphrase can be asked of.
        signing_key(home.key_store("seals"))
    shown = read_certificates(certificate)[0] if certificate else None
    granted = tuple(map(Scope, scopes)) or USUAL_SCOPES
    terms = Terms(granted, days or None, webhook, shown)
    key = granting.admit(home.context, people, session, name, seals, terms)
    output.note(_("Keep this key: it is not shown again."))
    output.done(key, {"name": name, "key": key, "seals": list(seals), "for": [scope.value for scope in granted]})


@api_key.command("list", help=_("List the calling systems."), example="yinxin seals api-key list")
@output_option
@click.pass_obj
def list_command(home: Home, output: Output) -> None:
    """List the calling systems."""
    rows = [vars(system) | {"for": list(system.scopes)} for system in api_keys.list_systems(home.context)]
    output.table(
        rows,
        {
            "name": _("Name"),
            "seals": _("Seals"),
            "for": _("May"),
            "expires_at": _("Until"),
            "withdrawn_at": _("Withdrawn"),
            "webhook": _("Webhook"),
        },
    )


@api_key.command(
    help=_("Print another key for NAME. The one before holds for a while longer, so that nothing stands still."),
    example="yinxin seals api-key rotate oa-system --keep-hours 48 --as song.lin --key song.pem",
)
@click.argument("name")
@_DAYS
@click.option(
    "--keep-hours",
    type=click.IntRange(0, 24 * 90),
    default=24,
    show_default=True,
    help=_("So long the key before holds."),
)
@output_option
@acting_person
def rotate(home: Home, people: People, session: Session, name: str, days: int, keep_hours: int, output: Output) -> None:
    """Replace a key."""
    keep = timedelta(hours=keep_hours)
    key = granting.rotate(home.context, people, session, name, days=days or None, keep=keep)
    output.note(_("Keep this key: it is not shown again."))
    output.done(key, {"name": name, "key": key})


@api_key.command(
    help=_("Take nothing from NAME any more, neither keys nor certificate. This is for good."),
    example="yinxin seals api-key withdraw oa-system --as song.lin --key song.pem",
)
@click.argument("name")
@output_option
@acting_person
def withdraw(home: Home, people: People, session: Session, name: str, output: Output) -> None:
    """Withdraw a calling system's keys."""
    granting.withdraw(home.context, people, session, name)
    output.done(_("{name} cannot use seals any more.").format(name=name), {"name": name})
