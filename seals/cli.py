"""`yinxin seals`: the register, sealing, verification."""

import click

from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from seals.api.api_key_cli import api_key
from seals.codes.cli import code, verify_code_command
from seals.electronic.cli import inspect_command
from seals.folder_cli import stamp_folder
from seals.pictures.cli import clean, draw
from seals.receipt_cli import receipt
from seals.register.cli import group as register
from seals.register.lists import list_seals
from seals.register.permits_cli import permits
from seals.register.use_cli import permit, uses
from seals.stamp_cli import stamp
from seals.verification.bundle_cli import bundle
from seals.verification.cli import verify


@click.group(cls=Group, help=_("Seals: make them, seal documents, verify sealed documents."))
def group() -> None:
    """The group of commands."""


@group.command("list", help=_("List the seals in the register."), example="yinxin seals list")
@output_option
@click.pass_obj
def list_command(home: Home, output: Output) -> None:
    """List the register."""
    rows = [
        {
            "name": seal.name,
            "owner": seal.owner,
            "kind": seal.kind.value,
            "state": seal.state.value,
            "valid_until": seal.valid_until,
        }
        for seal in list_seals(home.context)
    ]
    headings = {
        "name": _("Name"),
        "owner": _("Owner"),
        "kind": _("Kind"),
        "state": _("State"),
        "valid_until": _("Valid until"),
    }
    output.table(rows, headings)


group.add_command(stamp)
group.add_command(verify)
group.add_command(bundle)
group.add_command(code)
group.add_command(verify_code_command)
group.add_command(register, "register")
group.add_command(permit)
group.add_command(permits)
group.add_command(uses)
group.add_command(inspect_command)
group.add_command(draw)
group.add_command(clean)
group.add_command(api_key)
group.add_command(receipt)
group.add_command(stamp_folder)
group.add_later("batch", "seals.batches.cli:group", _("Batches of documents at a seal service."))
group.add_later("webhook", "seals.batches.webhook_cli:group", _("What a seal service tells of finished batches."))
