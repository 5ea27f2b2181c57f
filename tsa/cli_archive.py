"""`yinxin tsa archive`, `check`, `renew`: folders whose files are proven for decades (RFC 4998)."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from core.cli import Command, Output, output_option
from core.home import Home
from core.i18n import _, ngettext
from tsa.cli_options import digest_for, settings, stamper, stamper_options, standing_words, token_judge, trust_options
from tsa.evidence.archive import Archive, FileReport, Standing
from tsa.evidence.preservation import Preservation

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_QUIET = (Standing.VALID, Standing.STAMPED, Standing.RENEWED)


@click.command(
    cls=Command,
    help=_(
        "Make evidence for the files in FOLDER that have none: one time stamp over many files, and an evidence record"
        " (RFC 4998) for each, in FOLDER/evidence. Run it again after new files came."
    ),
    example="yinxin tsa archive documents",
)
@click.argument("folder", type=_FOLDER)
@stamper_options
@trust_options
@output_option
@click.pass_obj
def archive(
    home: Home,
    folder: Path,
    server: str | None,
    unit: str | None,
    policy: str | None,
    digest: str | None,
    trust: Path | None,
    certificates: Path | None,
    output: Output,
) -> int:
    """Make evidence."""
    preservation = _preservation(home, folder, trust, certificates)
    names = preservation.archive.unprotected()
    if not names and not output.json:
        output.done(_("{folder}: every file has evidence already").format(folder=folder))
        return 0
    stamp = stamper(home, server, unit, policy)
    reports = preservation.protect(names, stamp, digest_for(digest, server))
    return _print(output, output.track(reports, _("Stamping"), len(names)))


@click.command(
    cls=Command,
    help=_(
        "Verify the evidence of every file in FOLDER. Nothing is fetched. Exit code 0: all valid; 1: some file without"
        " evidence, not trusted, or not renewed in time; 3: some file changed, missing, or its evidence invalid."
    ),
    example="yinxin tsa check documents --trust demo/trust",
)
@click.argument("folder", type=_FOLDER)
@trust_options
@output_option
@click.pass_obj
def check(home: Home, folder: Path, trust: Path | None, certificates: Path | None, output: Output) -> int:
    """Verify evidence."""
    preservation = _preservation(home, folder, trust, certificates)
    names = preservation.archive.names()
    return _print(output, output.track(preservation.check(names), _("Verifying"), len(names)))


@click.command(
    cls=Command,
    help=_(
        "Renew the evidence in FOLDER that will weaken soon (tsa.renew_days): the authority's certificate ends, or an"
        " algorithm does. Each file is verified first; exit codes as of check. Interrupted, it goes on when run again."
    ),
    example="yinxin tsa renew documents",
)
@click.argument("folder", type=_FOLDER)
@click.option("--all", "early", is_flag=True, help=_("Renew also what is not due yet."))
@stamper_options
@trust_options
@output_option
@click.pass_obj
def renew(
    home: Home,
    folder: Path,
    early: bool,
    server: str | None,
    unit: str | None,
    policy: str | None,
    digest: str | None,
    trust: Path | None,
    certificates: Path | None,
    output: Output,
) -> int:
    """Renew evidence. A digest that is named replaces every other one."""
    preservation = _preservation(home, folder, trust, certificates)
    names = preservation.archive.names()
    stamp = stamper(home, server, unit, policy)
    preferred = digest_for(digest, server)
    reports = preservation.renew(names, stamp, preferred, change_digest=digest is not None, early=early)
    return _print(output, output.track(reports, _("Renewing"), len(names)))


def _preservation(home: Home, folder: Path, trust: Path | None, certificates: Path | None) -> Preservation:
    margin = timedelta(days=settings(home).renew_days)
    return Preservation(Archive(folder), token_judge(home, trust, certificates), home.clock, margin)


def _print(output: Output, reports: Iterable[FileReport]) -> int:
    """Programs read of every file, people of those that need them; the exit code of the worst."""
    known = sorted(reports, key=lambda report: report.file)
    counts = {standing: sum(report.standing is standing for report in known) for standing in Standing}
    if output.json:
        output.table([asdict(report) for report in known], {})
        return _exit_code(known)
    words = standing_words()
    wanting = [
        asdict(report) | {"standing": words[report.standing]} for report in known if report.standing not in _QUIET
    ]
    if wanting:
        columns = {
            "file": _("File"),
            "standing": _("Standing"),
            "since": _("The file existed at"),
            "holds_until": _("To be renewed before"),
            "explanation": _("Because"),
        }
        output.table(wanting, columns)
    summary = ", ".join(f"{words[standing]}: {count}" for standing, count in counts.items() if count)
    files = ngettext("{count} file", "{count} files", len(known)).format(count=len(known))
    output.done(f"{files}: {summary}" if summary else files)
    return _exit_code(known)


def _exit_code(reports: Iterable[FileReport]) -> int:
    return max((report.standing.exit_code for report in reports), default=0)
