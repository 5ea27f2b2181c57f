"""The command `yinxin`."""

import sys
from pathlib import Path

import click

from core.cli import Command, Group, Output, output_option, run
from core.home import Home
from core.i18n import _


@click.group(cls=Group, help=_("Yinxin: the certificate and electronic-seal authority of an e-government platform."))
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="YINXIN_HOME",
    default=Path("home"),
    show_default=True,
    help=_("The folder of the installation; or set YINXIN_HOME."),
)
@click.version_option(package_name="yinxin", prog_name="yinxin")
@click.pass_context
def front_door(context: click.Context, home: Path) -> None:  # noqa: D103 - the help says it
    context.obj = Home(home)


@front_door.command("init", help=_("Create an installation: keys, hierarchies, service certificates, first CRLs."), example="yinxin --home /var/lib/yinxin init")
@output_option
@click.pass_obj
def init(home: Home, output: Output) -> None:  # noqa: D103
    from yinxin import installation

    with output.progress(_("Creating the installation")) as advance:
        made = installation.create(home.path, on_step=lambda: advance(1))
    output.done(
        _("The installation is in {path}.").format(path=made.path), {"home": str(made.path)}
    )


@front_door.command("migrate", help=_("Bring the database to this version's schema."), example="yinxin migrate")
@output_option
@click.pass_obj
def migrate(home: Home, output: Output) -> None:  # noqa: D103
    from core.storage import Storage

    Storage(home.database_url).migrate()
    output.done(_("The database has this version's schema."), {"database": home.database_url})
