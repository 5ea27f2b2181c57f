"""`yinxin ra operator` and `yinxin ra key`: appointing operators; keys at the holder's place."""

from pathlib import Path

import click

from ca.service import open_authority
from core import files
from core.algorithms import KeyKind
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.csr import build_csr
from core.home import Home
from core.i18n import _
from core.keys.key_file import create_key_file
from core.subject import Subject
from ra import operators
from ra.cli_options import FILE, obtain_pin, subject_options
from ra.delivery import armour_csr, make_key_and_csr, make_pkcs12
from ra.moves import Role

_kind_option = click.option(
    "--kind",
    type=click.Choice([kind.value for kind in KeyKind]),
    default=KeyKind.SM2.value,
    show_default=True,
    help=_("Kind of key."),
)


@click.group(cls=Group, help=_("Operators: appoint, list, suspend, reinstate."))
def operator_group() -> None:
    """The group of commands."""


@operator_group.command(
    name="add",
    help=_("Appoint NAME as an operator: make a key file with a PIN, and have the key certified."),
    example=(
        "yinxin ra operator add wang.review --role review --role make "
        "--authority sm2-issuing --key wang.pem --pin-file wang.pin"
    ),
)
@click.argument("name")
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice([role.value for role in Role]), help=_("Role.")
)
@click.option("--authority", required=True, help=_("The authority that certifies the key."))
@click.option("--key", "key_file", required=True, type=FILE, help=_("Where to write the operator's key file."))
@click.option("--pin-file", type=FILE, help=_("File with the PIN, mode 0600; else YINXIN_PIN, or a prompt."))
@click.option("--organization", help=_("The operator's unit; else the centre's name."))
@_kind_option
@output_option
@click.pass_obj
def add_operator(
    home: Home,
    name: str,
    roles: tuple[str, ...],
    authority: str,
    key_file: Path,
    pin_file: Path | None,
    organization: str | None,
    kind: str,
    output: Output,
) -> None:
    """Appoint an operator."""
    issuing = open_authority(home)
    key = create_key_file(key_file, KeyKind(kind), obtain_pin(str(key_file), pin_file))
    try:
        operators.add_operator(
            home.context,
            issuing,
            name,
            {Role(role) for role in roles},
            build_csr(key, Subject(common_name=name).name()),
            issuer=authority,
            organization=organization or home.configuration.centre.organization,
        )
    except BaseException:
        # A key that nobody certified is of no use, and would stand in the way of the next attempt.
        key_file.unlink(missing_ok=True)
        raise
    output.done(
        _("{name} is an operator now; the key is in {file}.").format(name=name, file=key_file),
        {"operator": name, "roles": sorted(roles), "key": str(key_file)},
    )


@operator_group.command(name="list", help=_("List the operators."), example="yinxin ra operator list")
@output_option
@click.pass_obj
def list_operators(home: Home, output: Output) -> None:
    """List operators."""
    rows = [
        {
            "operator": operator.name,
            "roles": sorted(role.value for role in operator.roles),
            "state": operator.state.value,
            "certificate": operator.label,
        }
        for operator in operators.list_operators(home.context)
    ]
    headings = {
        "operator": _("Operator"),
        "roles": _("Roles"),
        "state": _("State"),
        "certificate": _("Certificate"),
    }
    output.table(rows, headings)


@operator_group.command(
    help=_("Let the operator NAME do nothing until reinstated."), example="yinxin ra operator suspend wang.review"
)
@click.argument("name")
@output_option
@click.pass_obj
def suspend(home: Home, name: str, output: Output) -> None:
    """Suspend an operator."""
    operators.suspend_operator(home.context, name)
    output.done(_("{name} is suspended.").format(name=name), {"operator": name, "state": "suspended"})


@operator_group.command(
    help=_("Let the suspended operator NAME act again."), example="yinxin ra operator reinstate wang.review"
)
@click.argument("name")
@output_option
@click.pass_obj
def reinstate(home: Home, name: str, output: Output) -> None:
    """Reinstate an operator."""
    operators.reinstate_operator(home.context, name)
    output.done(_("{name} may act again.").format(name=name), {"operator": name, "state": "active"})


@click.group(cls=Group, help=_("Keys, at the holder's place: make them, and pack them with their certificate."))
def key_group() -> None:
    """The group of commands."""


@key_group.command(
    name="new",
    help=_("Make a key in an encrypted file, and a certificate request for it."),
    example=(
        "yinxin ra key new --kind sm2 --out zhangsan.pem --csr zhangsan.csr "
        "--common-name 张三 --organization 宝鸡市人民政府办公室"
    ),
)
@_kind_option
@click.option("--out", "key_file", required=True, type=FILE, help=_("Where to write the key file."))
@click.option("--csr", "csr_file", required=True, type=FILE, help=_("Where to write the certificate request."))
@click.option("--pin-file", type=FILE, help=_("File with the passphrase, mode 0600; else YINXIN_PIN, or a prompt."))
@subject_options
@output_option
def new_key(kind: str, key_file: Path, csr_file: Path, pin_file: Path | None, subject: Subject, output: Output) -> None:
    """Make a key and a request."""
    pin = obtain_pin(str(key_file), pin_file)
    csr = make_key_and_csr(KeyKind(kind), key_file, pin, subject)
    files.write(csr_file, armour_csr(csr))
    output.done(
        _("{key}: the key; {csr}: the request, to be handed in.").format(key=key_file, csr=csr_file),
        {"key": str(key_file), "csr": str(csr_file)},
    )


@key_group.command(
    help=_("Pack a key file and its certificate into a PKCS#12 file, for browsers and mail programs."),
    example="yinxin ra key pkcs12 --key zhangsan.pem --certificate zhangsan-chain.pem --out zhangsan.p12",
)
@click.option("--key", "key_file", required=True, type=FILE, help=_("The key file."))
@click.option(
    "--certificate", required=True, type=FILE, help=_("The certificate, PEM or DER; its issuers' may follow.")
)
@click.option("--out", required=True, type=FILE, help=_("Where to write the PKCS#12 file."))
@click.option("--name", default="yinxin", show_default=True, help=_("What programs call the key."))
@click.option("--pin-file", type=FILE, help=_("File with the key's passphrase; else YINXIN_PIN, or a prompt."))
@click.option(
    "--password-file",
    type=FILE,
    help=_("File with the PKCS#12 password, mode 0600; else YINXIN_PKCS12_PASSWORD, or a prompt."),
)
@output_option
def pkcs12(
    key_file: Path,
    certificate: Path,
    out: Path,
    name: str,
    pin_file: Path | None,
    password_file: Path | None,
    output: Output,
) -> None:
    """Pack a key and its certificate."""
    certificates = read_certificates(certificate)
    pin = obtain_pin(str(key_file), pin_file)
    password = obtain_pin(str(out), password_file, "YINXIN_PKCS12_PASSWORD")
    packed = make_pkcs12(key_file, pin, certificates, name=name, new_passphrase=password)
    files.write(out, packed, mode=0o600, replace=False)
    output.done(_("{out}: the key and its certificate.").format(out=out), {"pkcs12": str(out)})
