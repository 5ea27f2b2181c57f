"""`yinxin ca attribute`: what operators do with their own keys: apply, approve, issue, hold, resume, revoke."""

from datetime import timedelta
from pathlib import Path

import click
from asn1crypto import x509
from pydantic import ValidationError

from ca import register as certificates
from ca.attributes import register
from ca.attributes.attributes import CLASSES, Attributes
from ca.attributes.issuance import AttributeAuthority
from ca.attributes.terms import Terms
from ca.service import open_authority
from ca.state import Reason
from core.certificates import read_certificates, serial_text
from core.cli import Command, Output, output_option
from core.complaints import complaint
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from ra import attribute_requests, revocation
from ra.attribute_register import list_attribute_requests
from ra.cli_options import acting_here
from ra.moves import State
from ra.operators import OperatorSession
from ra.statements import Act

HOURS_OF_SHORT = 8
DAYS_OF_REVOCABLE = 365


@click.command(
    cls=Command,
    help=_("Enter a request that a holder of one of our certificates be certified to have attributes."),
    example=(
        "yinxin ca attribute apply --authority sm2-attributes --holder zhangsan.pem "
        "--role urn:example:role:document-approver --as li.enter --key li.pem"
    ),
)
@click.option("--authority", required=True, help=_("The attribute authority that shall issue it."))
@click.option("--holder", required=True, help=_("The holder's certificate: a file, or its serial number."))
@click.option("--holder-authority", help=_("The authority that issued it, if the number alone does not tell."))
@click.option("--role", "roles", multiple=True, metavar="URI", help=_("A role, named by a URI; may be repeated."))
@click.option("--position", "positions", multiple=True, help=_("A position, such as 副主任; may be repeated."))
@click.option("--group", "groups", multiple=True, help=_("A group; may be repeated."))
@click.option("--charging", multiple=True, help=_("Who pays; may be repeated."))
@click.option("--clearance", metavar="OID=CLASS,…", help=_("What the holder may see, under a security policy."))
@click.option("--service", "services", multiple=True, metavar="URI=URI", help=_("As whom a service knows the holder."))
@click.option("--target", "targets", multiple=True, metavar="URI", help=_("Only this service may rely on it."))
@click.option("--short-lived", is_flag=True, help=_("For hours, without status: it cannot be revoked."))
@click.option("--days", type=click.IntRange(min=1), help=_("How many days it lasts. Default: 365."))
@click.option("--hours", type=click.IntRange(min=1), help=_("How many hours it lasts. Default, short-lived: 8."))
@acting_here
@output_option
def apply(
    home: Home,
    session: OperatorSession,
    authority: str,
    holder: str,
    holder_authority: str | None,
    roles: tuple[str, ...],
    positions: tuple[str, ...],
    groups: tuple[str, ...],
    charging: tuple[str, ...],
    clearance: str | None,
    services: tuple[str, ...],
    targets: tuple[str, ...],
    short_lived: bool,
    days: int | None,
    hours: int | None,
    output: Output,
) -> None:
    """Enter a request."""
    if days is not None and hours is not None:
        raise click.UsageError(_("Give --days or --hours, not both."))
    default = HOURS_OF_SHORT if short_lived else 24 * DAYS_OF_REVOCABLE
    record = _holder(home, holder, holder_authority)
    number = attribute_requests.enter_attributes(
        home.context,
        session,
        authority=authority,
        holder_authority=record.authority,
        holder_serial=record.serial,
        attributes=_attributes(roles, positions, groups, charging, clearance, services),
        terms=Terms.SHORT_LIVED if short_lived else Terms.REVOCABLE,
        hours=hours or (24 * days if days else default),
        targets=targets,
        decide_within=timedelta(days=home.configuration.ra.decide_days),
    )
    output.done(
        _("Request {number} is entered; another operator approves it.").format(number=number),
        {"number": number, "state": State.ENTERED.value, "holder": record.subject},
    )


