"""`yinxin ra template`, `import` and `export`: lists in, lists out."""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import click

from ca.register import Filter
from ca.state import State as CertificateState
from core import files
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.cli_filters import filter_options
from ra.cli_options import FILE, acting_operator, asking_anybody
from ra.examination import Defaults
from ra.exporting import (
    CERTIFICATE_HEADINGS,
    REQUEST_HEADINGS,
    Encoding,
    Format,
    write_csv_template,
    write_export,
)
from ra.filters import RequestFilter
from ra.importing import Examination, Outcome
from ra.moves import State
from ra.office import RegistrationOffice
from ra.spreadsheets import read_table

Wanted = TypeVar("Wanted", bound=StrEnum)


@click.command(
    cls=Command,
    help=_("Write an empty list to fill in, for `yinxin ra import`: XLSX, or CSV as the file's name says."),
    example="yinxin ra template --out staff.xlsx",
)
@click.option("--out", required=True, type=FILE, help=_("Where to write it."))
@asking_anybody
@output_option
def template_command(office: RegistrationOffice, out: Path, output: Output) -> None:
    """Write the template."""
    if out.suffix.lower() == ".csv":
        template = write_csv_template()
    else:
        from ra.workbook_writing import write_template

        template = write_template(office.profiles())
    files.write(out, template, replace=False)
    output.done(_("{out}: fill in one row for each certificate.").format(out=out), {"template": str(out)})


@click.command(
    cls=Command,
    name="import",
    help=_(
        "Enter a request for each row of a list (XLSX or CSV). Every row is checked first; if one is wrong, all that "
        "is wrong is told and nothing is entered. Rows entered before are passed over, so that an import that was "
        "interrupted is simply run again."
    ),
    example=(
        "yinxin ra import staff.xlsx --csr-folder requests --profile staff --authority sm2-issuing "
        "--marked staff-problems.xlsx --as li.enter --key li.pem"
    ),
)
@click.argument("file", type=FILE)
@click.option("--csr-folder", type=click.Path(path_type=Path, file_okay=False), help=_("Folder of the rows' requests."))
@click.option("--profile", help=_("Kind of certificate, for rows that name none."))
@click.option("--authority", help=_("The authority that shall issue, for rows that name none."))
@click.option("--valid-only", is_flag=True, help=_("Enter the rows that are sound although others are not."))
@click.option("--check", "check_only", is_flag=True, help=_("Only check; enter nothing."))
@click.option(
    "--marked", type=FILE, help=_("If rows are wrong, write a copy of the list here with the problems marked.")
)
@acting_operator
@output_option
def import_command(
    office: RegistrationOffice,
    file: Path,
    csr_folder: Path | None,
    profile: str | None,
    authority: str | None,
    valid_only: bool,
    check_only: bool,
    marked: Path | None,
    output: Output,
) -> None:
    """Import a list."""
    table = read_table(file)
    with output.progress(_("Checking"), len(table.rows) - 1) as advance:
        found = office.examine(table, Defaults(profile, authority, csr_folder), advance=advance)
    if marked and found.problems:
        from ra.workbook_writing import write_marked

        # Holds identity numbers.
        files.write(marked, write_marked(table, found.problems), mode=0o600)
    entered: list[Outcome] = []
    try:
        if not check_only and (valid_only or not found.problems):
            with output.progress(_("Entering"), len(found.candidates)) as advance:
                for outcome in office.enter_rows(found.candidates):
                    entered.append(outcome)
                    advance(1)
    finally:
        _tell(output, found, entered)
    if found.problems:
        wrong = len({problem.row for problem in found.problems})
        if not valid_only:
            raise YinxinError(
                Kind.INVALID,
                _("{count} rows are wrong; nothing was entered").format(count=wrong),
                subject=str(file),
                remedy=_("correct them, or enter the others with --valid-only"),
            )
        output.warn(_("{count} rows are wrong and were not entered").format(count=wrong))


@click.command(
    cls=Command,
    name="export",
    help=_("Write requests or certificates into a file for other programs. Identity numbers are left out."),
    example=(
        "yinxin ra export certificates --format csv --encoding gb18030 --out certificates.csv "
        "--as sun.query --key sun.pem"
    ),
)
@click.argument("what", type=click.Choice(["requests", "certificates"]))
@click.option("--out", required=True, type=FILE, help=_("Where to write it."))
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.CSV.value,
    show_default=True,
    help=_("CSV, workbook (XLSX) or JSON lines."),
)
@click.option(
    "--encoding",
    type=click.Choice([encoding.value for encoding in Encoding]),
    default=Encoding.UTF8.value,
    show_default=True,
    help=_("Of CSV; gb18030 is for old office software."),
)
@click.option("--state", help=_("Only those in this state."))
@acting_operator
@filter_options
@output_option
def export_command(
    office: RegistrationOffice,
    what: str,
    out: Path,
    form: str,
    encoding: str,
    state: str | None,
    wanted: RequestFilter,
    output: Output,
) -> None:
    """Export requests or certificates."""
    if what == "requests":
        wanted = replace(wanted, state=_state(State, state))
        headings, rows = REQUEST_HEADINGS, office.request_records(wanted)
    else:
        certificates = Filter(
            state=_state(CertificateState, state),
            profile=wanted.profile,
            expires_from=wanted.expires_from,
            expires_before=wanted.expires_before,
        )
        # The expiry is that of each certificate, not of the request's newest.
        wanted = replace(wanted, expires_from=None, expires_before=None)
        headings, rows = CERTIFICATE_HEADINGS, office.certificate_records(certificates, wanted)
    with files.writing(out) as file:
        tracked = output.track(rows, _("Writing"))
        count = write_export(file, headings, tracked, Format(form), encoding=Encoding(encoding))
    output.done(_("{out}: {count} rows").format(out=out, count=count), {"export": str(out), "rows": count})


def _state(states: type[Wanted], given: str | None) -> Wanted | None:
    if given is None:
        return None
    try:
        return states(given)
    except ValueError:
        raise YinxinError(
            Kind.INVALID,
            _("no such state"),
            subject=given,
            remedy=_("one of: {states}").format(states=", ".join(state.value for state in states)),
        ) from None


def _tell(output: Output, found: Examination, entered: Iterable[Outcome]) -> None:
    problems = [
        {"row": problem.row, "column": found.column_label(problem), "problem": problem.what}
        for problem in found.problems
    ]
    done = list(entered)
    if not output.json:
        if problems:
            output.table(problems, {"row": _("Row"), "column": _("Column"), "problem": _("Problem")})
        if found.known:
            output.note(_("{count} rows were entered before and are passed over.").format(count=len(found.known)))
    facts = {
        "entered": [vars(outcome) for outcome in done],
        "known": [vars(outcome) for outcome in found.known],
        "sound": len(found.candidates),
        "problems": problems,
    }
    if output.json or done or not problems:
        output.done(
            _("{entered} of {sound} requests are entered.").format(entered=len(done), sound=len(found.candidates)),
            facts,
        )
