"""`yinxin ra branch`: branch registration authorities."""

import click

from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from ra import branches
from ra.cli_options import acting_operator
from ra.operators import OperatorSession


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
def add_branch(home: Home, session: OperatorSession, name: str, title: str, output: Output) -> None:
    """Make a branch."""
    branches.establish(home.context, session, name, title)
    output.done(_("There is a branch {name} now.").format(name=name), {"branch": name, "title": title})


@branch_group.command(name="list", help=_("List the branches."), example="yinxin ra branch list")
@output_option
@click.pass_obj
def list_branches(home: Home, output: Output) -> None:
    """List branches."""
    headings = {"branch": _("Branch"), "title": _("Title"), "administrator": _("By")}
    output.table((vars(branch) for branch in branches.list_branches(home.context)), headings)
