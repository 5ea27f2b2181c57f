"""`yinxin seals permit` and `yinxin seals uses`: permissions for single uses, and the book of uses."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from core import files
from core.algorithms import SHA256
from core.cli import Command, Output, output_option
from core.home import Home
from core.i18n import _
from seals.cli_options import FILE, acting_person
from seals.contracts import People, Session
from seals.register.permissions import permit as permit_use
from seals.register.uses import list_uses


@click.command(
    cls=Command,
    help=_("Permit, as a custodian of the seal NAME, that FILE is sealed with it once."),
    example="yinxin seals permit office notice.pdf --purpose 宝政办发〔2026〕18号 --as he.qing --key he.pem",
)
@click.argument("name")
@click.argument("file", type=FILE)
@click.option("--purpose", default="", help=_("For the books."))
@click.option("--hours", type=click.IntRange(1, 24 * 366), default=24, show_default=True, help=_("How long it holds."))
@output_option
@acting_person
def permit(
    home: Home, people: People, session: Session, name: str, file: Path, purpose: str, hours: int, output: Output
) -> None:
    """Permit one use."""
    digest = files.digests(file, [SHA256])[SHA256].hex()
    within = timedelta(hours=hours)
    given = permit_use(home.context, people, session, name, digest, purpose=purpose, within=within)
    output.done(
        _("{file} may be sealed once with {name} until {moment}.").format(
            file=file, name=name, moment=given.until.astimezone().isoformat(sep=" ", timespec="minutes")
        ),
        {"number": given.number, "seal": name, "sha256": digest, "until": given.until},
    )


@click.command(
    cls=Command,
    help=_("List the uses of the seal NAME, the newest first, for auditors and its custodians."),
    example="yinxin seals uses office --as he.qing --key he.pem",
)
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help=_("How many."))
@click.option("--before", type=int, help=_("Only uses before this number: the next page."))
@output_option
@acting_person
def uses(
    home: Home, people: People, session: Session, name: str, limit: int, before: int | None, output: Output
) -> None:
    """List uses."""
    rows = [asdict(use) for use in list_uses(home.context, people, session, name, limit=limit, before=before)]
    headings = {
        "ordinal": _("No."),
        "at": _("Time"),
        "actor": _("System"),
        "person": _("Person"),
        "document_type": _("Type"),
        "purpose": _("Purpose"),
        "level": _("Level"),
        "page": _("Page"),
        "place": _("Place"),
        "revision": _("Version"),
        "sha256_after": _("SHA-256"),
    }
    output.table(rows, headings)
