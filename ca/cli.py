"""`yinxin ca`: look at authorities, certificates, lists and profiles; publish, activate, reconcile, inspect."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from asn1crypto import pem

from ca import crl as revocation_lists
from ca import register, revocation
from ca.authorities import Authority, list_authorities
from ca.further import handed_out
from ca.generations import predecessor_of, successor_of
from ca.register import CertificateRecord, Filter
from ca.state import Reason, State
from core import files
from core.account import local_account
from core.asn1.names import describe_name
from core.certificates import serial_text
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _

_FILE = click.Path(path_type=Path, dir_okay=False)
_out_option = click.option("--out", type=_FILE, help=_("Write it here."))


@click.group("ca", cls=Group, help=_("Certificates, revocation lists, profiles and hierarchies."))
def group() -> None:
    """The group."""


@group.command("list", help=_("The authorities of this installation."), example="yinxin ca list")
@output_option
@click.pass_obj
def list_(home: Home, output: Output) -> None:
    """One row for each authority."""
    output.table(
        [_authority_facts(home, authority) for authority in list_authorities(home.storage)],
        {
            "name": _("Authority"),
            "subject": _("Subject"),
            "algorithm": _("Algorithm"),
            "not_after": _("Until"),
            "crl_number": _("CRL"),
            "crl_until": _("CRL until"),
            "followed_by": _("Followed by"),
        },
    )


@group.command(
    help=_("One authority, and its chain up to the root as PEM with --out."),
    example="yinxin ca show sm2-issuing --out sm2-issuing.pem",
)
@click.argument("authority")
@_out_option
@output_option
@click.pass_obj
def show(home: Home, authority: str, out: Path | None, output: Output) -> None:
    """Facts of an authority."""
    chain = handed_out(home.storage, authority)
    found = next(one for one in list_authorities(home.storage) if one.name == authority)
    if out:
        files.write(out, b"".join(pem.armor("CERTIFICATE", one) for one in chain))
    output.details(
        _authority_facts(home, found),
        {
            "name": _("Authority"),
            "subject": _("Subject"),
            "serial": _("Serial number"),
            "algorithm": _("Algorithm"),
            "not_before": _("From"),
            "not_after": _("Until"),
            "crl_number": _("CRL"),
            "crl_until": _("CRL until"),
            "follows": _("Follows"),
            "followed_by": _("Followed by"),
        },
    )


@group.command(
    help=_("Certificates in the order of issue, a page at a time."),
    example="yinxin ca certificates --authority sm2-issuing --state revoked --limit 50",
)
@click.option("--authority", help=_("Only of this authority."))
@click.option("--profile", help=_("Only with this profile."))
@click.option("--state", type=click.Choice([state.value for state in State]), help=_("Only in this state."))
@click.option("--subject", help=_("Only with this in the subject's name."))
@click.option("--after", type=click.IntRange(min=0), default=0, help=_("Go on behind this row (the column Row)."))
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help=_("Rows on a page."))
@output_option
@click.pass_obj
def certificates(
    home: Home,
    authority: str | None,
    profile: str | None,
    state: str | None,
    subject: str | None,
    after: int,
    limit: int,
    output: Output,
) -> None:
    """A page of the register."""
    wanted = Filter(authority=authority, profile=profile, state=State(state) if state else None, subject=subject)
    records = register.page(home.storage, wanted, after=after, limit=limit)
    output.table(
        [_record_facts(record) for record in records],
        {
            "row": _("Row"),
            "serial": _("Serial number"),
            "authority": _("Authority"),
            "profile": _("Profile"),
            "subject": _("Subject"),
            "not_after": _("Until"),
            "state": _("State"),
        },
    )
    if len(records) == limit:
        output.note(_("There may be more: --after {row}").format(row=records[-1].id))


@group.command(
    help=_("One certificate by its serial number, decimal or hexadecimal, with its history; as PEM with --out."),
    example="yinxin ca certificate 017a2794ab --out zhangsan.pem",
)
@click.argument("serial")
@click.option("--authority", help=_("Only of this authority."))
@_out_option
@output_option
@click.pass_obj
def certificate(home: Home, serial: str, authority: str | None, out: Path | None, output: Output) -> None:
    """Facts of a certificate."""
    record = register.find(home.storage, serial, authority)
    if out:
        if record.certificate is None:
            raise YinxinError(
                Kind.NOT_FOUND,
                _("only the intent is known: the certificate itself was never recorded"),
                subject=serial_text(record.serial),
                remedy=_("revoke it, and issue the request again"),
            )
        files.write(out, pem.armor("CERTIFICATE", record.certificate))
    history = [asdict(step) for step in register.history_of(home.storage, record)]
    facts = _record_facts(record) | {"history": history}
    output.details(
        facts,
        {
            "serial": _("Serial number"),
            "serial_decimal": _("Decimal"),
            "authority": _("Authority"),
            "profile": _("Profile"),
            "subject": _("Subject"),
            "not_before": _("From"),
            "not_after": _("Until"),
            "state": _("State"),
            "approval": _("Approval"),
            "approvers": _("Approved by"),
        },
    )
    if not output.json:
        labels = {"at": _("When"), "move": _("What"), "state": _("State"), "reason": _("Reason"), "actor": _("Who")}
        output.table(history, labels)


@group.command(
    help=_(
        "Revoke a certificate of the centre itself (of a service, an authority, an operator), or one that a crash left"
        " in doubt. Holders' certificates are revoked with: yinxin ra revoke."
    ),
    example="yinxin ca revoke 017a2794ab --reason superseded",
)
@click.argument("serial")
@click.option("--authority", help=_("Only of this authority."))
@click.option(
    "--reason", type=click.Choice([reason.value for reason in Reason]), required=True, help=_("As RFC 5280 names them.")
)
@output_option
@click.pass_obj
def revoke(home: Home, serial: str, authority: str | None, reason: str, output: Output) -> None:
    """Revoke."""
    from ca.cli_crl import publish_at_once

    record = register.find(home.storage, serial, authority)
    revocation.revoke_own(home.context, record, Reason(reason), actor=local_account())
    publish_at_once(home, record.authority, Reason(reason), output)
    output.done(
        _("{serial} of {authority} is revoked, for ever.").format(
            serial=serial_text(record.serial), authority=record.authority
        ),
        {"authority": record.authority, "serial": serial_text(record.serial), "reason": reason},
    )


@group.command(
    help=_("Examine all certificates and lists again: our rules, pkilint, signatures. Exit code 1 on findings."),
    example="yinxin ca lint --json",
)
@output_option
@click.pass_obj
def lint(home: Home, output: Output) -> int:
    """Inspect the books."""
    from ca.inspection import inspect_certificates, inspect_crls

    found: list[dict[str, str]] = []
    total = register.count(home.storage)
    for record, complaints in output.track(inspect_certificates(home.context), _("Certificates"), total):
        found += [{"object": serial_text(record.serial), "finding": complaint} for complaint in complaints]
    for name, complaints in inspect_crls(home.context):
        found += [{"object": name, "finding": complaint} for complaint in complaints]
    if found or output.json:
        output.table(found, {"object": _("Object"), "finding": _("Finding")})
    else:
        output.done(_("{count} certificates and every list in force are as they should be.").format(count=total))
    return 1 if found else 0


@group.group(cls=Group, help=_("Certificate profiles."))
def profile() -> None:
    """The group."""


@profile.command("list", help=_("The profiles in use."), example="yinxin ca profile list")
@output_option
@click.pass_obj
def list_profiles(home: Home, output: Output) -> None:
    """One row for each profile."""
    from ca.activation import active_profiles

    with home.storage.reading() as connection:
        versions = active_profiles(connection)
    output.table(
        [
            {
                "name": one.profile.name,
                "version": one.version,
                "title": one.profile.title,
                "audience": one.profile.audience,
                "keys": one.profile.keys,
                "validity_days": one.profile.validity_days,
                "activated_at": one.activated_at,
                "digest": one.profile.digest.hex(),
            }
            for one in versions
        ],
        {
            "name": _("Profile"),
            "version": _("Version"),
            "title": _("Title"),
            "audience": _("For"),
            "keys": _("Keys"),
            "validity_days": _("Days"),
            "activated_at": _("Since"),
        },
    )


@profile.command(
    help=_("Put the profiles in these files to use, after trying them; without files, all of the home's."),
    example="yinxin ca profile activate profiles/staff.toml",
)
@click.argument("paths", nargs=-1, type=_FILE)
@output_option
@click.pass_obj
def activate(home: Home, paths: tuple[Path, ...], output: Output) -> None:
    """Activate."""
    from ca.activation import activate as put_to_use
    from ca.profiles import load_profile, load_profiles

    given = [load_profile(path) for path in paths] if paths else load_profiles(home.profiles)
    with output.progress(_("Trying the profiles")):
        versions = put_to_use(home.context, given, actor=local_account())
    rows = [{"name": one.profile.name, "version": one.version} for one in versions]
    output.table(rows, {"name": _("Profile"), "version": _("Version")})


@group.command(
    help=_("After a crash: presume what may have been signed to be issued, so that it can be revoked."),
    example="yinxin ca reconcile",
)
@output_option
@click.pass_obj
def reconcile(home: Home, output: Output) -> None:
    """Reconcile."""
    from ca.reconciliation import reconcile as presume

    presumed = presume(home.context, actor=local_account())
    rows = [
        {"serial": serial_text(one.serial), "authority": one.authority, "approval": one.approval_reference}
        for one in presumed
    ]
    labels = {"serial": _("Serial number"), "authority": _("Authority"), "approval": _("Approval")}
    output.table(rows, labels)


group.add_later("crl", "ca.cli_crl:group", _("Certificate revocation lists."))
group.add_later(
    "subordinate",
    "ca.cli_subordinate:group",
    _("Authorities under an offline root or another centre: requests out, certificates in."),
)
group.add_later("cross", "ca.cli_cross:group", _("Cross certificates: others certify our authorities, and we theirs."))
group.add_later("custody", "ca.cli_custody:group", _("Key stores in the hands of several custodians."))
group.add_later("maintain", "ca.cli_services:maintain", _("What the authority does by itself, for a timer."))
group.add_later(
    "service-certificates",
    "ca.cli_services:group",
    _("Certificates of the centre's own services, which renew themselves."),
)
group.add_later("kmc", "ca.kmc.cli:group", _("The key-management centre: escrowed encryption keys and their recovery."))


def _authority_facts(home: Home, authority: Authority) -> dict[str, Any]:
    try:
        published = revocation_lists.latest_published(home.context, authority.name)
    except YinxinError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        published = None
    with home.storage.reading() as connection:
        before, after = predecessor_of(connection, authority), successor_of(connection, authority)
    return {
        "name": authority.name,
        "subject": describe_name(authority.subject),
        "serial": serial_text(authority.serial or 0),
        "algorithm": authority.algorithm.name,
        "not_before": authority.limits.not_before,
        "not_after": authority.limits.not_after,
        "crl_number": published.number if published else None,
        "crl_until": published.next_update if published else None,
        "follows": before.name if before else None,
        "followed_by": after.name if after else None,
    }


def _record_facts(record: CertificateRecord) -> dict[str, Any]:
    return {
        "row": record.id,
        "serial": serial_text(record.serial),
        "serial_decimal": str(record.serial),
        "authority": record.authority,
        "profile": f"{record.profile} {record.version}",
        "subject": record.subject,
        "not_before": record.not_before,
        "not_after": record.not_after,
        "state": record.state,
        "reason": record.reason,
        "changed_at": record.changed_at,
        "approval": record.approval_reference,
        "approvers": record.approvers,
    }
