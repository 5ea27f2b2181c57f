"""`yinxin ra renew`, `rekey` and `change`: certificates that follow others of the same holder."""

from collections.abc import Callable
from pathlib import Path

import click

from ca.state import Reason
from core import files
from core.cli import Command, Output, output_option
from core.i18n import _
from core.subject import Subject
from ra.applications import Contact, Succession
from ra.cli_options import FILE, Function, acting_operator, contact_options, subject_changes
from ra.moves import State
from ra.office import RegistrationOffice
from ra.replacement import REASONS


def _certificate(function: Function) -> Function:
    """Give the command the certificate to be replaced, as `serial` and `authority`, and another `issuer`."""
    decorated = function
    for option in (
        click.option("--issuer", help=_("Another authority that shall issue it, where the former one ends too soon.")),
        click.option("--authority", help=_("The authority that issued it, if the number alone does not tell.")),
        click.argument("serial"),
    ):
        decorated = option(decorated)
    return decorated


def _revocation(kind: Succession) -> Callable[[Function], Function]:
    return click.option(
        "--revoke",
        type=click.Choice(sorted(reason.value for reason in REASONS[kind])),
        help=_("Revoke the former certificate for this reason when the new one is issued; else it holds to its end."),
    )


@click.command(
    cls=Command,
    name="renew",
    help=_(
        "Apply for a new term of a certificate, with the same key and holder, in its last days as its profile says. "
        "The former one holds to its end."
    ),
    example="yinxin ra renew 01a2b3c4 --as li.enter --key li.pem",
)
@click.option("--csr", "csr_file", type=FILE, help=_("A new request of the holder with the same key, if there is one."))
@contact_options
@acting_operator
@_certificate
@output_option
def renew_command(
    office: RegistrationOffice,
    authority: str | None,
    serial: str,
    csr_file: Path | None,
    contact: Contact | None,
    issuer: str | None,
    output: Output,
) -> None:
    """Enter a renewal."""
    number = office.succeed(
        Succession.RENEW,
        serial,
        authority,
        changed=_the_same,
        csr=files.read(csr_file) if csr_file else None,
        revoke=None,
        contact=contact,
        issuer=issuer,
    )
    _tell(output, number)


@click.command(
    cls=Command,
    name="rekey",
    help=_("Apply for a certificate of the same holder's new key."),
    example="yinxin ra rekey 01a2b3c4 --csr zhangsan.csr --revoke superseded --as li.enter --key li.pem",
)
@click.option("--csr", "csr_file", required=True, type=FILE, help=_("The holder's request with the new key."))
@_revocation(Succession.REKEY)
@contact_options
@acting_operator
@_certificate
@output_option
def rekey_command(
    office: RegistrationOffice,
    authority: str | None,
    serial: str,
    csr_file: Path,
    revoke: str | None,
    contact: Contact | None,
    issuer: str | None,
    output: Output,
) -> None:
    """Enter a rekeying."""
    number = office.succeed(
        Succession.REKEY,
        serial,
        authority,
        changed=_the_same,
        csr=files.read(csr_file),
        revoke=Reason(revoke) if revoke else None,
        contact=contact,
        issuer=issuer,
    )
    _tell(output, number)


@click.command(
    cls=Command,
    name="change",
    help=_(
        "Apply for a certificate with changed data of its holder. Without a new request the key stays, where the "
        "profile allows it and name and identity numbers are the same."
    ),
    example=(
        "yinxin ra change 01a2b3c4 --organizational-unit 秘书科 --revoke affiliationChanged --as li.enter --key li.pem"
    ),
)
@click.option("--csr", "csr_file", type=FILE, help=_("The holder's request with a new key."))
@_revocation(Succession.CHANGE)
@subject_changes
@contact_options
@acting_operator
@_certificate
@output_option
def change_command(
    office: RegistrationOffice,
    authority: str | None,
    serial: str,
    csr_file: Path | None,
    revoke: str | None,
    changed: Callable[[Subject], Subject],
    contact: Contact | None,
    issuer: str | None,
    output: Output,
) -> None:
    """Enter a change."""
    number = office.succeed(
        Succession.CHANGE,
        serial,
        authority,
        changed=changed,
        csr=files.read(csr_file) if csr_file else None,
        revoke=Reason(revoke) if revoke else None,
        contact=contact,
        issuer=issuer,
    )
    _tell(output, number)


def _the_same(subject: Subject) -> Subject:
    return subject


def _tell(output: Output, number: str) -> None:
    output.done(
        _("Request {number} is entered; another operator approves it.").format(number=number),
        {"number": number, "state": State.ENTERED.value},
    )
