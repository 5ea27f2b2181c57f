"""`yinxin ra key`: keys at the holder's place."""

from pathlib import Path

import click

from core import files
from core.algorithms import KeyKind
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.i18n import _
from core.subject import Subject
from ra.cli_options import FILE, kind_option, obtain_pin, subject_options
from ra.delivery import armour_csr, keep_encryption_key, make_key_and_csr, make_pkcs12


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
@kind_option
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


@key_group.command(
    name="open",
    help=_("Take the encryption key out of what was delivered (CSRResponse or envelope), into an encrypted file."),
    example=(
        "yinxin ra key open zhangsan.response --key zhangsan.pem --out zhangsan-encryption-key.pem\n"
        "yinxin ra key open zhangsan-encryption.p7m --key zhangsan.pem --certificate zhangsan-chain.pem --out key.pem"
    ),
)
@click.argument("delivered", type=FILE)
@click.option("--key", "key_file", required=True, type=FILE, help=_("The signing key's file."))
@click.option("--certificate", type=FILE, help=_("The signing certificate; needed with an RSA key."))
@click.option("--out", required=True, type=FILE, help=_("Where to write the encryption key, under the same PIN."))
@click.option("--pin-file", type=FILE, help=_("File with the key's passphrase; else YINXIN_PIN, or a prompt."))
@output_option
def open_key(
    delivered: Path, key_file: Path, certificate: Path | None, out: Path, pin_file: Path | None, output: Output
) -> None:
    """Open what was delivered."""
    own = read_certificates(certificate)[0] if certificate else None
    keep_encryption_key(delivered, key_file, obtain_pin(str(key_file), pin_file), out, certificate=own)
    output.done(_("{out}: the encryption key.").format(out=out), {"key": str(out)})
