"""`yinxin seals draw` and `yinxin seals clean`: pictures of seals, before any seal is made of them."""

from collections.abc import Callable
from pathlib import Path

import click

from core import files
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades import vector
from seals.pictures import artwork
from seals.pictures.designs import Inscription, design_of
from seals.pictures.drawing import Drawing
from seals.pictures.lettering import Face
from seals.pictures.picture import LARGEST_MM
from seals.register.kinds import SealKind

_FILE = click.Path(path_type=Path, dir_okay=False)
_WRITERS: dict[str, Callable[[Drawing, int], bytes]] = {
    ".png": lambda drawing, dpi: drawing.png(dpi),
    ".svg": lambda drawing, _dpi: drawing.svg().encode(),
    ".pdf": lambda drawing, _dpi: vector.pdf(drawing),
}


@click.command(
    cls=Command,
    help=_(
        "Draw the picture of a seal: round with the star, oval for invoices, square for persons. The ending of --out"
        " says how: .svg and .pdf are sharp at every size, .png has alpha."
    ),
    example="yinxin seals draw --kind official --name 宝鸡市人民政府办公室 --serial 6103000012345 --out office.svg\n"
    "yinxin seals draw --kind invoice --name 宝鸡某某商贸有限公司 --tax-number 91610300MA6X1234XY --out invoice.pdf",
)
@click.option(
    "--kind", type=click.Choice([kind.value for kind in SealKind]), default=SealKind.OFFICIAL.value, show_default=True
)
@click.option("--name", required=True, help=_("The full legal name of the unit, or the person's name."))
@click.option("--out", type=_FILE, required=True, help=_("Where to write: FILE.png, FILE.svg or FILE.pdf."))
@click.option("--width-mm", type=float, help=_("The width; else what is usual for the kind."))
@click.option("--centre", "centre_text", help=_("The line below the star; else what is usual for the kind."))
@click.option("--bottom", "bottom_text", default="", help=_("A smaller line below it, such as （2）."))
@click.option("--serial", default="", help=_("The registration number along the lower edge."))
@click.option("--tax-number", default="", help=_("The taxpayer's identification number, on seals for invoices."))
@click.option("--emblem", type=_FILE, help=_("Artwork in the place of the star, the national emblem: PNG or SVG."))
@click.option("--face", type=click.Choice([face.value for face in Face]), default=Face.SONG.value, show_default=True)
@click.option("--dpi", type=int, default=600, show_default=True, help=_("Dots per inch of a PNG."))
@output_option
def draw(
    kind: str,
    name: str,
    out: Path,
    width_mm: float | None,
    centre_text: str | None,
    bottom_text: str,
    serial: str,
    tax_number: str,
    emblem: Path | None,
    face: str,
    dpi: int,
    output: Output,
) -> None:
    """Draw a picture."""
    writer = _WRITERS.get(out.suffix.lower())
    if writer is None:
        raise YinxinError(
            Kind.INVALID,
            _("a seal is drawn as .png, .svg or .pdf"),
            subject=str(out),
            remedy=_("name the file accordingly (--out)"),
        )
    # The emblem fills about a third of the largest seal.
    art = artwork.cleaned(files.read(emblem), LARGEST_MM / 3) if emblem else None
    asked = Inscription(name, width_mm, centre_text, bottom_text, serial, tax_number, art, Face(face))
    drawing = design_of(SealKind(kind), asked).drawing()
    files.write(out, writer(drawing, dpi), replace=False)
    _report(output, out, drawing.width_mm, drawing.height_mm)


@click.command(
    cls=Command,
    help=_(
        "Clean the picture of a seal that was scanned or drawn elsewhere (PNG or SVG): the red is kept, paper, shadows"
        " and black print become transparent, margins are cut off."
    ),
    example="yinxin seals clean scan.png --width-mm 42 --out office.png",
)
@click.argument("file", type=_FILE)
@click.option("--width-mm", type=float, required=True, help=_("The width of the seal itself, without margins."))
@click.option("--out", type=_FILE, required=True, help=_("Where to write the PNG."))
@output_option
def clean(file: Path, width_mm: float, out: Path, output: Output) -> None:
    """Clean a picture."""
    try:
        png = artwork.cleaned(files.read(file), width_mm)
    except YinxinError as error:
        error.subject = error.subject or str(file)
        raise
    files.write(out, png, replace=False)
    width, height = (int.from_bytes(png[place : place + 4], "big") for place in (16, 20))  # IHDR of PNG
    _report(output, out, width_mm, width_mm * height / width)


def _report(output: Output, out: Path, width_mm: float, height_mm: float) -> None:
    output.done(
        _("{out}: {width:.3g} mm wide, {height:.3g} mm high").format(out=out, width=width_mm, height=height_mm),
        {"picture": str(out), "width_mm": round(width_mm, 2), "height_mm": round(height_mm, 2)},
    )
