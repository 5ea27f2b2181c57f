"""`yinxin seals batch`: many documents, sealed by a service while their system does something else."""

import time
from pathlib import Path
from typing import Any

import click

from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from core.words import in_words
from seals.api.models import BatchEntry
from seals.batches import remote
from seals.batches.batches import DocumentState, State
from seals.cli_options import password_option
from seals.client import SealServer
from seals.folder import Outcome
from seals.folder_report import report_option, tell
from seals.levels import Level
from seals.placement.placing import asked_place
from seals.remote_stamp import terms_of
from seals.service_options import Service, service_options
from seals.stamp_cli import place_options
from seals.use import UseOrder

_PATH = click.Path(path_type=Path, exists=True)
PAUSE_SECONDS = 2.0
"""Between two questions of `--wait`."""
_AT = " --server https://seals.example.gov.cn --api-key-file oa.key"
_at_service = service_options(help_text=_("The seal service; else YINXIN_SEALS_SERVER."), envvar="YINXIN_SEALS_SERVER")


@click.group(
    cls=Group,
    help=_("Batches of documents at a seal service: submitted, sealed there one after the other, fetched."),
    example=f"yinxin seals batch submit office drafts --keyword （盖章）{_AT}",
)
def group() -> None:
    """The group of commands."""


@group.command(
    help=_(
        "Send the documents (PDF files, or folders of them) to be sealed with the seal NAME; print the batch's number."
    ),
    example=f"yinxin seals batch submit office drafts --keyword （盖章）{_AT}",
)
@click.argument("name")
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE… | FOLDER"
)
@place_options
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
@_at_service
@output_option
@click.pass_obj
def submit(
    home: Home,
    /,
    name: str,
    paths: tuple[Path, ...],
    level: str,
    password: str | None,
    purpose: str,
    person: str,
    document_type: str,
    service: Service | None,
    output: Output,
    **place: Any,
) -> None:
    """Submit a batch."""
    order = UseOrder(Path(), asked_place(**place), Level(level), purpose, person=person, document_type=document_type)
    documents = remote.documents_named(paths)
    with opened(home, service) as server:
        steps = remote.filled(server, name, terms_of(order), documents, password)
        batch = list(output.track(steps, _("Sending"), total=len(documents) + 2))[-1]
    output.done(
        _("{count} documents are in the batch {number}, which is being sealed.").format(
            count=len(documents), number=batch.number
        ),
        {"number": batch.number, "seal": batch.seal, "documents": len(documents)},
    )
    output.note(_("Fetch them: yinxin seals batch fetch {number} --wait --out FOLDER").format(number=batch.number))


@group.command(
    "list",
    help=_("List the batches of this calling system, the newest first."),
    example=f"yinxin seals batch list --limit 20{_AT}",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help=_("How many."))
@click.option("--before", metavar="NUMBER", help=_("Only batches before this one: the next page."))
@_at_service
@output_option
@click.pass_obj
def list_(home: Home, limit: int, before: str | None, service: Service | None, output: Output) -> None:
    """List batches."""
    with opened(home, service) as server:
        found = server.batches(before=before, limit=limit)
    told = [{} if output.json else {"documents": _in_words(one)} for one in found]
    rows = [one.model_dump() | more for one, more in zip(found, told, strict=True)]
    headings = {
        "number": _("Number"),
        "seal": _("Seal"),
        "state": _("State"),
        "documents": _("Documents"),
        "made_at": _("Made at"),
    }
    output.table(rows, headings)


@group.command(
    help=_("Show where the batch NUMBER stands, and which documents failed."),
    example=f"yinxin seals batch status 0123456789abcdef0123456789abcdef{_AT}",
)
@click.argument("number")
@_at_service
@output_option
@click.pass_obj
def status(home: Home, number: str, service: Service | None, output: Output) -> None:
    """Show a batch."""
    with opened(home, service) as server:
        batch, documents = server.batch(number), list(server.documents(number))
    if output.json:
        output.details(batch.model_dump() | {"documents": [one.model_dump() for one in documents]}, {})
        return
    _print(output, batch)
    failed = [
        {"position": one.position, "name": one.name, "problem": (one.problem or {}).get("what", "")}
        for one in documents
        if one.state is DocumentState.FAILED
    ]
    if failed:
        output.done("")
        output.table(failed, {"position": _("No."), "name": _("Document"), "problem": _("Problem")})


@group.command(
    help=_(
        "Fetch what is sealed of the batch NUMBER into a folder. What is there already is not fetched again, so that"
        " the same command goes on later. Exit code: 0 all are there, 1 some failed or are not sealed yet."
    ),
    example=f"yinxin seals batch fetch 0123456789abcdef0123456789abcdef --wait --out sealed{_AT}",
)
@click.argument("number")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help=_("The folder for the sealed documents."),
)
@click.option("--wait", is_flag=True, help=_("Wait until the batch has ended."))
@report_option
@_at_service
@output_option
@click.pass_obj
def fetch(
    home: Home, number: str, out: Path, report: Path | None, service: Service | None, output: Output, *, wait: bool
) -> int:
    """Fetch a batch."""
    with opened(home, service) as server:
        batch = _ended(server, number, output) if wait else server.batch(number)
        done = list(output.track(remote.fetched(server, number, out), _("Fetching"), total=sum(batch.counts.values())))
    waiting = sum(one.outcome is Outcome.WAITING for one in done)
    code = tell(output, done, report)
    if waiting:
        output.note(_("{count} are not sealed yet.").format(count=waiting))
    return 1 if waiting else code


@group.command(
    help=_("Have nothing more of the batch NUMBER sealed; what is sealed stays so, and can be fetched."),
    example=f"yinxin seals batch cancel 0123456789abcdef0123456789abcdef{_AT}",
)
@click.argument("number")
@_at_service
@output_option
@click.pass_obj
def cancel(home: Home, number: str, service: Service | None, output: Output) -> None:
    """Cancel a batch."""
    with opened(home, service) as server:
        _print(output, server.cancel(number))


def opened(home: Home, service: Service | None) -> SealServer:
    """The connection, to be closed; a usage error if no service was named."""
    if service is None:
        raise click.UsageError(_("Which seal service? Give --server and --api-key-file."))
    return service.open(home.clock)


def _ended(server: SealServer, number: str, output: Output) -> BatchEntry:
    """The batch, when nothing more happens to it."""
    batch, told = server.batch(number), 0
    with output.progress(_("Sealing"), sum(batch.counts.values())) as advance:
        while True:
            settled = sum(batch.counts.values()) - batch.counts.get(DocumentState.WAITING, 0)
            advance(settled - told)
            told = settled
            if batch.state is not State.STARTED:
                return batch
            time.sleep(PAUSE_SECONDS)
            batch = server.batch(number)


def _print(output: Output, batch: BatchEntry) -> None:
    labels = {
        "number": _("Number"),
        "seal": _("Seal"),
        "state": _("State"),
        "made_at": _("Made at"),
        "finished_at": _("Ended at"),
        "documents": _("Documents"),
    }
    output.details(batch.model_dump() | {"documents": _in_words(batch)}, labels)


def _in_words(batch: BatchEntry) -> list[str]:
    """How many documents are in which state."""
    return [f"{in_words(state)}: {count}" for state, count in sorted(batch.counts.items())]
