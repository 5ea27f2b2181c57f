"""`yinxin ra`: requests from entry to delivery, and the certificates' holds and revocations."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from ca.state import Reason
from core import files
from core.api.address import Server
from core.certificates import serial_text
from core.cli import Group, Output, output_option
from core.errors import YinxinError
from core.i18n import _
from core.subject import Subject
from core.words import in_words
from ra.applications import Contact
from ra.cli_filters import filter_options, state_option
from ra.cli_options import (
    FILE,
    acting_operator,
    choose_server,
    contact_options,
    subject_changes,
    subject_options,
)
from ra.cli_receipt import Enclosures, enclosure_options
from ra.delivery import Form, export, files_of
from ra.filters import RequestFilter
from ra.moves import State
from ra.office import MAXIMUM_ORDERS, RegistrationOffice
from ra.register import PAGE
from ra.revocation import REASONS


@click.group(
    cls=Group,
    help=_("Requests for certificates: enter, approve, issue, deliver, revoke."),
    example="yinxin ra --server https://ra.example.gov.cn list --as wang.review --key wang.pem",
)
@click.option("--server", metavar="URL", envvar="YINXIN_RA_SERVER", help=_("The office at a distance that is asked."))
@click.option("--ca-file", type=FILE, help=_("Certificates to trust for TLS; else those that this machine trusts."))
def group(server: str | None, ca_file: Path | None) -> None:
    """The group of commands."""
    choose_server(Server(server, ca_file) if server else None)


@group.command(
    help=_("Enter a request for a certificate."),
    example=(
        "yinxin ra apply --profile staff --authority sm2-issuing --csr zhangsan.csr "
        "--common-name 张三 --organization 宝鸡市人民政府办公室 --as li.enter --key li.pem"
    ),
)
@click.option("--profile", required=True, help=_("Kind of certificate, such as staff or unit."))
@click.option("--authority", required=True, help=_("The authority that shall issue it."))
@click.option("--csr", "csr_file", required=True, type=FILE, help=_("The holder's request (PKCS#10, PEM or DER)."))
@subject_options
@contact_options
@acting_operator
@output_option
def apply(
    office: RegistrationOffice,
    profile: str,
    authority: str,
    csr_file: Path,
    subject: Subject,
    contact: Contact | None,
    output: Output,
) -> None:
    """Enter a request."""
    csr = files.read(csr_file)
    number = office.enter(authority=authority, profile=profile, subject=subject, csr=csr, contact=contact)
    output.done(
        _("Request {number} is entered; another operator approves it.").format(number=number),
        {"number": number, "state": State.ENTERED.value},
    )


@group.command(
    help=_("Amend a request that is not issued: its holder, or the key. It is to be approved anew."),
    example="yinxin ra amend 20261101-7K3M9QX2 --organizational-unit 秘书科 --as li.enter --key li.pem",
)
@click.argument("number")
@click.option("--csr", "csr_file", type=FILE, help=_("Another request of the holder (PKCS#10, PEM or DER)."))
@subject_changes
@contact_options
@acting_operator
@output_option
def amend(
    office: RegistrationOffice,
    number: str,
    csr_file: Path | None,
    changed: Callable[[Subject], Subject],
    contact: Contact | None,
    output: Output,
) -> None:
    """Amend a request."""
    state = office.amend(number, changed, files.read(csr_file) if csr_file else None, contact)
    output.done(
        _("Request {number} is amended; another operator approves it.").format(number=number),
        {"number": number, "state": state.value},
    )


@group.command(
    name="list",
    help=_("List requests, page by page, in the order of their entry, or of the acts or the expiry asked for."),
    example=(
        "yinxin ra list --state entered --as wang.review --key wang.pem\n"
        "yinxin ra list --act approve --by wang.review --since 2026-11-01 --as sun.query --key sun.pem"
    ),
)
@state_option
@click.option("--after", metavar="NUMBER", help=_("Go on after this request."))
@click.option("--limit", type=int, default=PAGE, show_default=True, help=_("Requests on a page."))
@acting_operator
@filter_options
@output_option
def list_command(
    office: RegistrationOffice,
    state: str | None,
    wanted: RequestFilter,
    after: str | None,
    limit: int,
    output: Output,
) -> None:
    """List requests."""
    wanted = replace(wanted, state=State(state) if state else None)
    page = office.list_requests(wanted, after=after, limit=limit)
    headings = {
        "number": _("Number"),
        "state": _("State"),
        "profile": _("Profile"),
        "authority": _("Authority"),
        "holder": _("Holder"),
    }
    output.table((vars(entry) for entry in page.entries), headings)
    if page.next:
        output.note(_("More follow: --after {number}").format(number=page.next))


@group.command(
    help=_("Show a request: what is applied for, and who stated what about it."),
    example="yinxin ra show 20261101-7K3M9QX2 --export evidence --as wang.review --key wang.pem",
)
@click.argument("number")
@click.option(
    "--export",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Write the request, the signed statements and the certificates into this folder."),
)
@acting_operator
@output_option
def show(office: RegistrationOffice, number: str, folder: Path | None, output: Output) -> None:
    """Show a request."""
    record = office.look_up(number)
    statements = [
        f"{statement.at.astimezone():%Y-%m-%d %H:%M:%S} {in_words(statement.act)}: {statement.operator}"
        + (f" ({statement.decision})" if statement.decision else "")
        for statement in (signed.statement for signed in record.statements)
    ]
    identity = record.application.subject.identity.model_dump(exclude_none=True) if record.application else {}
    facts = {
        **vars(record.entry),
        "identity": [f"{field} {value}" for field, value in identity.items()],
        "digest": record.digest,
        "statements": statements,
        "certificates": [certificate.label for certificate in record.certificates],
        "intact": record.intact,
    }
    labels = {
        "number": _("Number"),
        "state": _("State"),
        "profile": _("Profile"),
        "authority": _("Authority"),
        "holder": _("Holder"),
        "identity": _("Identity numbers"),
        "digest": _("Digest (SM3)"),
        "statements": _("Statements"),
        "certificates": _("Certificates"),
        "intact": _("As it was signed"),
    }
    output.details(facts, labels)
    if not record.intact:
        output.warn(_("The stored request is not what its statements say: it was altered in the database."))
    if folder:
        export(record, folder)
        output.note(_("{folder}: the evidence.").format(folder=folder))


@group.command(
    help=_("Approve requests."),
    example="yinxin ra approve 20261101-7K3M9QX2 --as wang.review --key wang.pem --pin-file wang.pin",
)
@click.argument("numbers", nargs=-1, required=True)
@click.option("--digest", help=_("Only if the request is still the one with this digest, as `show` gives it."))
@acting_operator
@output_option
def approve(office: RegistrationOffice, numbers: tuple[str, ...], digest: str | None, output: Output) -> None:
    """Approve requests."""
    _each(numbers, lambda number: office.approve(number, digest=digest), output)


@group.command(
    help=_("Reject requests, saying why."),
    example="yinxin ra reject 20261101-7K3M9QX2 --why 材料不全 --as wang.review --key wang.pem",
)
@click.argument("numbers", nargs=-1, required=True)
@click.option("--why", required=True, help=_("The reason, for the record."))
@acting_operator
@output_option
def reject(office: RegistrationOffice, numbers: tuple[str, ...], why: str, output: Output) -> None:
    """Reject requests."""
    _each(numbers, lambda number: office.reject(number, why), output)


@group.command(
    help=_("Withdraw requests that have not been issued."),
    example="yinxin ra withdraw 20261101-7K3M9QX2 --as li.enter --key li.pem",
)
@click.argument("numbers", nargs=-1, required=True)
@click.option("--why", default="", help=_("The reason, for the record."))
@acting_operator
@output_option
def withdraw(office: RegistrationOffice, numbers: tuple[str, ...], why: str, output: Output) -> None:
    """Withdraw requests."""
    _each(numbers, lambda number: office.withdraw(number, why), output)


@group.command(
    name="issue",
    help=_("Have the certificates of approved requests made: those numbered, or all."),
    example="yinxin ra issue --approved --as zhao.make --key zhao.pem --pin-file zhao.pin",
)
@click.argument("numbers", nargs=-1)
@click.option("--approved", is_flag=True, help=_("All requests that are approved."))
@acting_operator
@output_option
def issue_command(office: RegistrationOffice, numbers: tuple[str, ...], approved: bool, output: Output) -> None:
    """Issue certificates."""
    if bool(numbers) == approved:
        raise click.UsageError(_("Give the numbers of requests, or --approved."))
    wanted = _approved(office) if approved else list(dict.fromkeys(numbers))
    rows: list[dict[str, object]] = []
    try:
        with output.progress(_("Issuing"), len(wanted)) as advance:
            for start in range(0, len(wanted), MAXIMUM_ORDERS):
                batch = wanted[start : start + MAXIMUM_ORDERS]
                rows += [
                    {"number": one.number, "authority": one.authority, "serial": serial_text(one.serial)}
                    for one in office.issue(batch)
                ]
                advance(len(batch))
    finally:
        if rows or not wanted:
            output.table(rows, {"number": _("Number"), "authority": _("Authority"), "serial": _("Serial number")})


def _approved(office: RegistrationOffice) -> list[str]:
    numbers: list[str] = []
    after = None
    while True:
        page = office.list_requests(RequestFilter(state=State.APPROVED), after=after, limit=1000)
        numbers += [entry.number for entry in page.entries]
        if (after := page.next) is None:
            return numbers


@group.command(
    name="deliver",
    help=_("Write the certificates of an issued request, and record that they were handed over."),
    example="yinxin ra deliver 20261101-7K3M9QX2 --out zhangsan.pem --form chain --as zhao.make --key zhao.pem",
)
@click.argument("number")
@click.option("--out", required=True, type=FILE, help=_("Where to write it."))
@click.option(
    "--form",
    type=click.Choice([form.value for form in Form]),
    default=Form.PEM.value,
    show_default=True,
    help=_("PEM, DER, or with the issuers' certificates: PEM (chain), PKCS#7 (p7b)."),
)
@enclosure_options
@acting_operator
@output_option
def deliver_command(
    office: RegistrationOffice,
    number: str,
    out: Path,
    form: str,
    enclosures: Enclosures,
    output: Output,
) -> None:
    """Deliver a certificate."""
    enclosures.prepare(office, number)
    certificates = office.deliver(number)
    certificate = certificates[0]
    try:
        written = files_of(out, certificates, office.chain_of(certificate.authority), Form(form))
        for path, content in written.items():
            files.write(path, content)
        enclosures.write(office, number)
    except YinxinError as error:
        remedy = _("the delivery is recorded; get the certificate with: yinxin ra show {number} --export FOLDER")
        raise YinxinError(error.kind, error.what, subject=error.subject, remedy=remedy.format(number=number)) from error
    facts: dict[str, object] = {
        "number": number,
        "certificate": str(out),
        "serial": serial_text(certificate.serial),
        "beside": [str(path) for path in written if path != out],
    }
    output.done(_("{out}: certificate {certificate}").format(out=out, certificate=certificate.label), facts)
    for path in list(written)[1:]:
        output.note(str(path))


@group.command(
    help=_("Revoke a holder's certificate for good."),
    example="yinxin ra revoke 01a2b3c4 --reason keyCompromise --as wang.review --key wang.pem",
)
@click.argument("serial")
@click.option("--authority", help=_("The authority that issued it, if the number alone does not tell."))
@click.option(
    "--reason",
    required=True,
    type=click.Choice(sorted(reason.value for reason in REASONS)),
    help=_("Why (RFC 5280)."),
)
@acting_operator
@output_option
def revoke(office: RegistrationOffice, serial: str, authority: str | None, reason: str, output: Output) -> None:
    """Revoke a certificate."""
    done = office.revoke(serial, authority, Reason(reason))
    _tell(output, done.authority, done.serial, "revoked")
    for missed in done.missed:
        output.warn(missed)


@group.command(
    help=_("Suspend a holder's certificate until it is resumed or revoked."),
    example="yinxin ra hold 01a2b3c4 --as wang.review --key wang.pem",
)
@click.argument("serial")
@click.option("--authority", help=_("The authority that issued it, if the number alone does not tell."))
@acting_operator
@output_option
def hold(office: RegistrationOffice, serial: str, authority: str | None, output: Output) -> None:
    """Hold a certificate."""
    _tell(output, *office.hold(serial, authority), "held")


@group.command(
    help=_("Let a suspended certificate hold again."),
    example="yinxin ra resume 01a2b3c4 --as wang.review --key wang.pem",
)
@click.argument("serial")
@click.option("--authority", help=_("The authority that issued it, if the number alone does not tell."))
@acting_operator
@output_option
def resume(office: RegistrationOffice, serial: str, authority: str | None, output: Output) -> None:
    """Resume a certificate."""
    _tell(output, *office.resume(serial, authority), "valid")


def _tell(output: Output, authority: str, serial: int, state: str) -> None:
    label = f"{authority}/{serial_text(serial)}"
    facts = {"authority": authority, "serial": serial_text(serial), "state": state}
    output.done(_("Certificate {certificate} is {state} now.").format(certificate=label, state=in_words(state)), facts)


def _each(numbers: Sequence[str], decide: Callable[[str], State], output: Output) -> None:
    """Decide on one request after the other; what was decided is told also when a later one fails."""
    rows: list[dict[str, object]] = []
    try:
        for number in dict.fromkeys(numbers):
            rows.append({"number": number, "state": decide(number).value})
    finally:
        if rows:
            output.table(rows, {"number": _("Number"), "state": _("State")})


group.add_later("renew", "ra.cli_succession:renew_command", _("Apply for a new term of a certificate, with its key."))
group.add_later("rekey", "ra.cli_succession:rekey_command", _("Apply for a certificate of the same holder's new key."))
group.add_later("change", "ra.cli_succession:change_command", _("Apply for a certificate with changed data."))
group.add_later("revoke-batch", "ra.cli_revocations:revoke_batch_command", _("Order many revocations."))
group.add_later("batch", "ra.cli_revocations:batch_group", _("Orders to revoke many: list, show, approve, reject."))
group.add_later("expiring", "ra.cli_expiry:expiring_command", _("List certificates that end soon."))
group.add_later("notify", "ra.cli_expiry:notify_command", _("Write to the holders of certificates that end soon."))
group.add_later("receipt", "ra.cli_receipt:receipt_command", _("Write the receipt of a delivered request again."))
group.add_later("sign-request", "ra.cli_http:sign_request_command", _("Sign a request for curl and other programs."))
group.add_later("search", "ra.cli_search:search_command", _("Find holders' certificates."))
group.add_later("statistics", "ra.cli_statistics:statistics_command", _("Count what was done and issued."))
group.add_later("reindex", "ra.cli_search:reindex_command", _("Make findable what earlier versions recorded."))
group.add_later("template", "ra.cli_bulk:template_command", _("Write an empty list to fill in."))
group.add_later("import", "ra.cli_bulk:import_command", _("Enter a request for each row of a list."))
group.add_later("export", "ra.cli_bulk:export_command", _("Write all requests or certificates into a file."))
group.add_later("operator", "ra.cli_people:operator_group", _("Operators: appoint, list, suspend, remove."))
group.add_later("branch", "ra.cli_branches:branch_group", _("Branches, such as counties: make, list."))
group.add_later("key", "ra.cli_keys:key_group", _("Keys, at the holder's place."))
