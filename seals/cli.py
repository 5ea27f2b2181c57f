"""`yinxin seals`: the register, sealing, verification."""

from collections.abc import Callable
from pathlib import Path

import click

from core import files
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from core.service.installed import newest_of
from seals import api_keys, artwork, register
from seals.making import Maker
from seals.picture import RoundSeal
from seals.picture_cli import clean, draw
from seals.printing import print_report, print_summary
from seals.register import SealKind, SealOrder, State
from seals.report import Verdict
from seals.stamp_cli import ACTOR, stamp
from seals.trust import load_trust
from seals.verification import verify_pdf

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=Group, help=_("Seals: make them, seal documents, verify sealed documents."))
def group() -> None:
    """The group of commands."""


@group.command("list", help=_("List the seals in the register."), example="yinxin seals list")
@output_option
@click.pass_obj
def list_command(home: Home, output: Output) -> None:
    """List the register."""
    rows = [
        {
            "name": seal.name,
            "owner": seal.owner,
            "kind": seal.kind.value,
            "state": seal.state.value,
            "valid_until": seal.valid_until,
        }
        for seal in register.list_seals(home.context)
    ]
    headings = {
        "name": _("Name"),
        "owner": _("Owner"),
        "kind": _("Kind"),
        "state": _("State"),
        "valid_until": _("Valid until"),
    }
    output.table(rows, headings)


@group.command(
    help=_(
        "Make the seal NAME and enter it in the register. Its key and the seal maker's are in the key store of the"
        " seals; their certificates, each followed by its issuers, in certificates/seals of the home folder."
    ),
    example="yinxin seals make office --owner 宝鸡市人民政府办公室 --key sm2-unit --maker sm2-seal-maker",
)
@click.argument("name")
@click.option("--owner", required=True, help=_("The full legal name of the owner, as on the seal."))
@click.option("--key", "key_name", required=True, help=_("The name of the owner's key."))
@click.option("--maker", "maker_name", required=True, help=_("The name of the seal maker's key."))
@click.option(
    "--kind", type=click.Choice([kind.value for kind in SealKind]), default=SealKind.OFFICIAL.value, show_default=True
)
@click.option(
    "--picture", type=_FILE, help=_("A PNG or SVG, which is cleaned; else a round seal is drawn from the owner's name.")
)
@click.option("--width-mm", type=int, default=42, show_default=True, help=_("The width of the seal."))
@click.option("--serial", default="", help=_("The registration number along the lower edge of a drawn seal."))
@output_option
@click.pass_obj
def make(
    home: Home,
    name: str,
    owner: str,
    key_name: str,
    maker_name: str,
    kind: str,
    picture: Path | None,
    width_mm: int,
    serial: str,
    output: Output,
) -> None:
    """Make a seal."""
    keys = home.key_store("seals")
    certificate, *chain = read_certificates(home.certificates("seals") / f"{key_name}.pem")
    its_maker = newest_of(home, "seals", maker_name)
    png = artwork.cleaned(files.read(picture), width_mm) if picture else RoundSeal(owner, width_mm, serial=serial).png()
    order = SealOrder(name, owner, SealKind(kind), key_name, certificate, chain, png, width_mm)
    maker = Maker(keys.signer(its_maker.key_name), its_maker.certificate)
    made = register.make(home.context, keys, maker, order, actor=ACTOR)
    output.done(
        _("The seal {name} of {owner} is in the register.").format(name=name, owner=owner),
        {"name": made.name, "owner": made.owner, "valid_until": made.valid_until},
    )


def _mover(verb: str, state: State, help_text: str, sentence: Callable[[], str]) -> None:
    @group.command(verb, help=help_text, example=f"yinxin seals {verb} office --reason …")
    @click.argument("name")
    @click.option("--reason", required=True, help=_("For the books."))
    @output_option
    @click.pass_obj
    def move(home: Home, name: str, reason: str, output: Output) -> None:
        register.move(home.context, name, state, actor=ACTOR, reason=reason)
        output.done(sentence().format(name=name), {"name": name, "state": state.value})


_mover(
    "freeze", State.FROZEN, _("Freeze a seal: until it is resumed nobody can use it."), lambda: _("{name} is frozen.")
)
_mover("resume", State.ACTIVE, _("Let a frozen seal be used again."), lambda: _("{name} can be used again."))
_mover("destroy", State.DESTROYED, _("Destroy a seal, for good."), lambda: _("{name} is destroyed."))


group.add_command(stamp)


@group.command(
    help=_(
        "Verify the seals of each FILE, without a network. Exit code: 0 valid, 1 valid with remarks, 2 indeterminate,"
        " 3 invalid; of several files, the worst."
    ),
    example="yinxin seals verify notice-sealed.pdf\nyinxin seals verify *.pdf --trust demo/trust --json",
)
@click.argument("documents", nargs=-1, required=True, type=_FILE, metavar="FILE…")
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help=_("The folder of trusted certificates, with newer *.crl files; else trust in the home folder."),
)
@click.option("--crl", "crls", multiple=True, type=_FILE, help=_("A revocation list newer than those in the document."))
@output_option
@click.pass_obj
def verify(home: Home, documents: tuple[Path, ...], trust: Path | None, crls: tuple[Path, ...], output: Output) -> int:
    """Verify documents."""
    trusted = load_trust(trust or home.trust, crls)
    reports = [
        verify_pdf(document, trusted, home.clock, name=document.name)
        for document in output.track(documents, _("Verifying"))
    ]
    if len(reports) == 1:
        print_report(output, reports[0])
    else:
        print_summary(output, reports)
    return max(report.verdict for report in reports).exit_code if reports else Verdict.VALID.exit_code


@group.group("api-key", cls=Group, help=_("Keys with which document systems use seals over HTTP."))
def api_key() -> None:
    """The group of API keys."""


@api_key.command(
    "new",
    help=_("Make an API key called NAME and print it, this once."),
    example="yinxin seals api-key new oa-system --seal office",
)
@click.argument("name")
@click.option("--seal", "seals", multiple=True, required=True, help=_("A seal that it may use; can be repeated."))
@output_option
@click.pass_obj
def new_api_key(home: Home, name: str, seals: tuple[str, ...], output: Output) -> None:
    """Make an API key."""
    key = api_keys.create(home.context, name, seals, actor=ACTOR)
    output.note(_("Keep this key: it is not shown again."))
    output.done(key, {"name": name, "key": key, "seals": list(seals)})


group.add_command(draw)
group.add_command(clean)
