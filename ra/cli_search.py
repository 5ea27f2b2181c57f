"""`yinxin ra search` and `reindex`: holders' certificates, by what people know of them."""

import sys

import click

from core.certificates import serial_text
from core.cli import Command, Output, output_option
from core.home import Home
from core.i18n import _
from ra import reindexing
from ra.cli_options import acting_operator
from ra.office import RegistrationOffice
from ra.register import PAGE
from ra.search import By


@click.command(
    cls=Command,
    name="search",
    help=_(
        "Find holders' certificates by the beginning of a name or unit, by serial number, fingerprint or identity "
        "number. With - instead of what is searched for, it is read from the input: so an identity number does not "
        "stay in the shell's history."
    ),
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
    if what == "-":
        what = sys.stdin.readline()
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


@click.command(
    cls=Command,
    name="reindex",
    help=_("Make findable what was recorded by earlier versions. Interrupted, it goes on when it is run again."),
    example="yinxin ra reindex",
)
@click.option("--all", "everything", is_flag=True, help=_("Everything anew, as after a new key for identity numbers."))
@output_option
@click.pass_obj
def reindex_command(home: Home, everything: bool, output: Output) -> None:
    """Make everything findable."""
    if everything:
        reindexing.forget(home.context)
    output.done(*tell(home, output))


def tell(home: Home, output: Output) -> tuple[str, dict[str, int]]:
    """Do it, with a progress bar; what came of it."""
    count = 0
    with output.progress(_("Indexing"), reindexing.waiting(home.context)) as advance:
        for done in reindexing.reindex(home.context, actor="system"):
            advance(done)
            count += done
    return _("{count} requests and certificates were made findable.").format(count=count), {"indexed": count}