@click.command(
    cls=Command,
    help=_("Requests for attribute certificates, the newest first."),
    example="yinxin ca attribute requests --state entered --as wang.review --key wang.pem",
)
@click.option("--state", type=click.Choice([state.value for state in State]), help=_("Only requests in this state."))
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help=_("Rows on a page."))
@acting_here
@output_option
def requests(home: Home, session: OperatorSession, state: str | None, limit: int, output: Output) -> None:
    """List requests."""
    entries = list_attribute_requests(home.context, session, state=State(state) if state else None, limit=limit)
    output.table(
        (vars(entry) for entry in entries),
        {
            "number": _("Number"),
            "state": _("State"),
            "holder": _("Holder"),
            "attributes": _("Attributes"),
            "terms": _("Terms"),
            "hours": _("Hours"),
            "digest": _("Digest (SM3)"),
            "serial": _("Serial number"),
        },
    )


@click.command(
    cls=Command,
    help=_("Approve requests for attribute certificates."),
    example="yinxin ca attribute approve AC-20261101-7K3M9QX2 --as wang.review --key wang.pem",
)
@click.argument("numbers", nargs=-1, required=True)
@click.option("--digest", help=_("Only if the request is still the one with this digest, as `requests` gives it."))
@acting_here
@output_option
def approve(home: Home, session: OperatorSession, numbers: tuple[str, ...], digest: str | None, output: Output) -> None:
    """Approve requests."""
    _decide(home, session, numbers, Act.APPROVE, output, digest=digest)


@click.command(
    cls=Command,
    help=_("Reject requests for attribute certificates, saying why."),
    example="yinxin ca attribute reject AC-20261101-7K3M9QX2 --why 材料不全 --as wang.review --key wang.pem",
)
@click.argument("numbers", nargs=-1, required=True)
@click.option("--why", required=True, help=_("The reason, for the record."))
@acting_here
@output_option
def reject(home: Home, session: OperatorSession, numbers: tuple[str, ...], why: str, output: Output) -> None:
    """Reject requests."""
    _decide(home, session, numbers, Act.REJECT, output, why)


@click.command(
    cls=Command,
    help=_("Withdraw requests for attribute certificates that have not been issued."),
    example="yinxin ca attribute withdraw AC-20261101-7K3M9QX2 --as li.enter --key li.pem",
)
@click.argument("numbers", nargs=-1, required=True)
@click.option("--why", default="", help=_("The reason, for the record."))
@acting_here
@output_option
def withdraw(home: Home, session: OperatorSession, numbers: tuple[str, ...], why: str, output: Output) -> None:
    """Withdraw requests."""
    _decide(home, session, numbers, Act.WITHDRAW, output, why)


@click.command(
    cls=Command,
    help=_("Have the attribute certificates of approved requests made."),
    example="yinxin ca attribute issue AC-20261101-7K3M9QX2 --as zhao.make --key zhao.pem",
)
@click.argument("numbers", nargs=-1, required=True)
@acting_here
@output_option
def issue(home: Home, session: OperatorSession, numbers: tuple[str, ...], output: Output) -> None:
    """Issue."""
    wanted = list(dict.fromkeys(numbers))
    ca = open_authority(home)  # what a crash left is in the books before anything new is
    authority = AttributeAuthority(home.context, ca.keys, ca.urls)
    made = attribute_requests.issue_attributes(home.context, authority, session, wanted)
    rows = [
        {"number": number, "authority": one.authority, "serial": serial_text(one.serial)}
        for number, one in zip(wanted, made, strict=True)
    ]
    output.table(rows, {"number": _("Number"), "authority": _("Authority"), "serial": _("Serial number")})


@click.command(
    cls=Command,
    help=_("Revoke an attribute certificate for good."),
    example=("yinxin ca attribute revoke 01a2b3c4 --reason privilegeWithdrawn --as wang.review --key wang.pem"),
)
@click.argument("serial")
@click.option("--authority", help=_("The authority that issued it, if the number alone does not tell."))
@click.option(
    "--reason",
    default=Reason.PRIVILEGE_WITHDRAWN.value,
    show_default=True,
    type=click.Choice(sorted(reason.value for reason in revocation.REASONS)),
    help=_("Why (RFC 5280)."),
)
@acting_here
@output_option
def revoke(
    home: Home, session: OperatorSession, serial: str, authority: str | None, reason: str, output: Output
) -> None:
    """Revoke."""
    found = register.find(home.storage, serial, authority)
    revocation.revoke(home.context, session, found.authority, found.serial, Reason(reason))
    _tell(output, found, "revoked")


