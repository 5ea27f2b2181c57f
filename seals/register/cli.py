"""`yinxin seals register`: the life of a seal, each step signed by whoever takes it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from core import files
from core.api.address import Server
from core.cli import Group, Output, output_option
from core.config import FILE_NAME
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.service.installed import newest_of
from core.words import in_words
from seals.cli_options import FILE, support_of
from seals.contracts import People, Session
from seals.electronic.making import Maker
from seals.register import register
from seals.register.kinds import SealKind
from seals.register.life import State
from seals.register.lists import MOST, SealFilter
from seals.register.office import RegisterOffice
from seals.register.office_options import acting_at_register, acting_here, asking_register, choose_server
from seals.register.order_cli import order_of, order_options
from seals.register.printing import print_dossier
from seals.register.statements import Act


@click.group(
    cls=Group,
    help=_("The life of a seal: applied for, approved by two, made, activated, frozen, changed, handed in, destroyed."),
    example="yinxin seals register --server https://seals.example.gov.cn list --as song.lin --key song.pem",
)
@click.option(
    "--server", metavar="URL", envvar="YINXIN_SEALS_SERVER", help=_("The seal service at a distance that is asked.")
)
@click.option("--ca-file", type=FILE, help=_("With --server: whom to trust for TLS; else whom this machine trusts."))
def group(server: str | None, ca_file: Path | None) -> None:
    """The group of commands."""
    choose_server(Server(server, ca_file) if server else None)


@group.command(
    help=_(
        "Apply for the seal NAME. Its key is in the key store of the seals; its certificate, followed by its issuers,"
        " in certificates/seals of the home folder. Two others must approve."
    ),
    example="yinxin seals register apply office --owner 宝鸡市人民政府办公室 --key-name sm2-unit --custodian he.qing"
    " --per-day 200 --as song.lin --key song.pem",
)
@order_options
@output_option
@acting_at_register
def apply(home: Home, office: RegisterOffice, output: Output, **options: Any) -> None:
    """Apply for a seal."""
    order = order_of(home, **options)
    office.apply(order)
    output.done(
        _("The seal {name} is applied for; two others must approve it.").format(name=order.name),
        {"name": order.name, "state": "applied"},
    )


@group.command(
    help=_(
        "Apply for another version of the seal NAME: another certificate, picture, custodian or bound. The version in"
        " force stays so until the other is approved, made and activated."
    ),
    example="yinxin seals register change office --owner 宝鸡市人民政府办公室 --key-name sm2-unit-2 --custodian he.qing"
    " --as song.lin --key song.pem",
)
@order_options
@output_option
@acting_at_register
def change(home: Home, office: RegisterOffice, output: Output, **options: Any) -> None:
    """Apply for another version."""
    order = order_of(home, **options)
    office.change(order)
    output.done(
        _("Another version of {name} is applied for; two others must approve it.").format(name=order.name),
        {"name": order.name},
    )


@group.command(
    help=_("Show the seal NAME: its versions and what was stated about it, every signature checked anew."),
    example="yinxin seals register show office --picture office.png",
)
@click.argument("name")
@click.option("--picture", type=FILE, help=_("Also write the picture of its newest version to this PNG."))
@output_option
@asking_register
def show(home: Home, office: RegisterOffice, name: str, picture: Path | None, output: Output) -> None:  # noqa: ARG001
    """Show a seal."""
    dossier = office.show(name)
    if picture:
        files.write(picture, office.picture(name), replace=False)
    print_dossier(output, dossier)


@group.command(
    "print",
    help=_("Print the registration of the seal NAME (印章登记表), in Chinese and English: a PDF to be filed."),
    example="yinxin seals register print office --out office-registration.pdf",
)
@click.argument("name")
@click.option("--out", type=FILE, required=True, help=_("Where to write the PDF."))
@output_option
@asking_register
def print_command(home: Home, office: RegisterOffice, name: str, out: Path, output: Output) -> None:
    """Print a registration."""
    from seals.register.registration import registration

    issuer = home.configuration.centre.organization if (home.path / FILE_NAME).exists() else ""
    files.write(out, registration(office.show(name), issuer, home.clock.now()), replace=False)
    output.done(_("{out}: the registration of {name}").format(out=out, name=name), {"file": str(out), "name": name})


def _list_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(
        (
            click.option("--unit", default="", help=_("Only seals that belong to this unit.")),
            click.option("--kind", type=click.Choice([kind.value for kind in SealKind]), help=_("Only this kind.")),
            click.option("--state", type=click.Choice([state.value for state in State]), help=_("Only this state.")),
            click.option(
                "--expiring", type=click.IntRange(0, 36500), metavar="DAYS", help=_("Only seals that end within DAYS.")
            ),
            click.option("--limit", type=click.IntRange(1, MOST), default=100, show_default=True, help=_("How many.")),
            click.option("--after", default="", metavar="NAME", help=_("Only seals after this one: the next page.")),
        )
    ):
        function = option(function)
    return function


@group.command(
    "list",
    help=_("List the seals by name, as far as they are looked for."),
    example="yinxin seals register list --unit 宝鸡市人民政府办公室 --state active --expiring 60",
)
@_list_options
@output_option
@asking_register
def list_command(home: Home, office: RegisterOffice, output: Output, **wanted: Any) -> None:
    """List seals."""
    _print(home, office, output, "", **wanted)


@group.command(
    help=_("Find seals by a part of their name, their owner's, or their unit's."),
    example="yinxin seals register search 人民政府 --kind official",
)
@click.argument("text")
@_list_options
@output_option
@asking_register
def search(home: Home, office: RegisterOffice, text: str, output: Output, **wanted: Any) -> None:
    """Find seals."""
    _print(home, office, output, text, **wanted)


def _print(
    home: Home,
    office: RegisterOffice,
    output: Output,
    text: str,
    *,
    unit: str,
    kind: str | None,
    state: str | None,
    expiring: int | None,
    limit: int,
    after: str,
) -> None:
    ends = None if expiring is None else home.clock.now() + timedelta(days=expiring)
    only = SealFilter(text, unit, SealKind(kind) if kind else None, State(state) if state else None, ends)
    headings = {
        "name": _("Name"),
        "owner": _("Owner"),
        "unit": _("Belongs to"),
        "kind": _("Kind"),
        "state": _("State"),
        "valid_until": _("Valid until"),
    }
    output.table([vars(one) for one in office.seals(only, limit, after)], headings)


@group.command(
    help=_("Make the seal NAME, which two have approved: its structure is signed by the seal maker."),
    example="yinxin seals register make office --maker sm2-seal-maker --as song.lin --key song.pem",
)
@click.argument("name")
@click.option("--maker", "maker_name", required=True, help=_("The name of the seal maker's key."))
@click.option("--out", type=FILE, help=_("Also write the structure to this file (.esl)."))
@output_option
@acting_here
def make(
    home: Home, people: People, session: Session, name: str, maker_name: str, out: Path | None, output: Output
) -> None:
    """Make a seal."""
    if out and out.exists():
        raise YinxinError(Kind.CONFLICT, _("the file exists already"), subject=str(out))
    its_maker = newest_of(home, "seals", maker_name)
    maker = Maker(home.key_store("seals").signer(its_maker.key_name), its_maker.certificate)
    structure = register.make(home.context, people, session, maker, name, support_of(home))
    if out:
        files.write(out, structure, replace=False)
    output.done(
        _("The seal {name} is made; its custodian can activate it.").format(name=name), {"name": name, "state": "made"}
    )


def _decision(verb: str, act: Act, help_text: str, sentence: Callable[[], str], *, reason: bool = True) -> None:
    example = f"yinxin seals register {verb} office{' --reason …' if reason else ''} --as OPERATOR --key FILE"

    @group.command(verb, help=help_text, example=example)
    @click.argument("name")
    @click.option("--reason", **({"required": True} if reason else {"default": ""}), help=_("For the books."))
    @click.option("--digest", default="", help=_("Of the version that is meant, as show prints it; else the present."))
    @output_option
    @acting_at_register
    def decide(
        home: Home,  # noqa: ARG001
        office: RegisterOffice,
        name: str,
        reason: str,
        digest: str,
        output: Output,
    ) -> None:
        state = office.decide(name, act, reason, digest)
        output.done(sentence().format(name=name, state=in_words(state.value)), {"name": name, "state": state.value})


_decision(
    "approve",
    Act.APPROVE,
    _("Approve what is applied for. It takes two, neither of whom applied for it."),
    lambda: _("You have approved {name}; it is {state}."),
    reason=False,
)
_decision("reject", Act.REJECT, _("Reject what is applied for, saying why."), lambda: _("{name} is rejected."))
_decision(
    "activate",
    Act.ACTIVATE,
    _("Take a seal that was made into custody: from now on it can be used. Only its custodians can do it."),
    lambda: _("{name} is in your custody and can be used."),
    reason=False,
)
_decision(
    "freeze",
    Act.FREEZE,
    _("Freeze a seal: until it is resumed nobody can use it. Its custodians can do it too."),
    lambda: _("{name} is frozen."),
)
_decision("resume", Act.RESUME, _("Let a frozen seal be used again."), lambda: _("{name} can be used again."))
_decision(
    "hand-in",
    Act.HAND_IN,
    _("Record that a seal was handed in: it is used no more."),
    lambda: _("{name} is handed in."),
)


@group.command(
    help=_("Destroy a seal that was handed in, and its key, for good. It takes another than who had it handed in."),
    example="yinxin seals register destroy office --reason … --as OPERATOR --key FILE",
)
@click.argument("name")
@click.option("--reason", required=True, help=_("For the books."))
@output_option
@acting_here
def destroy(home: Home, people: People, session: Session, name: str, reason: str, output: Output) -> None:
    """Destroy a seal."""
    register.destroy(home.context, people, session, home.key_store("seals"), name, reason)
    output.done(_("{name} is destroyed.").format(name=name), {"name": name, "state": "destroyed"})
