"""The next certificates of the centre's own services: issued to whoever holds the key of the present one.

A request is a PKCS#10 for a new key, in SignedData by the present key. It is granted by itself if the present
certificate is in the books, for a service, and in force; the next one has the same authority, profile and subject, so
nobody gains by it what they did not have. Anything else waits until a person with the authority's keys approves it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from asn1crypto import x509

from ca import register
from ca.activation import active_profile
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from ca.profiles import Audience
from ca.register import CertificateRecord, Filter
from ca.state import State
from core import cms
from core.asn1.names import attributes_of
from core.audit import Event
from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.service.records import requests
from core.subject import Subject

_FIELDS = {
    "C": "country",
    "ST": "province",
    "L": "locality",
    "O": "organization",
    "OU": "organizational_unit",
    "CN": "common_name",
}


@dataclass(frozen=True)
class ServiceRequest:
    """A request that was not granted yet."""

    id: int
    keeper: str
    """Whose key store keeps the key: `ocsp`, `tsa` …"""
    name: str
    """Of the new key."""
    message: bytes
    asked_at: datetime
    complaint: str | None
    """Why it was not granted, when last looked at."""

    @property
    def reference(self) -> str:
        """In the books: the same each time, so that what a crash interrupted goes on with the same key."""
        return f"renewal {self.keeper}-{self.name}"


@dataclass(frozen=True)
class _Reading:
    """What a request says, its signatures checked."""

    csr: bytes
    key_digest: bytes
    present: CertificateRecord


def pending(context: Context) -> list[ServiceRequest]:
    """What was asked for and not granted yet, the oldest first."""
    query = sa.select(requests).where(requests.c.certificate.is_(None)).order_by(requests.c.id)
    with context.storage.reading() as connection:
        return [
            ServiceRequest(row.id, row.keeper, row.name, row.request, row.asked_at, row.complaint)
            for row in connection.execute(query)
        ]


def fingerprint(request: ServiceRequest) -> str:
    """SHA-256 of the new key (SPKI), hexadecimal: what two people compare. `YinxinError` if it cannot be read."""
    csr = parse_csr(cms.check(request.message).content)
    return hashlib.sha256(csr.public_key_info).hexdigest()


def grant(ca: CertificateAuthority, request: ServiceRequest, *, approver: str | None = None) -> IssuedCertificate:
    """The next certificate, issued and left for the service.

    `approver`: a person who has compared the fingerprint; without one, `YinxinError` unless the present certificate is
    in force. The same if the request cannot be believed, or the authority refuses.
    """
    read = _read(ca.context, request)
    _require_service(ca.context, read.present)
    if approver is None:
        _require_in_force(ca.context, read.present)
    approved = Approval(request.reference, read.key_digest, (approver or f"service:{request.keeper}",))
    subject = _subject(read.present)
    wanted = ApprovedRequest(read.present.authority, read.present.profile, subject, read.csr, approved)

    def answer(connection: sa.Connection, issued: Sequence[IssuedCertificate]) -> None:
        (one,) = issued
        connection.execute(
            sa.update(requests)
            .where(requests.c.id == request.id)
            .values(certificate=one.certificate, answered_at=ca.context.clock.now(), complaint=None)
        )

    (issued,) = ca.issue([wanted], actor=approver or "system", recording=answer)
    return issued


def grant_all(ca: CertificateAuthority) -> tuple[list[tuple[ServiceRequest, IssuedCertificate]], list[ServiceRequest]]:
    """What is pending: those granted with their certificates, and those that wait, each with its complaint.

    One that is refused does not stop the others. `YinxinError` (unavailable) if nothing can be issued at all.
    """
    granted, waiting = [], []
    for request in pending(ca.context):
        try:
            granted.append((request, grant(ca, request)))
        except YinxinError as error:
            if error.kind is Kind.UNAVAILABLE:
                raise
            waiting += _complain(ca.context, request, str(error))
    return granted, waiting


def _read(context: Context, request: ServiceRequest) -> _Reading:
    signed = cms.check(request.message)
    serial = x509.Certificate.load(signed.certificate).serial_number
    present = next(
        (
            record
            for record in register.page(context.storage, Filter(serial=serial))
            if record.certificate == signed.certificate
        ),
        None,
    )
    if present is None or not signed.certificate_is_bound:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the request is signed by nobody that this authority has certified"),
            subject=request.reference,
            remedy=_("find out who left it; it gets no certificate"),
        )
    csr = parse_csr(signed.content)
    csr.check_possession()
    return _Reading(signed.content, hashlib.sha256(csr.public_key_info).digest(), present)


def is_of_service(record: CertificateRecord) -> bool:
    """Whether the centre gave it to a service of its own, in a ceremony or as a renewal since; people's are not."""
    return record.approval_reference.startswith(("ceremony", "renewal "))


def _require_service(context: Context, present: CertificateRecord) -> None:
    with context.storage.reading() as connection:
        profile = active_profile(connection, present.profile).profile
    if profile.audience is not Audience.SERVICE or not is_of_service(present):
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the certificate is not one of a service: its holder applies at the registration authority"),
            subject=present.subject,
        )


def _require_in_force(context: Context, present: CertificateRecord) -> None:
    in_time = present.not_before <= context.clock.now() <= present.not_after
    if not in_time or present.state not in (State.VALID, State.PRESUMED):
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the present certificate is no longer in force, so its key proves nothing"),
            subject=present.subject,
            remedy=_("compare the key's fingerprint, then: yinxin ca service-certificates approve NUMBER"),
        )


def _subject(present: CertificateRecord) -> Subject:
    """As the present certificate has it."""
    assert present.certificate is not None  # noqa: S101 - it was compared with the signer's
    name = x509.Certificate.load(present.certificate).subject.dump()
    return Subject.model_validate({_FIELDS[label]: value for label, value in attributes_of(name)})


def _complain(context: Context, request: ServiceRequest, complaint: str) -> list[ServiceRequest]:
    """Note why it waits, in the audit log once, not at every look; nothing if another process has granted it."""
    complaint = complaint[:512]
    still_waiting = sa.and_(requests.c.id == request.id, requests.c.certificate.is_(None))
    with context.storage.transaction() as connection:
        if not connection.execute(sa.update(requests).where(still_waiting).values(complaint=complaint)).rowcount:
            return []
        if complaint != request.complaint:
            event = Event("ca.service.refuse", "system", request.reference, {"reason": complaint})
            context.audit.append(connection, event)
    return [replace(request, complaint=complaint)]
