"""`yinxin ca service-certificates`: those of the centre's own services, and their renewal; `yinxin ca maintain`."""

import getpass
import os
from datetime import datetime, timedelta
from typing import Any

import click

from ca import register, service_renewal
from ca.activation import active_profiles
from ca.cli_crl import publish_what_is_due
from ca.encryption_keys import tell_centre
from ca.profiles import Audience
from ca.register import CertificateRecord, Filter
from ca.service import open_authority
from ca.service_renewal import ServiceRequest, is_of_service
from ca.state import State
from core.certificates import serial_text
from core.cli import Command, Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _


@click.group(
    "service-certificates", cls=Group, help=_("Certificates of the centre's own services, which renew themselves.")
)
def group() -> None:
    """The group."""


@group.command(
    "list",
    help=_(
        "The newest certificate of each service, and what was asked for. Exit code 1 if one has expired, was revoked"
        " or is overdue."
    ),
    example="yinxin ca service-certificates list",
)
@output_option
@click.pass_obj
def list_(home: Home, output: Output) -> int:
    """One row for each certificate, then one for each request."""
    now = home.clock.now()
    services = [_facts(record, now) for record in _newest(home)]
    requests = [_request_facts(request) for request in service_renewal.pending(home.context)]
    if output.json:
        output.details({"certificates": services, "requests": requests}, {})
    else:
        output.table(
            services,
            {
                "subject": _("Subject"),
                "profile": _("Profile"),
                "authority": _("Authority"),
                "serial": _("Serial number"),
                "not_after": _("Until"),
                "standing": _("Standing"),
            },
        )
        if requests:
            output.table(requests, _request_headings())
    return 1 if any(row["standing"] in _ALARMING for row in services) else 0


@group.command(
    help=_(
        "Issue the certificate that request NUMBER asks for although the present one has expired or was revoked:"
        " compare the fingerprint of the key with what the service's keeper reads out."
    ),
    example="yinxin ca service-certificates approve 3 --fingerprint 5f0c…",
)
@click.argument("number", type=int)
@click.option("--fingerprint", required=True, help=_("SHA-256 of the new key, as its keeper reads it out."))
@output_option
@click.pass_obj
def approve(home: Home, number: int, fingerprint: str, output: Output) -> None:
    """Grant one request."""
    request = next((one for one in service_renewal.pending(home.context) if one.id == number), None)
    if request is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no such request is pending"),
            subject=str(number),
            remedy=_("see: yinxin ca service-certificates list"),
        )
    if fingerprint.replace(":", "").lower() != service_renewal.fingerprint(request):
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the request is for another key"),
            subject=request.reference,
            remedy=_("find out who left it; it gets no certificate"),
        )
    issued = service_renewal.grant(open_authority(home), request, approver=_actor())
    output.done(
        _("Issued {serial}; the service installs it by itself, or with: yinxin renew {keeper}").format(
            serial=serial_text(issued.serial), keeper=request.keeper
        ),
        {"serial": serial_text(issued.serial), "keeper": request.keeper, "name": request.name},
    )


@click.command(
    cls=Command,
    help=_(
        "What the authority does by itself, for a timer: note what a crash left in doubt, renew the certificates of"
        " services, publish the CRLs that are due, tell the key-management centre which keys are out of use. Exit code"
        " 1 if a request waits for a person, or a CRL could not be published."
    ),
    example="yinxin ca maintain",
)
@output_option
@click.pass_obj
def maintain(home: Home, output: Output) -> int:
    """One round."""
    ca = open_authority(home)
    granted, waiting = service_renewal.grant_all(ca)
    published, failed = publish_what_is_due(home, output)
    facts: dict[str, Any] = {
        "renewed": [f"{request.keeper}/{request.name}" for request, _issued in granted],
        "published": [f"{one.name} {one.number}" for one in published],
        "waiting": [_request_facts(request) for request in waiting],
    }
    if untold := tell_centre(home):
        output.warn(_("The key-management centre was not told: {reason}").format(reason=untold))
    if output.json:
        output.details(facts, {})
    else:
        told = {name: facts[name] or None for name in ("renewed", "published")}
        output.details(told, {"renewed": _("Renewed"), "published": _("Published")})
        if waiting:
            output.table(facts["waiting"], _request_headings())
    return 1 if waiting or failed else 0


_ALARMING = ("expired", "revoked", "overdue")


def _request_headings() -> dict[str, str]:
    return {
        "number": _("Number"),
        "keeper": _("Service"),
        "name": _("Key"),
        "asked_at": _("Asked at"),
        "fingerprint": _("Fingerprint"),
        "complaint": _("Why it waits"),
    }


def _newest(home: Home) -> list[CertificateRecord]:
    """Of each service under each authority, the certificate that lasts longest."""
    with home.storage.reading() as connection:
        profiles = [one.profile.name for one in active_profiles(connection) if one.profile.audience is Audience.SERVICE]
    found: dict[tuple[str, str, str], CertificateRecord] = {}
    for profile in profiles:
        for record in filter(is_of_service, register.every(home.storage, Filter(profile=profile))):
            key = (record.profile, record.authority, record.subject)
            if key not in found or record.not_after >= found[key].not_after:
                found[key] = record
    return list(found.values())


def _facts(record: CertificateRecord, now: datetime) -> dict[str, Any]:
    return {
        "subject": record.subject,
        "profile": record.profile,
        "authority": record.authority,
        "serial": serial_text(record.serial),
        "not_after": record.not_after,
        "standing": _standing(record, now),
    }


def _standing(record: CertificateRecord, now: datetime) -> str:
    left, life = record.not_after - now, record.not_after - record.not_before
    if record.state in (State.HELD, State.REVOKED):
        return "revoked"
    if left < timedelta(0):
        return "expired"
    if left < life / 6:
        return "overdue"
    return "due" if left < life / 3 else "in force"


def _request_facts(request: ServiceRequest) -> dict[str, Any]:
    try:
        fingerprint = service_renewal.fingerprint(request)
    except YinxinError:
        fingerprint = None
    return {
        "number": request.id,
        "keeper": request.keeper,
        "name": request.name,
        "asked_at": request.asked_at,
        "fingerprint": fingerprint,
        "complaint": request.complaint,
    }


def _actor() -> str:
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):  # in containers, an account may have a number and no name
        return f"local:{os.getuid()}"
