"""`yinxin seals verify`: the truth about sealed documents, at a terminal and in files."""

import os
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import click

from core import files
from core.cli import Command, Output, output_option
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from seals.cli_options import FILE, password_option
from seals.verification.beside import verify_path
from seals.verification.bundle_cli import grounds
from seals.verification.files import verify_file
from seals.verification.folder import FolderWork, Ledger, Row, documents_in, grounds_of, verify_folder
from seals.verification.online import Online
from seals.verification.online import save_evidence as write_evidence
from seals.verification.online_cli import online_options
from seals.verification.printing import print_report, print_rows, print_summary
from seals.verification.report import Report, Verdict
from seals.verification.report_files import Drawable, ReportForm, form_of, written_report
from seals.verification.trust import Trust


@click.command(
    cls=Command,
    help=_(
        "Verify each FILE, or every document in a FOLDER, without a network: sealed PDF documents, electronic seals"
        " (.esl), signatures (CMS, SES_Signature) and time stamps. Exit code: 0 valid, 1 valid with remarks,"
        " 2 indeterminate, 3 invalid; of several, the worst."
    ),
    example="yinxin seals verify notice-sealed.pdf\n"
    "yinxin seals verify *.pdf --trust demo/trust --json\n"
    "yinxin seals verify notice.p7s --content notice.txt\n"
    "yinxin seals verify notice-sealed.pdf --online --save-evidence trust\n"
    "yinxin seals verify notice-sealed.pdf --report notice-report.html\n"
    "yinxin seals verify notice-sealed.pdf --bundle evidence-2026.zip --trust trust\n"
    "yinxin seals verify archive --results archive.csv --workers 2",
)
@click.argument("documents", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE… | FOLDER")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help=_(
        "The folder of trusted certificates, with newer revocation lists and OCSP responses, and further issuers in"
        " its folder issuers; else trust in the home folder."
    ),
)
@click.option("--crl", "crls", multiple=True, type=FILE, help=_("A revocation list newer than those in the document."))
@click.option(
    "--bundle", "bundle_file", type=FILE, help=_("An evidence bundle (yinxin seals bundle), which --trust vouches for.")
)
@click.option(
    "--fingerprint",
    "fingerprints",
    multiple=True,
    help=_("For --bundle, instead of --trust: the SHA-256 of an anchor in it that you trust."),
)
@click.option(
    "--content",
    type=FILE,
    help=_("For one FILE: what a detached signature or a time stamp is about; else the file beside it of that name."),
)
@click.option(
    "--results",
    type=FILE,
    help=_("For a FOLDER: a .csv with a line for each document. The same command goes on after an interruption."),
)
@click.option(
    "--report",
    type=FILE,
    help=_("For one FILE: write the report as .html, .json, .pdf or .xml (ETSI TS 119 102-2)."),
)
@click.option(
    "--seal",
    help=_("For a report in .pdf: the seal of the register that it is sealed with; else report_seal of [seals]."),
)
@click.option("--workers", type=click.IntRange(1, 256), help=_("For a FOLDER: processes; else one for each core."))
@online_options
@password_option
@output_option
@click.pass_obj
def verify(
    home: Home,
    documents: tuple[Path, ...],
    trust: Path | None,
    crls: tuple[Path, ...],
    bundle_file: Path | None,
    fingerprints: tuple[str, ...],
    content: Path | None,
    results: Path | None,
    report: Path | None,
    seal: str | None,
    workers: int | None,
    password: str | None,
    online: Online | None,
    save_evidence: Path | None,
    output: Output,
) -> int:
    """Verify documents."""
    if content and (len(documents) > 1 or documents[0].is_dir()):
        raise YinxinError(Kind.INVALID, _("--content belongs to one signature"), remedy=_("name one file"))
    if report:
        form_of(report)
        if len(documents) > 1 or documents[0].is_dir():
            raise YinxinError(Kind.INVALID, _("a report is about one document"), remedy=_("name one file"))
    trusted = grounds(home, trust, crls, bundle_file, fingerprints, output)
    if any(document.is_dir() for document in documents):
        if online:
            raise YinxinError(
                Kind.INVALID,
                _("a folder is verified with what is at hand"),
                remedy=_("verify one file with --online --save-evidence, then the folder with --trust"),
            )
        work = FolderWork(_only(documents), trusted, home.clock, grounds_of(trusted), password)
        return _verify_folder(work, results, workers or os.cpu_count() or 1, output)
    if results:
        raise YinxinError(Kind.INVALID, _("--results is for a folder"), remedy=_("name a folder"))
    asked = _Asked(trusted, home.clock, content, password, online)
    reports = [asked.report(document) for document in output.track(documents, _("Verifying"))]
    if online and save_evidence:
        saved = write_evidence(online.knowledge, save_evidence)
        output.note(_("{count} files of evidence are in {folder}.").format(count=len(saved), folder=save_evidence))
    if report:
        _write_report(home, report, reports[0], Drawable(files.read(documents[0]), password), seal, output)
    if len(reports) == 1:
        print_report(output, reports[0])
    else:
        print_summary(output, reports)
    return max(report.verdict for report in reports).exit_code


