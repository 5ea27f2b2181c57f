"""`yinxin ra search`: holders' certificates, by what people know of them."""

import click

from core.certificates import serial_text
from core.cli import Command, Output, output_option
from core.i18n import _
from ra.cli_options import acting_operator
from ra.office import RegistrationOffice
from ra.register import PAGE
from ra.search import By


@click.command(
    cls=Command,
    name="search",
    help=_("Find holders' certificates by the beginning of a name or unit, by serial number or by fingerprint."),
    example="yinxin ra search --by unit 宝鸡市 --as zhou.query --key zhou.pem",
)
@click.argument("what")
@click.option("--by", type=click.Choice([by.value for by in By]), required=True, help=_("What is searched for."))
@click.option("--after", type=int, metavar="ID", help=_("Go on after this certificate."))
@click.option("--limit", type=int, default=PAGE, show_default=True, help=_("Certificates on a page."))
@acting_operator
@output_option
def search_command(
    office: RegistrationOffice, what: str, by: str, after: int | None, limit: int, output: Output
) -> None:
    """Find certificates."""
    findings = office.search(By(by), what, after=after, limit=limit)
    rows = [
        {**vars(one), "serial": serial_text(one.serial), "decimal": str(one.serial), "expires": one.expires}
        for one in findings.found
    ]
    headings = {
        "number": _("Number"),
        "authority": _("Authority"),
        "serial": _("Serial number"),
        "decimal": _("The same, decimal"),
        "holder": _("Holder"),
        "unit": _("Unit"),
        "expires": _("Expires"),
    }
    output.table(rows, headings)
    if findings.next:
        output.note(_("More follow: --after {number}").format(number=findings.next))
