"""`yinxin ra branch`: branch registration authorities."""

import click

from core.cli import Group, Output, output_option
from core.i18n import _
from ra.cli_options import acting_operator, asking_anybody
from ra.office import RegistrationOffice


@click.group(cls=Group, help=_("Branches, such as counties: make, list."))
def branch_group() -> None:
    """The group of commands."""


@branch_group.command(
    name="add",
    help=_("Make the branch NAME, whose operators see only its own requests."),
    example="yinxin ra branch add chencang --title 陈仓区 --as super.administrator --key super.pem",
)
@click.argument("name")
@click.option("--title", required=True, help=_("What people call it."))
@acting_operator
@output_option
def add_branch(office: RegistrationOffice, name: str, title: str, output: Output) -> None:
    """Make a branch."""
    office.establish(name, title)
    output.done(_("There is a branch {name} now.").format(name=name), {"branch": name, "title": title})


@branch_group.command(name="list", help=_("List the branches."), example="yinxin ra branch list")
@asking_anybody
@output_option
def list_branches(office: RegistrationOffice, output: Output) -> None:
    """List branches."""
    headings = {"branch": _("Branch"), "title": _("Title"), "administrator": _("By")}
    output.table((vars(branch) for branch in office.list_branches()), headings)