@dataclass(frozen=True)
class _Asked:
    """How each file is to be judged."""

    trust: Trust
    clock: Clock
    content: Path | None
    password: str | None
    online: Online | None

    def report(self, document: Path) -> Report:
        verify = self._with_content if self.content else self._with_neighbours
        return self.online.report(verify, document, self.trust) if self.online else verify(document, self.trust)

    def _with_content(self, document: Path, trust: Trust) -> Report:
        report = verify_file(document, trust, self.clock, name=document.name, content=self.content)
        return replace(report, content=self.content.name if self.content else "")

    def _with_neighbours(self, document: Path, trust: Trust) -> Report:
        return verify_path(document, trust, self.clock, name=document.name, password=self.password)


def _write_report(home: Home, path: Path, report: Report, document: Drawable, seal: str | None, output: Output) -> None:
    from seals.verification.etsi_report import unnamed_algorithms  # most who verify want no file
    from seals.verification.report_seal import report_sealing

    form = form_of(path)
    sealing = report_sealing(home, seal) if form is ReportForm.PDF else None
    files.write(path, written_report(form, report, document, sealing))
    if form is ReportForm.PDF and sealing is None:
        output.note(_("The report is not sealed: that is done at the centre, with report_seal of [seals] or --seal."))
    if form is ReportForm.XML and (unnamed := unnamed_algorithms(report)):
        output.note(
            _("ETSI TS 119 102-2 has no name for {algorithms}; the report says so.").format(
                algorithms=", ".join(unnamed)
            )
        )


def _only(documents: tuple[Path, ...]) -> Path:
    if len(documents) > 1:
        raise YinxinError(
            Kind.INVALID, _("a folder is verified by itself"), remedy=_("name one folder, or files without folders")
        )
    return documents[0]


def _verify_folder(work: FolderWork, results: Path | None, workers: int, output: Output) -> int:
    folder = work.folder
    documents = documents_in(folder)
    if not documents:
        raise YinxinError(Kind.NOT_FOUND, _("no documents in this folder"), subject=str(folder))
    standing = Ledger(results).standing(folder, work.grounds) if results else {}
    done = [standing[document] for document in documents if document in standing]
    left = [document for document in documents if document not in standing]
    if done:
        output.note(_("{count} documents were judged before and are as they were.").format(count=len(done)))
    counts = Counter(row.verdict for row in done)
    shown = [row for row in done if _is_shown(row, output)]
    with ExitStack() as stack:
        enter = stack.enter_context(Ledger(results).writing(done)) if results else None
        for row in output.track(verify_folder(work, left, workers), _("Verifying"), total=len(left)):
            if enter:
                enter(row)
            counts[row.verdict] += 1
            if _is_shown(row, output):
                shown.append(row)
    print_rows(output, shown, counts)
    return max(Verdict(verdict) for verdict in counts).exit_code


def _is_shown(row: Row, output: Output) -> bool:
    """Programs are told of all documents, people of those that they should look at."""
    return output.json or row.verdict != Verdict.VALID.value
