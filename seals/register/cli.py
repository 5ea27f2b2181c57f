"""`yinxin seals register`: the life of a seal, each step signed by whoever takes it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core import files
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.service.installed import newest_of
from core.words import in_words
from seals.cli_options import FILE, acting_person, people_of, support_of
from seals.contracts import People, Session
from seals.electronic.making import Maker
from seals.register import register
from seals.register.dossiers import read_dossier
from seals.register.order_cli import order_of, order_options
from seals.register.printing import print_dossier
from seals.register.statements import Act


@click.group(
    cls=Group,
    help=_("The life of a seal: applied for, approved by two, made, activated, frozen, changed, handed in, destroyed."),
)
def group() -> None:
    """The group of commands."""


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
@acting_person
def apply(home: Home, people: People, session: Session, output: Output, **options: Any) -> None:
    """Apply for a seal."""
    order = order_of(home, **options)
    register.apply(home.context, people, session, home.key_store("seals"), order)
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
@acting_person
def change(home: Home, people: People, session: Session, output: Output, **options: Any) -> None:
    """Apply for another version."""
    order = order_of(home, **options)
    register.change(home.context, people, session, home.key_store("seals"), order)
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
@click.pass_obj
def show(home: Home, name: str, picture: Path | None, output: Output) -> None:
    """Show a seal."""
    with home.storage.reading() as connection:
        dossier = read_dossier(connection, people_of(home), name)
        newest = dossier.versions[-1].application
        if picture:
            png = register.picture_of(connection, dossier, newest.revision if newest else 0)
            files.write(picture, png, replace=False)
    print_dossier(output, dossier)


@group.command(
    help=_("Make the seal NAME, which two have approved: its structure is signed by the seal maker."),
    example="yinxin seals register make office --maker sm2-seal-maker --as song.lin --key song.pem",
)
@click.argument("name")
@click.option("--maker", "maker_name", required=True, help=_("The name of the seal maker's key."))
@click.option("--out", type=FILE, help=_("Also write the structure to this file (.esl)."))
@output_option
@acting_person
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
    @acting_person
    def decide(
        home: Home, people: People, session: Session, name: str, reason: str, digest: str, output: Output
    ) -> None:
        state = register.decide(home.context, people, session, name, act, reason, digest=digest)
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
@acting_person
def destroy(home: Home, people: People, session: Session, name: str, reason: str, output: Output) -> None:
    """Destroy a seal."""
    register.destroy(home.context, people, session, home.key_store("seals"), name, reason)
    output.done(_("{name} is destroyed.").format(name=name), {"name": name, "state": "destroyed"})