@click.command(
    cls=Command,
    help=_("Suspend an attribute certificate until it is resumed or revoked."),
    example="yinxin ca attribute hold 01a2b3c4 --as wang.review --key wang.pem",
)
@click.argument("serial")
@click.option("--authority", help=_("The authority that issued it, if the number alone does not tell."))
@acting_here
@output_option
def hold(home: Home, session: OperatorSession, serial: str, authority: str | None, output: Output) -> None:
    """Hold."""
    found = register.find(home.storage, serial, authority)
    revocation.hold(home.context, session, found.authority, found.serial)
    _tell(output, found, "held")


@click.command(
    cls=Command,
    help=_("Let a suspended attribute certificate hold again."),
    example="yinxin ca attribute resume 01a2b3c4 --as wang.review --key wang.pem",
)
@click.argument("serial")
@click.option("--authority", help=_("The authority that issued it, if the number alone does not tell."))
@acting_here
@output_option
def resume(home: Home, session: OperatorSession, serial: str, authority: str | None, output: Output) -> None:
    """Resume."""
    found = register.find(home.storage, serial, authority)
    revocation.resume(home.context, session, found.authority, found.serial)
    _tell(output, found, "valid")


def _decide(
    home: Home,
    session: OperatorSession,
    numbers: tuple[str, ...],
    act: Act,
    output: Output,
    why: str = "",
    digest: str | None = None,
) -> None:
    rows: list[dict[str, object]] = []
    try:
        for number in dict.fromkeys(numbers):
            state = attribute_requests.decide_attributes(home.context, session, number, act, why, digest)
            rows.append({"number": number, "state": state.value})
    finally:
        if rows:
            output.table(rows, {"number": _("Number"), "state": _("State")})


def _tell(output: Output, found: register.AttributeRecord, state: str) -> None:
    label = f"{found.authority}/{serial_text(found.serial)}"
    facts = {"authority": found.authority, "serial": serial_text(found.serial), "state": state}
    output.done(_("Attribute certificate {certificate} is {state} now.").format(certificate=label, state=state), facts)


def _holder(home: Home, given: str, authority: str | None) -> certificates.CertificateRecord:
    """The certificate in our books that a file or a serial number means."""
    path = Path(given)
    if not path.is_file():
        return certificates.find(home.storage, given, authority)
    certificate = read_certificates(path)[0]
    serial = x509.Certificate.load(certificate).serial_number
    for record in certificates.page(home.storage, certificates.Filter(serial=serial, authority=authority)):
        if record.certificate == certificate:
            return record
    raise YinxinError(
        Kind.NOT_FOUND,
        _("this certificate was not issued here"),
        subject=given,
        remedy=_("only holders of our certificates can be certified to have attributes"),
    )


def _attributes(
    roles: tuple[str, ...],
    positions: tuple[str, ...],
    groups: tuple[str, ...],
    charging: tuple[str, ...],
    clearance: str | None,
    services: tuple[str, ...],
) -> Attributes:
    given: dict[str, object] = {"roles": roles, "positions": positions, "groups": groups, "charging": charging}
    given["services"] = [dict(zip(("service", "identity"), one.split("=", 1), strict=False)) for one in services]
    if clearance is not None:
        policy, _equals, classes = clearance.partition("=")
        given["clearance"] = {"policy": policy, **({"classes": tuple(classes.split(","))} if classes else {})}
    try:
        return Attributes.model_validate(given)
    except ValidationError as error:
        raise YinxinError(
            Kind.INVALID,
            str(complaint(error)),
            remedy=_("roles and services are URIs, such as urn:example:role:approver; classes: {classes}").format(
                classes=", ".join(CLASSES)
            ),
        ) from None
