"""By what right a responder answers for an issuer: with its own key, or by a certificate that it gave for that."""

from dataclasses import dataclass

import sqlalchemy as sa

from core.asn1.names import describe_name
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.store import KeyStore
from ocsp.certificate import Certificate
from ocsp.records import delegations


@dataclass(frozen=True)
class Delegation:
    """A key that signs answers, and the certificate that says for whom."""

    signer: Signer
    certificate: Certificate

    def __post_init__(self) -> None:
        """`YinxinError` (invalid) if the certificate is for another key."""
        if self.certificate.public_key_info != self.signer.public_key_info:
            raise YinxinError(
                Kind.INVALID,
                _("the certificate is not for this key"),
                subject=describe_name(self.certificate.subject),
                remedy=_("install the certificate that was issued for the key in the OCSP key store"),
            )


def install(context: Context, key_store: KeyStore, key_name: str, certificate: bytes) -> Delegation:
    """Answer with this key of the OCSP key store from now on, by right of the certificate (DER).

    `YinxinError` if there is no such key, the certificate is for another, is not for OCSP signing, or has expired.
    """
    delegation = Delegation(key_store.signer(key_name), Certificate.load(certificate))
    subject = describe_name(delegation.certificate.subject)
    if not delegation.certificate.for_ocsp_signing:
        raise YinxinError(
            Kind.INVALID,
            _("the certificate is not for signing OCSP responses"),
            subject=subject,
            remedy=_("issue it with the OCSP responder profile"),
        )
    now = context.clock.now()
    if now > delegation.certificate.not_after:
        raise YinxinError(Kind.INVALID, _("the certificate has expired"), subject=subject)
    with context.storage.transaction() as connection:
        connection.execute(sa.insert(delegations).values(key_name=key_name, certificate=certificate, installed_at=now))
        context.audit.append(connection, Event("ocsp.delegation.install", "system", subject, {"key": key_name}))
    return delegation


def load_delegations(context: Context, key_store: KeyStore) -> tuple[Delegation, ...]:
    """Those installed and not expired, the oldest first."""
    query = sa.select(delegations.c.key_name, delegations.c.certificate).order_by(delegations.c.id)
    with context.storage.reading() as connection:
        rows = connection.execute(query).all()
    certificates = [(row.key_name, Certificate.load(row.certificate)) for row in rows]
    now = context.clock.now()
    return tuple(
        Delegation(key_store.signer(key_name), certificate)
        for key_name, certificate in certificates
        if now <= certificate.not_after
    )
