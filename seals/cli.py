"""`yinxin seals`: the register, sealing, verification."""

import click

from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _


@click.group(cls=Group, help=_("Seals: make them, seal documents, verify sealed documents."))
def group() -> None:
    """The group of commands."""


@group.command("list", help=_("List the seals in the register."), example="yinxin seals list")
@output_option
@click.pass_obj
def list_command(home: Home, output: Output) -> None:
    """List the register."""
    from seals.register.lists import list_seals

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


group.add_later("stamp", "seals.stamp_cli:stamp", _("Seal a document with a seal of the register."))
group.add_later("verify", "seals.verification.cli:verify", _("Verify sealed documents, without a network."))
group.add_later("bundle", "seals.verification.bundle_cli:bundle", _("Write what an auditor needs years later."))
group.add_later(
    "code",
    "seals.codes.cli:code",
    _("QR codes for paper (数字指纹): short statements signed with the key of a seal."),
)
group.add_later("verify-code", "seals.codes.cli:verify_code_command", _("Check a code, without a network."))
group.add_later(
    "register",
    "seals.register.cli:group",
    _("The life of a seal: applied for, approved by two, made, activated, frozen, changed, handed in, destroyed."),
)
group.add_later("permit", "seals.register.use_cli:permit", _("Permit that a document is sealed once."))
group.add_later(
    "permits",
    "seals.register.permits_cli:permits",
    _("Permissions for single uses of a seal, which `yinxin seals permit` gives."),
)
group.add_later("uses", "seals.register.use_cli:uses", _("List the uses of a seal, the newest first."))
group.add_later("inspect", "seals.electronic.cli:inspect_command", _("Explain an electronic seal and check it."))
group.add_later("draw", "seals.pictures.cli:draw", _("Draw the picture of a seal."))
group.add_later("clean", "seals.pictures.cli:clean", _("Clean the picture of a seal that was scanned."))
group.add_later(
    "api-key",
    "seals.api.api_key_cli:api_key",
    _("Calling systems, and the keys with which they use seals over HTTP."),
)
group.add_later(
    "receipt", "seals.receipt_cli:receipt", _("Receipts for documents: signed by whoever got them, with a time stamp.")
)
group.add_later("stamp-folder", "seals.folder_cli:stamp_folder", _("Seal every document in a folder."))
group.add_later("batch", "seals.batches.cli:group", _("Batches of documents at a seal service."))
group.add_later("webhook", "seals.batches.webhook_cli:group", _("What a seal service tells of finished batches."))
