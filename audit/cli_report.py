"""`yinxin audit report`: the pages for whoever answers for the centre."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import click

from audit.bundle import opened
from audit.cli import export_now
from audit.cli_options import anchors_of, key_options, keys_of, trust_option
from audit.contracts import CHECK_TOKEN
from audit.findings import is_broken
from audit.key import fingerprint as fingerprint_of
from audit.report import pages
from audit.report.gathering import BEIJING, Gathered, Report
from audit.verification import verify_log
from core import files
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _

DAYS = 30
_DAY = click.DateTime(["%Y-%m-%d"])
_WRITERS = {".html": pages.html, ".pdf": pages.pdf}


@click.command(
    cls=Command,
    help=_(
        "Report on a period: verify the log of this installation, or an exported FILE; what happened, by whom,"
        " with plots and every finding. Days are those of Beijing."
    ),
    example="yinxin audit report --from 2026-01-01 --to 2026-12-31 --out report.pdf",
)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--from", "first", type=_DAY, help=_("The first day; a month before the last unless given."))
@click.option("--to", "last", type=_DAY, help=_("The last day; today unless given."))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=_("FILE.html or FILE.pdf."))
@key_options
@trust_option
@output_option
@click.pass_obj
@click.pass_context
def report(
    context: click.Context,
    home: Home,
    file: Path | None,
    first: datetime | None,
    last: datetime | None,
    out: Path,
    key: tuple[Path, ...],
    fingerprint: str,
    trust: Path | None,
    output: Output,
) -> None:
    """Write the report."""
    write = _WRITERS.get(out.suffix.lower())
    if write is None:
        raise YinxinError(Kind.INVALID, _("a report is an .html or a .pdf file"), subject=str(out))
    end = last.date() if last else home.clock.now().astimezone(BEIJING).date()
    begin = first.date() if first else end - timedelta(days=DAYS - 1)
    if begin > end:
        raise YinxinError(Kind.INVALID, _("the period ends before it begins"), subject=f"{begin} – {end}")
    gathered = Gathered(begin, end)
    with tempfile.TemporaryDirectory() as folder:
        if file is None:
            file = Path(folder) / "audit.zip"
            export_now(context, home, file)
        with opened(file) as bundle:
            trusted = keys_of(home, key, fingerprint, bundle.key_file())
            check, anchors = context.meta[CHECK_TOKEN], anchors_of(home, trust)
            seen = verify_log(bundle, trusted, check_token=check, anchors=anchors, also=gathered.take)
    findings = seen.findings
    told = Report(gathered, seen.chain, findings, ", ".join(map(fingerprint_of, seen.keys.keys)))
    files.write(out, write(told))
    facts = {"file": str(out), "entries": gathered.entries, "findings": len(findings), "broken": is_broken(findings)}
    output.done(_("{verdict} The report is in {file}.").format(verdict=pages.verdict(told), file=out), facts)
