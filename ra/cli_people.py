"""`yinxin ra operator`: administrators appoint people and decide on them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from ca.service import open_authority
from core import files
from core.account import local_account
from core.algorithms import KeyKind
from core.cli import Group, Output, output_option
from core.csr import build_csr
from core.home import Home
from core.i18n import _
from core.keys.key_file import create_key_file
from core.subject import Subject
from core.words import all_in_words
from ra import personnel
from ra.cli_options import FILE, acting_operator, asking_anybody, here_only, kind_option, obtain_pin
from ra.office import RegistrationOffice
from ra.operators import Operator, open_session
from ra.roles import FOUNDERS, Role

_PIN_HELP = _("File with the PIN of the new key, mode 0600; else YINXIN_NEW_PIN, or a prompt.")

_role_option = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role if role not in FOUNDERS]),
    help=_("What the person may do."),
)


@click.group(cls=Group, help=_("Operators: appoint, list, suspend, remove."))
def operator_group() -> None:
    """The group of commands."""


def _new_key_options(function: Callable[..., object]) -> Callable[..., object]:
    decorated = click.option("--new-pin-file", type=FILE, help=_PIN_HELP)(function)
    decorated = click.option("--csr", "csr_file", type=FILE, help=_("The person's own request instead of a new key."))(
        decorated
    )
    decorated = click.option("--new-key", type=FILE, help=_("Where to write the person's new key file."))(decorated)
    return kind_option(decorated)


@contextmanager
def _csr_of(
    name: str, kind: str, new_key: Path | None, csr_file: Path | None, pin_file: Path | None
) -> Iterator[bytes]:
    """The request for the person's key: as handed in, or of a key made now, which goes again if the block fails."""
    if (new_key is None) is (csr_file is None):
        raise click.UsageError(_("Give --new-key for a key to be made, or --csr for a key that the person has."))
    if csr_file is not None:
        yield files.read(csr_file)
        return
    if new_key is None:
        return
    key = create_key_file(new_key, KeyKind(kind), obtain_pin(str(new_key), pin_file, "YINXIN_NEW_PIN"))
    try:
        yield build_csr(key, Subject(common_name=name).name())
    except BaseException:
        # A key that nobody certified is of no use, and would stand in the way of the next attempt.
        with suppress(OSError):
            new_key.unlink()
        raise


@operator_group.command(
    name="add",
    help=_("Appoint NAME: make a key file with a PIN, or take a request, and have the key certified."),
    example=(
        "yinxin ra operator add wang.review --role review --role make --authority sm2-issuing "
        "--new-key wang.pem --new-pin-file wang.pin --as zhou.admin --key zhou.pem"
    ),
)
@click.argument("name")
@_role_option
@click.option("--authority", required=True, help=_("The authority that certifies the key."))
@click.option("--branch", help=_("The branch that the person works for; else that of the administrator."))
@click.option("--organization", help=_("The person's unit; else the centre's name."))
@_new_key_options
@acting_operator
@output_option
def add_operator(
    office: RegistrationOffice,
    name: str,
    roles: tuple[str, ...],
    authority: str,
    branch: str | None,
    organization: str | None,
    kind: str,
    new_key: Path | None,
    csr_file: Path | None,
    new_pin_file: Path | None,
    output: Output,
) -> None:
    """Appoint somebody."""
    with _csr_of(name, kind, new_key, csr_file, new_pin_file) as csr:
        appointed = office.appoint(
            name,
            {Role(role) for role in roles},
            csr,
            authority=authority,
            organization=organization,
            branch=branch,
        )
    output.done(_appointed(name, roles), _facts(appointed))


@operator_group.command(
    name="renew",
    help=_("Have a new key of NAME certified: one's own, or as the administrator."),
    example=(
        "yinxin ra operator renew wang.review --new-key wang-2028.pem --new-pin-file wang.pin "
        "--as wang.review --key wang.pem"
    ),
)
@click.argument("name")
@_new_key_options
@acting_operator
@output_option
def renew(
    office: RegistrationOffice,
    name: str,
    kind: str,
    new_key: Path | None,
    csr_file: Path | None,
    new_pin_file: Path | None,
    output: Output,
) -> None:
    """Renew somebody's certificate."""
    with _csr_of(name, kind, new_key, csr_file, new_pin_file) as csr:
        renewed = office.renew(name, csr)
    output.done(_("{name} signs with the new key from now on.").format(name=name), _facts(renewed))


