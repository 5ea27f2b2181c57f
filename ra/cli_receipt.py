"""What goes with a delivery: the PKCS#12 file for a holder whose key is at hand, and the receipt to sign."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from core import files
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.cli_options import FILE, Function, acting_operator, obtain_pin
from ra.delivery import make_pkcs12
from ra.office import RegistrationOffice
from ra.receipt import receipt_of, typeset


@dataclass
class Enclosures:
    """The files to be written beside the certificate."""

    pkcs12: Path | None
    holder_key: Path | None
    holder_pin_file: Path | None
    password_file: Path | None
    receipt: Path | None
    packed: bytes = b""

    def prepare(self, office: RegistrationOffice, number: str) -> None:
        """Pack the PKCS#12 before the delivery is recorded, so that a wrong key or PIN does not use it up."""
        if self.pkcs12 is None:
            return
        if self.holder_key is None:
            raise click.UsageError(_("--pkcs12 needs --holder-key; without the key only certificates are delivered."))
        if self.pkcs12.exists():
            raise YinxinError(
                Kind.CONFLICT,
                _("the file exists already"),
                subject=str(self.pkcs12),
                remedy=_("choose another name or remove it"),
            )
        record = office.look_up(number)
        if not record.certificates:
            raise YinxinError(
                Kind.CONFLICT,
                _("no certificate was issued yet"),
                subject=number,
                remedy=_("use: yinxin ra issue {number}").format(number=number),
            )
        own = record.certificates[0]
        self.packed = make_pkcs12(
            self.holder_key,
            obtain_pin(str(self.holder_key), self.holder_pin_file, "YINXIN_HOLDER_PIN"),
            [own.certificate, *office.chain_of(own.authority)],
            name=record.application.subject.common_name if record.application else number,
            new_passphrase=obtain_pin(str(self.pkcs12), self.password_file, "YINXIN_PKCS12_PASSWORD"),
        )

    def write(self, office: RegistrationOffice, number: str) -> None:
        """Write what was asked for."""
        if self.pkcs12 is not None:
            files.write(self.pkcs12, self.packed, mode=0o600, replace=False)
        if self.receipt is not None:
            write_receipt(office, number, self.receipt)


def enclosure_options(function: Function) -> Function:
    """Give the command `--pkcs12` and `--receipt`, and the parameter `enclosures`."""

    @functools.wraps(function)
    def enclosing(*args: Any, **options: Any) -> Any:
        names = ("pkcs12", "holder_key", "holder_pin_file", "password_file", "receipt")
        return function(*args, enclosures=Enclosures(**{name: options.pop(name) for name in names}), **options)

    decorated: Function = enclosing
    for option in (
        click.option("--receipt", type=FILE, help=_("Also write the receipt (PDF) for the holder to sign.")),
        click.option(
            "--password-file",
            type=FILE,
            help=_("File with the PKCS#12 password, mode 0600; else YINXIN_PKCS12_PASSWORD, or a prompt."),
        ),
        click.option(
            "--holder-pin-file", type=FILE, help=_("File with the PIN of the holder's key; else YINXIN_HOLDER_PIN.")
        ),
        click.option("--holder-key", type=FILE, help=_("The holder's key file, for --pkcs12.")),
        click.option("--pkcs12", type=FILE, help=_("Also write key and certificates into this PKCS#12 file, once.")),
    ):
        decorated = option(decorated)
    return decorated


def write_receipt(office: RegistrationOffice, number: str, out: Path) -> None:
    """The receipt of a delivered request, as a PDF that only its owner reads."""
    record = office.look_up(number)
    title = office.title_of(record.entry.profile)
    files.write(out, typeset(receipt_of(record, title, office.organization)), mode=0o600)


@click.command(
    cls=Command,
    name="receipt",
    help=_("Write the receipt of a delivered request again (PDF), for the holder to sign."),
    example="yinxin ra receipt 20261101-7K3M9QX2 --out receipt.pdf --as zhao.make --key zhao.pem",
)
@click.argument("number")
@click.option("--out", required=True, type=FILE, help=_("Where to write it."))
@acting_operator
@output_option
def receipt_command(office: RegistrationOffice, number: str, out: Path, output: Output) -> None:
    """Write a receipt."""
    write_receipt(office, number, out)
    output.done(_("{out}: the receipt.").format(out=out), {"receipt": str(out)})
