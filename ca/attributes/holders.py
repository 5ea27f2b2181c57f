"""Whose attributes may be certified: holders of our certificates, while these hold."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ca.activation import profile_version
from ca.attributes.certificate import Holder
from ca.authorities import authority_of
from ca.books import AuthorityKind
from ca.history import steps_of
from ca.profiles import Audience
from ca.records import certificates, profiles
from ca.state import State
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _


@dataclass(frozen=True)
class HolderCertificate:
    """The certificate that an attribute certificate is bound to."""

    authority_id: int
    holder: Holder
    subject: str
    """In words."""
    not_after: datetime
    certificate: bytes
    """DER."""


def holder_in_force(connection: sa.Connection, authority: str, serial: int, now: datetime) -> HolderCertificate:
    """The holder's certificate; `YinxinError` unless it is ours, a subscriber's, and holds now."""
    issuer = authority_of(connection, authority, AuthorityKind.CERTIFICATES)
    subject = f"{authority}/{serial_text(serial)}"
    row = connection.execute(
        sa.select(certificates, profiles.c.name.label("profile"), profiles.c.version)
        .join(profiles, profiles.c.id == certificates.c.profile_id)
        .where(certificates.c.authority_id == issuer.id, certificates.c.serial == serial)
    ).one_or_none()
    if row is None or row.certificate is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no certificate of this number was issued here for a holder"),
            subject=subject,
            remedy=_("check the serial number and the authority"),
        )
    if profile_version(connection, row.profile, row.version).profile.audience is not Audience.SUBSCRIBER:
        raise YinxinError(
            Kind.INVALID, _("only holders have attributes, not authorities and services"), subject=subject
        )
    steps = steps_of(connection, issuer.id, serial)
    if not steps or steps[-1].state is not State.VALID or not row.not_before <= now <= row.not_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the holder's certificate does not hold: it is held, revoked or out of its time"),
            subject=subject,
            remedy=_("certify the attributes of the holder's present certificate"),
        )
    return HolderCertificate(issuer.id, Holder(issuer.subject, serial), row.subject, row.not_after, row.certificate)
