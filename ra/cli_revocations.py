"""`yinxin ra revoke-batch` and `yinxin ra batch`: revoking many certificates, by two persons."""

from pathlib import Path

import click

from ca.state import Reason
from core.certificates import serial_text
from core.cli import Command, Group, Output, output_option
from core.errors import YinxinError
from core.i18n import _
from ra.applications import digest_of
from ra.cli_options import FILE, acting_operator
from ra.office import RegistrationOffice
from ra.revocation import REASONS
from ra.revocation_batches import CarriedOut
from ra.revocation_orders import Line
from ra.revocation_selection import Selection, read_list
from ra.search import By
from ra.statements import Act

LINE_HEADINGS = {
    "authority": _("Authority"),
    "serial": _("Serial number"),
    "holder": _("Holder"),
    "unit": _("Unit"),
    "state": _("State"),
}


@click.command(
    cls=Command,
    name="revoke-batch",
    help=_(
        "Order the revocation of many certificates: those of a list, of a unit, or found by a search. A second person "
        "approves the order, with `yinxin ra batch approve`, and so carries it out."
    ),
    example=(
        "yinxin ra revoke-batch --unit 宝鸡市某局 --reason cessationOfOperation --check --as li.enter --key li.pem"
    ),
)
@click.option("--file", "file", type=FILE, help=_("A list (CSV or XLSX) with a column of serial numbers."))
@click.option("--unit", help=_("All certificates of this unit, by its whole name."))
@click.option("--search", "search_for", metavar="WHAT", help=_("All that `yinxin ra search` finds; needs that role."))
@click.option("--by", type=click.Choice([by.value for by in By]), default=By.NAME.value, help=_("What is searched."))
@click.option(
    "--reason",
    required=True,
    type=click.Choice(sorted(reason.value for reason in REASONS)),
    help=_("Why (RFC 5280)."),
)
@click.option("--check", "check_only", is_flag=True, help=_("Only show what would be ordered."))
@acting_operator
@output_option
def revoke_batch_command(
    office: RegistrationOffice,
    file: Path | None,
    unit: str | None,
    search_for: str | None,
    by: str,
    reason: str,
    check_only: bool,
    output: Output,
) -> None:
    """Order revocations."""
    if sum(given is not None for given in (file, unit, search_for)) != 1:
        raise click.UsageError(_("Give one of --file, --unit and --search."))
    listed = read_list(file) if file is not None else None
    try:
        order, lines = office.draw_up_revocations(Reason(reason), Selection(listed, unit, By(by), search_for or ""))
    except YinxinError as error:
        error.subject = error.subject or str(file or "")
        raise
    facts = {"reason": reason, "certificates": len(lines), "digest": digest_of(order.canonical())}
    if not output.json:
        _show_lines(output, lines)
        output.note(_("{count} certificates; digest (SM3) {digest}").format(count=len(lines), digest=facts["digest"]))
    if check_only:
        if output.json:
            output.done("", {**facts, "lines": [_row(line) for line in lines]})
        return
    number = office.enter_revocations(order)
    output.done(
        _("Order {number} is entered; another operator approves it with: yinxin ra batch approve {number}").format(
            number=number
        ),
        {**facts, "number": number, "state": "entered"},
    )


@click.group(cls=Group, help=_("Orders to revoke many certificates: look at them, approve them, reject them."))
def batch_group() -> None:
    """The group of commands."""


@batch_group.command(
    name="list",
    help=_("List the orders, the newest first."),
    example="yinxin ra batch list --as wang.review --key wang.pem",
)
@acting_operator
@output_option
def list_command(office: RegistrationOffice, output: Output) -> None:
    """List orders."""
    headings = {
        "number": _("Number"),
        "state": _("State"),
        "reason": _("Reason"),
        "certificates": _("Certificates"),
        "digest": _("Digest (SM3)"),
    }
    output.table((vars(entry) for entry in office.list_revocations()), headings)


@batch_group.command(
    help=_("Show an order: every certificate, whose it is and how it stands, and the digest to approve."),
    example="yinxin ra batch show R20261101-7A3B9C2D --as wang.review --key wang.pem",
)
@click.argument("number")
@acting_operator
@output_option
def show(office: RegistrationOffice, number: str, output: Output) -> None:
    """Show an order."""
    batch, lines = office.look_up_revocations(number)
    facts = {
        "number": number,
        "state": batch.state.value,
        "reason": batch.order.reason.value,
        "certificates": len(lines),
        "digest": batch.history.digest,
        "statements": [
            f"{one.at.astimezone():%Y-%m-%d %H:%M:%S} {one.act.value}: {one.operator}"
            for one in batch.history.statements
        ],
    }
    labels = {
        "number": _("Number"),
        "state": _("State"),
        "reason": _("Reason"),
        "certificates": _("Certificates"),
        "digest": _("Digest (SM3)"),
        "statements": _("Statements"),
    }
    if output.json:
        output.details({**facts, "lines": [_row(line) for line in lines]}, labels)
        return
    output.details(facts, labels)
    output.done("")
    _show_lines(output, lines)


@batch_group.command(
    help=_(
        "Approve an order and carry it out: all of its certificates are revoked in one step, or none. After a key "
        "compromise the CRLs are published at once."
    ),
    example="yinxin ra batch approve R20261101-7A3B9C2D --digest 5f2c… --as wang.review --key wang.pem",
)
@click.argument("number")
@click.option("--digest", help=_("Only if the order is still the one with this digest, as `show` gives it."))
@acting_operator
@output_option
def approve(office: RegistrationOffice, number: str, digest: str | None, output: Output) -> None:
    """Approve an order."""
    done = office.decide_revocations(number, Act.APPROVE, digest=digest)
    for missed in done.missed:
        output.warn(missed)
    output.done(
        _("Order {number} is carried out: {revoked} certificates revoked, {passed} were so already.").format(
            number=number, revoked=done.revoked, passed=done.passed_over
        ),
        {"number": number, "state": done.state.value, "revoked": done.revoked, "passed_over": done.passed_over},
    )


@batch_group.command(
    help=_("Reject an order, saying why; nothing is revoked."),
    example="yinxin ra batch reject R20261101-7A3B9C2D --why 名单有误 --as wang.review --key wang.pem",
)
@click.argument("number")
@click.option("--why", required=True, help=_("The reason, for the record."))
@acting_operator
@output_option
def reject(office: RegistrationOffice, number: str, why: str, output: Output) -> None:
    """Reject an order."""
    _tell(output, number, office.decide_revocations(number, Act.REJECT, why))


@batch_group.command(
    help=_("Withdraw an order that is not carried out."),
    example="yinxin ra batch withdraw R20261101-7A3B9C2D --as li.enter --key li.pem",
)
@click.argument("number")
@click.option("--why", default="", help=_("The reason, for the record."))
@acting_operator
@output_option
def withdraw(office: RegistrationOffice, number: str, why: str, output: Output) -> None:
    """Withdraw an order."""
    _tell(output, number, office.decide_revocations(number, Act.WITHDRAW, why))


def _show_lines(output: Output, lines: list[Line]) -> None:
    output.table((_row(line) for line in lines), LINE_HEADINGS)


def _row(line: Line) -> dict[str, object]:
    return {**vars(line), "serial": serial_text(line.serial), "state": line.state.value if line.state else ""}


def _tell(output: Output, number: str, done: CarriedOut) -> None:
    output.table([{"number": number, "state": done.state.value}], {"number": _("Number"), "state": _("State")})
