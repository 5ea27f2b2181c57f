"""`yinxin seals`: the register, sealing, verification."""

from pathlib import Path

import click

from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from seals.api.api_key_cli import api_key
from seals.electronic.cli import inspect_command
from seals.folder_cli import stamp_folder
from seals.pictures.cli import clean, draw
from seals.receipt_cli import receipt
from seals.register.cli import group as register
from seals.register.registered import list_seals
from seals.register.use_cli import permit, uses
from seals.stamp_cli import stamp
from seals.verification.printing import print_report, print_summary
from seals.verification.report import Verdict
from seals.verification.trust import load_trust
from seals.verification.verification import verify_pdf

_FILE = click.Path(path_type=Path, dir_okay=False)


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


@group.command(
    help=_(
        "Verify the seals of each FILE, without a network. Exit code: 0 valid, 1 valid with remarks, 2 indeterminate,"
        " 3 invalid; of several files, the worst."
    ),
    example="yinxin seals verify notice-sealed.pdf\nyinxin seals verify *.pdf --trust demo/trust --json",
)
@click.argument("documents", nargs=-1, required=True, type=_FILE, metavar="FILE…")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help=_("The folder of trusted certificates, with newer *.crl files; else trust in the home folder."),
)
@click.option("--crl", "crls", multiple=True, type=_FILE, help=_("A revocation list newer than those in the document."))
@output_option
@click.pass_obj
def verify(home: Home, documents: tuple[Path, ...], trust: Path | None, crls: tuple[Path, ...], output: Output) -> int:
    """Verify documents."""
    trusted = load_trust(trust or home.trust, crls)
    reports = [
        verify_pdf(document, trusted, home.clock, name=document.name)
        for document in output.track(documents, _("Verifying"))
    ]
    if len(reports) == 1:
        print_report(output, reports[0])
    else:
        print_summary(output, reports)
    return max(report.verdict for report in reports).exit_code if reports else Verdict.VALID.exit_code


group.add_command(register, "register")
group.add_command(permit)
group.add_command(uses)
group.add_command(inspect_command)
group.add_command(draw)
group.add_command(clean)
group.add_command(api_key)
group.add_command(receipt)
group.add_command(stamp_folder)
