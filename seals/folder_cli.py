"""`yinxin seals stamp-folder`: seal every document of a folder."""

import os
from pathlib import Path
from typing import Any

import click

from core.cli import Command, Output, output_option
from core.home import Home
from core.i18n import _
from seals.cli_options import password_option, people_of, support_of
from seals.folder import LocalWork, Work, documents_in
from seals.folder_report import report_option, tell
from seals.levels import Level
from seals.placement.placing import asked_place
from seals.register.registered import find
from seals.service_options import Service, service_options
from seals.stamp_cli import ACTOR, place_options
from seals.use import UseOrder

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(
    "stamp-folder",
    cls=Command,
    help=_(
        "Seal every PDF in FOLDER with the seal NAME, into another folder. What is there already is not sealed again,"
        " so that the same command goes on after an interruption. Exit code: 0 all are sealed, 1 some failed."
    ),
    example="yinxin seals stamp-folder office drafts --keyword （盖章） --out sealed --report sealed.csv\n"
    "yinxin seals stamp-folder office drafts --keyword （盖章） --out sealed --server https://seals.example.gov.cn"
    " --api-key-file oa.key",
)
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
@place_options
@click.option("--out", type=_FOLDER, required=True, help=_("The folder for the sealed documents."))
@report_option
@click.option("--workers", type=click.IntRange(1, 256), help=_("How many at a time; else as many as there are cores."))
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
@service_options(help_text=_("Have them sealed by a seal service; the documents are sent there."))
@click.option("--by-digest", is_flag=True, help=_("With --server: only digests of the documents are sent there."))
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
    service: Service | None,
    by_digest: bool,
    output: Output,
    **place: Any,
) -> int:
    """Seal a folder."""
    order = UseOrder(
        folder,
        asked_place(**place),
        Level(level),
        purpose,
        person=person,
        document_type=document_type,
        password=password,
    )
    if by_digest and service is None:
        raise click.UsageError(_("--by-digest belongs to --server"))
    work = _at_service(home, service, name, order, by_digest) if service else _here(home, name, order)
    documents = documents_in(folder, out)
    sealing = work.seal(documents, workers or os.cpu_count() or 1)
    done = output.track(sealing, _("Sealing"), total=len(documents))
    return tell(output, sorted(done, key=lambda one: one.document), report)


def _here(home: Home, name: str, order: UseOrder) -> Work:
    people, support = people_of(home), support_of(home)
    # Before anything is forked: the passphrase is asked for once.
    home.key_store("seals").signer(find(home.context, people, name).key_name)
    return LocalWork(home, support, people, name, order, ACTOR)


def _at_service(home: Home, service: Service, name: str, order: UseOrder, by_digest: bool) -> Work:
    from seals.remote_stamp import RemoteWork

    work = RemoteWork(service, home.clock, name, order, by_digest)
    # A wrong address or key fails once, and not for each document.
    work.require_permission()
    return work
