"""`yinxin seals stamp-folder`: seal every document of a folder."""

import csv
import io
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from pydantic_core import to_json

from core import files
from core.cli import Command, Output, output_option
from core.home import Home
from core.i18n import _
from seals.cli_options import password_option, people_of, support_of
from seals.folder import Outcome, Sealer, documents_in, seal_folder
from seals.levels import Level
from seals.placement.placing import asked_place
from seals.register.registered import find
from seals.stamp_cli import ACTOR, place_options

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    "stamp-folder",
    cls=Command,
    help=_(
        "Seal every PDF in FOLDER with the seal NAME, into another folder. What is there already is not sealed again,"
        " so that the same command goes on after an interruption. Exit code: 0 all are sealed, 1 some failed."
    ),
    example="yinxin seals stamp-folder office drafts --keyword （盖章） --out sealed --report sealed.csv",
)
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@place_options
@click.option("--out", type=_FOLDER, required=True, help=_("The folder for the sealed documents."))
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help=_("A .csv or .json of every document."))
@click.option("--workers", type=click.IntRange(1, 256), help=_("Processes; else one for each core."))
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    default=Level.B_LTA.value,
    show_default=True,
    help=_("The PAdES level."),
)
@password_option
@click.option("--purpose", default="", help=_("For the books."))
@click.option("--person", default="", help=_("On whose behalf it is sealed."))
@click.option("--type", "document_type", default="", help=_("The type of the document, where the seal asks for it."))
@output_option
@click.pass_obj
def stamp_folder(
    home: Home,
    /,
    name: str,
    folder: Path,
    out: Path,
    report: Path | None,
    workers: int | None,
    level: str,
    password: str | None,
    purpose: str,
    person: str,
    document_type: str,
    output: Output,
    **place: Any,
) -> int:
    """Seal a folder."""
    people, support = people_of(home), support_of(home)
    # Before anything is forked: the passphrase is asked for once.
    home.key_store("seals").signer(find(home.context, people, name).key_name)
    terms = {
        "placement": asked_place(**place),
        "level": Level(level),
        "purpose": purpose,
        "person": person,
        "document_type": document_type,
        "password": password,
    }
    documents = documents_in(folder, out)
    sealer = Sealer(home, support, people, name, terms, ACTOR)
    work = seal_folder(sealer, documents, workers or os.cpu_count() or 1)
    done = sorted(output.track(work, _("Sealing"), total=len(documents)), key=lambda one: one.document)
    rows = [asdict(one) for one in done]
    if report:
        files.write(report, _written(rows, report.suffix == ".json"))
    failed = [row for row in rows if row["outcome"] is Outcome.FAILED]
    if output.json:
        output.table(rows, {})
    elif failed:
        output.table(failed, {"document": _("Document"), "problem": _("Problem")})
    counts = {outcome: sum(row["outcome"] is outcome for row in rows) for outcome in Outcome}
    output.note(
        _("{sealed} sealed, {present} were there, {failed} failed.").format(
            sealed=counts[Outcome.SEALED], present=counts[Outcome.PRESENT], failed=counts[Outcome.FAILED]
        )
    )
    return 1 if failed else 0


def _written(rows: list[dict[str, Any]], as_json: bool) -> bytes:
    if as_json:
        return to_json(rows, indent=2)
    text = io.StringIO()
    writer = csv.DictWriter(text, ["document", "outcome", "sealed", "sha256", "problem"])
    writer.writeheader()
    writer.writerows(rows)
    # With a mark, so that spreadsheets read Chinese names.
    return text.getvalue().encode("utf-8-sig")
