"""`yinxin seals permits`: which permissions there are for the uses of a seal, and withdrawing one."""

from dataclasses import asdict

import click

from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from seals.cli_options import acting_person
from seals.contracts import People, Session
from seals.register.withdrawals import list_permissions, withdraw_permission


@click.group(cls=Group, help=_("Permissions for single uses of a seal, which `yinxin seals permit` gives."))
def permits() -> None:
    """The group of permissions."""


@permits.command(
    "list",
    help=_("List the permissions for the seal NAME, the newest first, for auditors and its custodians."),
    example="yinxin seals permits list office --as he.qing --key he.pem",
)
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help=_("How many."))
@click.option("--before", help=_("Only permissions before the one of this number: the next page."))
@output_option
@acting_person
def list_command(
    home: Home, people: People, session: Session, name: str, limit: int, before: str | None, output: Output
) -> None:
    """List permissions."""
    found = list_permissions(home.context, people, session, name, limit=limit, before=before)
    headings = {
        "number": _("Number"),
        "custodian": _("Custodian"),
        "standing": _("State"),
        "until": _("Until"),
        "purpose": _("Purpose"),
        "document_sha256": _("SHA-256"),
    }
    output.table([asdict(one) for one in found], headings)


@permits.command(
    help=_("Withdraw the permission NUMBER, as a custodian of its seal. What was sealed with it stays sealed."),
    example="yinxin seals permits withdraw 0123456789abcdef0123456789abcdef --reason … --as he.qing --key he.pem",
)
@click.argument("number")
@click.option("--reason", required=True, help=_("For the books."))
@output_option
@acting_person
def withdraw(home: Home, people: People, session: Session, number: str, reason: str, output: Output) -> None:
    """Withdraw a permission."""
    seal = withdraw_permission(home.context, people, session, number, reason)
    output.done(
        _("The permission {number} for {seal} is withdrawn.").format(number=number, seal=seal),
        {"number": number, "seal": seal, "standing": "withdrawn"},
    )
