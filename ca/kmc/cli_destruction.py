"""`yinxin ca kmc due` and `destroy`: escrowed keys at the end of their term."""

from dataclasses import asdict

import click

from ca.kmc.cli_officer import acting_officer
from ca.kmc.destruction import destroy as destroy_key
from ca.kmc.destruction import due_for_destruction
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.statements import OfficerSession
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _


@click.command(
    cls=Command,
    help=_("Escrowed keys whose term is over, and which officer ordered their destruction."),
    example="yinxin ca kmc due",
)
@output_option
@click.pass_obj
def due(home: Home, output: Output) -> None:
    """Due."""
    output.table(
        [asdict(one) for one in due_for_destruction(home.context)],
        {"number": _("Number"), "keep_until": _("Kept until"), "officer": _("Ordered by")},
    )


@click.command(
    cls=Command,
    help=_("Destroy private keys whose term is over: one officer orders it, another confirms; there is no way back."),
    example=(
        "yinxin ca kmc destroy K0123456789abcdef01234567 --as wang --key wang.pem\n"
        "yinxin ca kmc destroy --all --as li --key li.pem"
    ),
)
@click.argument("numbers", nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "every", is_flag=True, help=_("Every key that is due."))
@acting_officer
@output_option
def destroy(desk: RecoveryDesk, session: OfficerSession, numbers: tuple[str, ...], every: bool, output: Output) -> None:
    """Destroy."""
    if every == bool(numbers):
        raise YinxinError(
            Kind.INVALID, _("name the keys, or give --all"), remedy=_("see what is due: yinxin ca kmc due")
        )
    if every:  # what this officer ordered waits for another
        numbers = tuple(one.number for one in due_for_destruction(desk.context) if one.officer != session.name)
    rows = [{"number": number, "destroyed": destroy_key(desk, session, number)} for number in numbers]
    output.table(rows, {"number": _("Number"), "destroyed": _("Destroyed")})
