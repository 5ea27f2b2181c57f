"""`yinxin seals stamp`: seal a document of this machine."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core import files
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from seals import use
from seals.cli_options import password_option, people_of, support_of
from seals.codes.cli import code_options, page_code
from seals.forms import Permission
from seals.levels import Level
from seals.pictures.ink import Blending, Ink
from seals.placement.placement import MOST_PAGES_STRADDLED, Edge, Origin, Which
from seals.placement.placing import asked_place
from seals.service_options import Service, service_options

ACTOR = "command"
_FILE = click.Path(path_type=Path, dir_okay=False)


def _words(kind: Any) -> click.Choice[str]:
    return click.Choice([member.value for member in kind])


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the seal goes; the names are the parameters of `asked_place`."""
    options = (
        click.option("--at", help=_("The middle of the seal: X,Y in mm from the corner --origin.")),
        click.option(
            "--origin", type=_words(Origin), default=Origin.LOWER_LEFT.value, show_default=True, help=_("For --at.")
        ),
        click.option(
            "--keyword",
            help=_("A text of the document that the seal goes on; where it is not found, nothing is sealed."),
        ),
        click.option(
            "--occurrence",
            default=Which.LAST.value,
            show_default=True,
            help=_("For --keyword: first, last, all, or a number."),
        ),
        click.option(
            "--offset", default="0,0", show_default=True, help=_("For --keyword: DX,DY in mm to the right and up.")
        ),
        click.option("--field", help=_("An empty signature field, which is filled.")),
        click.option("--straddle", type=_words(Edge), help=_("A strip of the seal on this edge of every page.")),
        click.option(
            "--position",
            type=float,
            help=_("For --straddle: mm along the edge, from its lower or left end; else half."),
        ),
        click.option(
            "--group",
            type=click.IntRange(2),
            default=MOST_PAGES_STRADDLED,
            show_default=True,
            help=_("For --straddle: at most so many pages share a seal."),
        ),
        click.option(
            "--page",
            "--pages",
            "pages",
            help=_("all, odd, even, or numbers: 1,3-5 or 2-last. Else 1 with --at, all with --keyword and --straddle."),
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command(
    cls=Command,
    help=_("Seal FILE with the seal NAME of the register; record the use, then write the sealed document."),
    example="yinxin seals stamp office notice.pdf --page 3 --at 142.5,119 --out notice-sealed.pdf\n"
    "yinxin seals stamp office notice.pdf --at 30,30 --origin lower-right --page last\n"
    "yinxin seals stamp office contract.pdf --keyword （盖章） --occurrence last --offset 5,0\n"
    "yinxin seals stamp office contract.pdf --straddle right --group 10 --opacity 0.8\n"
    "yinxin seals stamp office form.pdf --field Signature1\n"
    "yinxin seals stamp office fee.pdf --at 150,60 --code fields.json --code-number 0001234567 --code-at 35,40\n"
    "yinxin seals stamp office secret.pdf --at 100,80 --server https://seals.example.gov.cn --api-key-file oa.key",
)
@click.argument("name")
@click.argument("file", type=_FILE)
@place_options
@click.option("--opacity", type=float, default=1.0, show_default=True, help=_("From 0.1 to 1."))
@click.option(
    "--blending",
    type=_words(Blending),
    default=Blending.MULTIPLY.value,
    show_default=True,
    help=_("Whether text below the seal shows through or is covered."),
)
@click.option(
    "--certify",
    type=_words(Permission),
    help=_("Seal as the first signature, and say what may be done with the document afterwards."),
)
@click.option("--repair", is_flag=True, help=_("Repair the document if it is damaged; else it is refused."))
@click.option("--level", type=_words(Level), default=Level.B_LTA.value, show_default=True, help=_("The PAdES level."))
@password_option
@click.option("--out", type=_FILE, help=_("Where to write; else FILE with -sealed in its name."))
@click.option("--reason", help=_("Written into the signature."))
@click.option("--location", help=_("Written into the signature."))
@click.option("--purpose", default="", help=_("For the books."))
@click.option("--person", default="", help=_("On whose behalf it is sealed."))
@click.option("--type", "document_type", default="", help=_("The type of the document, where the seal asks for it."))
@code_options
@service_options(help_text=_("Have it sealed by a seal service; only digests of the document are sent there."))
@output_option
@click.pass_obj
def stamp(
    home: Home,
    /,
    name: str,
    file: Path,
    opacity: float,
    blending: str,
    certify: str | None,
    repair: bool,
    level: str,
    password: str | None,
    out: Path | None,
    reason: str | None,
    location: str | None,
    purpose: str,
    person: str,
    document_type: str,
    service: Service | None,
    output: Output,
    **place: Any,
) -> None:
    """Seal a document."""
    code = {option: place.pop(option) for option in list(place) if option.startswith("code_")}
    if code["code_fields"] and (service or password):
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("a code is put on a document only where the seal's key is, and only if it is not encrypted"),
            remedy=_("seal it without --code"),
        )
    order = use.UseOrder(
        file,
        asked_place(**place),
        Level(level),
        purpose,
        reason,
        location,
        Ink(opacity, Blending(blending)),
        Permission(certify) if certify else None,
        repair=repair,
        person=person,
        document_type=document_type,
        password=password,
        code=page_code(**code),
    )
    out = out or file.with_name(f"{file.stem}-sealed{file.suffix}")
    if out.exists():
        raise YinxinError(
            Kind.CONFLICT, _("the file exists already"), subject=str(out), remedy=_("name another with --out")
        )
    try:
        if service:
            from seals.remote_stamp import stamp_at

            sealed = stamp_at(service, name, order, home.clock)
        else:
            keys = home.key_store("seals")
            sealed = use.stamp(home.context, keys, support_of(home), people_of(home), name, order, actor=ACTOR)
    except YinxinError as error:
        error.subject = error.subject or str(file)
        raise
    with sealed.file, files.writing(out, replace=False) as written:
        sealed.file.seek(0)
        shutil.copyfileobj(sealed.file, written)
    if sealed.repaired:
        output.note(_("The document was damaged; what is sealed is a repaired copy."))
    if sealed.flattened:
        output.note(_("PDF/A-1 knows no transparency: the seal covers what is under its strokes."))
    pages = sorted({mark.page for mark in sealed.marks})
    output.done(
        _("{out}: {file} with the seal {name}, level {level}").format(out=out, file=file, name=name, level=level),
        {"document": str(out), "seal": name, "level": level, "pages": pages, "repaired": sealed.repaired},
    )
