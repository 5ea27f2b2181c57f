"""`yinxin health`."""

import click

from core.cli import Command, Output, output_option
from core.health import Level, examine, worst
from core.home import Home
from core.i18n import _
from yinxin.health import checks_of


@click.command(
    cls=Command,
    help=_(
        "Examine everything that can run out, fall behind or be missing, and say what to do. Exit code 0: all is well,"
        " 1: a warning, 2: critical."
    ),
    example="yinxin health\nyinxin health --amiss --json",
)
@click.option("--amiss", is_flag=True, help=_("Only what is not ok."))
@output_option
@click.pass_obj
def health(home: Home, amiss: bool, output: Output) -> int:
    """Examine."""
    home.records_openings = False
    findings = sorted(examine(checks_of(home)), key=lambda one: -one.level.rank)
    level = worst(findings)
    rows = [vars(one) for one in findings if not amiss or one.level is not Level.OK]
    headings = {
        "level": _("Level"),
        "check": _("Check"),
        "subject": _("About"),
        "what": _("Outcome"),
        "remedy": _("What to do"),
    }
    if output.json:
        output.done("", {"status": level, "findings": rows})
    elif rows:
        output.table(rows, headings)
    else:
        output.note(_("Nothing is amiss."))
    return level.rank