@operator_group.command(
    name="found",
    help=_("Found the administrator NAME: for the ceremony, with the key store of the CA at hand."),
    example=(
        "yinxin ra operator found zhao.super --role super --authority sm2-issuing --new-key zhao.pem "
        "--new-pin-file zhao.pin"
    ),
)
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(sorted(role.value for role in FOUNDERS)), help=_("Which one."))
@click.option("--authority", required=True, help=_("The authority that certifies the key."))
@click.option("--new-key", required=True, type=FILE, help=_("Where to write the person's new key file."))
@click.option("--new-pin-file", type=FILE, help=_PIN_HELP)
@click.option("--replace", is_flag=True, help=_("The former one's key is lost: revoke its certificate."))
@click.option("--witness", metavar="NAME", help=_("Another administrator, who is there when one is replaced."))
@click.option("--witness-key", type=FILE, help=_("The witness's key file."))
@click.option("--witness-pin-file", type=FILE, help=_("File with its PIN; else YINXIN_WITNESS_PIN, or a prompt."))
@kind_option
@output_option
@click.pass_obj
def found(
    home: Home,
    replace: bool,
    witness: str | None,
    witness_key: Path | None,
    witness_pin_file: Path | None,
    name: str,
    role: str,
    authority: str,
    new_key: Path,
    new_pin_file: Path | None,
    kind: str,
    output: Output,
) -> None:
    """Found an administrator."""
    here_only()
    if (witness is None) is not (witness_key is None):
        raise click.UsageError(_("Give --witness and --witness-key together."))
    present = None
    if witness and witness_key:
        pin = obtain_pin(str(witness_key), witness_pin_file, "YINXIN_WITNESS_PIN")
        present = open_session(home.context, witness, witness_key, pin)
    issuing = open_authority(home)
    key = create_key_file(new_key, KeyKind(kind), obtain_pin(str(new_key), new_pin_file, "YINXIN_NEW_PIN"))
    try:
        personnel.found(
            home.context,
            issuing,
            name,
            Role(role),
            key,
            authority=authority,
            organization=home.configuration.centre.organization,
            replace=replace,
            witness=present,
            actor=local_account(),
        )
    except BaseException:
        new_key.unlink(missing_ok=True)
        raise
    output.done(_appointed(name, [role]), {"operator": name, "roles": [role]})


@operator_group.command(
    name="list", help=_("List everybody who is or was appointed."), example="yinxin ra operator list"
)
@click.option("--branch", help=_("Only those of this branch."))
@asking_anybody
@output_option
def list_operators(office: RegistrationOffice, branch: str | None, output: Output) -> None:
    """List people."""
    headings = {
        "operator": _("Operator"),
        "roles": _("Roles"),
        "branch": _("Branch"),
        "state": _("State"),
        "certificate": _("Certificate"),
    }
    output.table([_facts(operator) for operator in office.list_operators(branch)], headings)


@operator_group.command(
    help=_("Give the operator NAME these roles instead of the present ones."),
    example="yinxin ra operator change wang.review --role review --as zhou.admin --key zhou.pem",
)
@click.argument("name")
@_role_option
@acting_operator
@output_option
def change(office: RegistrationOffice, name: str, roles: tuple[str, ...], output: Output) -> None:
    """Change somebody's roles."""
    changed = office.change_roles(name, {Role(role) for role in roles})
    output.done(_appointed(name, roles), _facts(changed))


_why_option = click.option("--why", default="", help=_("The reason, for the record."))


@operator_group.command(
    help=_("Let the operator NAME do nothing until reinstated."),
    example="yinxin ra operator suspend wang.review --as zhou.admin --key zhou.pem",
)
@click.argument("name")
@_why_option
@acting_operator
@output_option
def suspend(office: RegistrationOffice, name: str, why: str, output: Output) -> None:
    """Suspend somebody."""
    output.done(_("{name} is suspended.").format(name=name), _facts(office.suspend(name, why)))


@operator_group.command(
    help=_("Let the suspended operator NAME act again."),
    example="yinxin ra operator reinstate wang.review --as zhou.admin --key zhou.pem",
)
@click.argument("name")
@_why_option
@acting_operator
@output_option
def reinstate(office: RegistrationOffice, name: str, why: str, output: Output) -> None:
    """Reinstate somebody."""
    output.done(_("{name} may act again.").format(name=name), _facts(office.reinstate(name, why)))


@operator_group.command(
    help=_("Remove the operator NAME for good, and revoke the certificate."),
    example="yinxin ra operator remove wang.review --why 调离 --as zhou.admin --key zhou.pem",
)
@click.argument("name")
@_why_option
@acting_operator
@output_option
def remove(office: RegistrationOffice, name: str, why: str, output: Output) -> None:
    """Remove somebody."""
    output.done(_("{name} is removed.").format(name=name), _facts(office.remove(name, why)))


def _appointed(name: str, roles: Iterable[str]) -> str:
    return _("{name} is appointed: {roles}.").format(name=name, roles=all_in_words(sorted(roles)))


def _facts(operator: Operator) -> dict[str, object]:
    return {
        "operator": operator.name,
        "roles": sorted(operator.roles),
        "branch": operator.branch,
        "state": operator.state.value,
        "certificate": operator.label,
    }
