"""The options with which a seal is ordered: whose it is, how it looks, within which bounds it may be used."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core import files
from core.asn1.ses_structures import CertificateListKind, Version
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from seals.cli_options import FILE
from seals.forms import Form
from seals.pictures import artwork
from seals.pictures.designs import Inscription, design_of
from seals.register.bounds import bounds_of
from seals.register.kinds import SealKind
from seals.register.orders import SealOrder

_DPI = 600


def order_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command the options of a seal's order, which `order_of` takes."""
    for option in reversed(
        (
            click.argument("name"),
            click.option("--owner", required=True, help=_("The full legal name of the owner, as on the seal.")),
            click.option("--unit", default="", help=_("To whom it belongs; else to the owner.")),
            click.option("--key-name", required=True, help=_("The name of the owner's key.")),
            click.option(
                "--certificate",
                "certificate_file",
                type=FILE,
                help=_("The owner's certificate, followed by its issuers; else KEY_NAME.pem in certificates/seals."),
            ),
            click.option(
                "--custodian", "custodians", multiple=True, required=True, help=_("Who keeps it; can be repeated.")
            ),
            click.option(
                "--kind",
                type=click.Choice([kind.value for kind in SealKind]),
                default=SealKind.OFFICIAL.value,
                show_default=True,
            ),
            click.option(
                "--picture",
                type=FILE,
                help=_("A PNG or SVG, which is cleaned; else it is drawn as is usual for the kind."),
            ),
            click.option("--width-mm", type=int, help=_("The width; else what is usual for the kind.")),
            click.option("--centre", "centre_text", help=_("The line below the star; else as is usual.")),
            click.option("--bottom", "bottom_text", default="", help=_("A smaller line below it, such as （2）.")),
            click.option("--serial", default="", help=_("The registration number along the lower edge.")),
            click.option("--tax-number", default="", help=_("The taxpayer's identification number, for invoices.")),
            click.option(
                "--standard",
                type=click.Choice(["4", "5"]),
                default="4",
                show_default=True,
                help=_("Version of the structure: 4 (GB/T 38540-2020), 5 (GM/T 0031-2025, with a time stamp)."),
            ),
            click.option(
                "--digests", is_flag=True, help=_("Name the owner's certificate in the structure by its digest.")
            ),
            click.option(
                "--form",
                type=click.Choice([form.value for form in Form]),
                default=Form.PADES.value,
                show_default=True,
                help=_("How it signs: pades, for all PDF programs, or gm, for programs of GB/T 38540 (SM2 only)."),
            ),
            click.option("--caller", "callers", multiple=True, help=_("A system that may use it; else every one.")),
            click.option("--person", "persons", multiple=True, help=_("A person who may use it; else everybody.")),
            click.option(
                "--type", "document_types", multiple=True, help=_("A type of documents that it seals; else all.")
            ),
            click.option("--per-day", type=int, help=_("How many uses a day, at most.")),
            click.option("--total", type=int, help=_("How many uses in all, at most.")),
            click.option("--hours", help=_("When it is used, in Beijing: 08:30-18:00.")),
            click.option(
                "--weekday", "weekdays", type=int, multiple=True, help=_("A day on which it is used; 1 is Monday.")
            ),
            click.option(
                "--permission", "approval", is_flag=True, help=_("A custodian must permit each use (seals permit).")
            ),
        )
    ):
        function = option(function)
    return function


def order_of(
    home: Home,
    *,
    name: str,
    owner: str,
    unit: str,
    key_name: str,
    certificate_file: Path | None,
    custodians: tuple[str, ...],
    kind: str,
    picture: Path | None,
    width_mm: int | None,
    centre_text: str | None,
    bottom_text: str,
    serial: str,
    tax_number: str,
    standard: str,
    digests: bool,
    form: str,
    **bounds: Any,
) -> SealOrder:
    """The order of the options: the picture drawn or cleaned, the certificate read."""
    certificate, *chain = read_certificates(certificate_file or home.certificates("seals") / f"{key_name}.pem")
    drawing = None
    if picture:
        if width_mm is None:
            raise YinxinError(
                Kind.INVALID, _("how wide is the seal?"), subject=str(picture), remedy=_("add --width-mm")
            )
        png = artwork.cleaned(files.read(picture), width_mm)
    else:
        asked = Inscription(owner, width_mm, centre_text, bottom_text, serial, tax_number)
        drawing = design_of(SealKind(kind), asked).drawing()
        png, width_mm = drawing.png(_DPI), round(drawing.width_mm)
    return SealOrder(
        name=name,
        owner=owner,
        kind=SealKind(kind),
        key_name=key_name,
        certificate=certificate,
        chain=chain,
        picture=png,
        width_mm=width_mm,
        custodians=custodians,
        unit=unit,
        drawing=drawing,
        standard=Version(int(standard)),
        certificate_list=CertificateListKind.DIGESTS if digests else CertificateListKind.CERTIFICATES,
        form=Form(form) if form != Form.PADES.value else None,
        bounds=bounds_of(**bounds),
    )
