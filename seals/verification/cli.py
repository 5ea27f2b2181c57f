"""`yinxin seals verify`: the truth about sealed documents, at a terminal and in files."""

from pathlib import Path

import click

from core.cli import Command, Output, output_option
from core.home import Home
from core.i18n import _
from seals.cli_options import FILE, password_option
from seals.verification.printing import print_report, print_summary
from seals.verification.report import Verdict
from seals.verification.trust import load_trust
from seals.verification.verification import verify_pdf


@click.command(
    cls=Command,
    help=_(
        "Verify the seals of each FILE, without a network. Exit code: 0 valid, 1 valid with remarks, 2 indeterminate,"
        " 3 invalid; of several files, the worst."
    ),
    example="yinxin seals verify notice-sealed.pdf\nyinxin seals verify *.pdf --trust demo/trust --json",
)
@click.argument("documents", nargs=-1, required=True, type=FILE, metavar="FILE…")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help=_("The folder of trusted certificates, with newer *.crl files; else trust in the home folder."),
)
@click.option("--crl", "crls", multiple=True, type=FILE, help=_("A revocation list newer than those in the document."))
@password_option
@output_option
@click.pass_obj
def verify(
    home: Home,
    /,
    documents: tuple[Path, ...],
    trust: Path | None,
    crls: tuple[Path, ...],
    password: str | None,
    output: Output,
) -> int:
    """Verify documents."""
    trusted = load_trust(trust or home.trust, crls)
    reports = [
        verify_pdf(document, trusted, home.clock, name=document.name, password=password)
        for document in output.track(documents, _("Verifying"))
    ]
    if len(reports) == 1:
        print_report(output, reports[0])
    else:
        print_summary(output, reports)
    return max(report.verdict for report in reports).exit_code if reports else Verdict.VALID.exit_code
