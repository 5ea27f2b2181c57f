"""What the responder needs to know of the CA, and nothing more: the shape of `ca.status.StatusReader`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ocsp.certificate import Authority


class Issuer(Authority, Protocol):
    """An issuer whose certificates have a status here."""

    @property
    def id(self) -> int:
        """Its number in the records."""
        ...

    @property
    def certificate(self) -> bytes:
        """DER."""
        ...

    @property
    def delegator(self) -> Authority:
        """Who certifies responders for it: itself; for an attribute authority, who certified that."""
        ...


class Reason(Protocol):
    """Why a certificate is revoked."""

    @property
    def code(self) -> int:
        """CRLReason (RFC 5280 5.3.1)."""
        ...


class CertificateStatus(Protocol):
    """The present state of an issued certificate."""

    @property
    def state(self) -> str:
        """`valid`, `held` or `revoked`."""
        ...

    @property
    def revoked_at(self) -> datetime | None:
        """Since when it is held or revoked."""
        ...

    @property
    def reason(self) -> Reason | None:
        """None: not told."""
        ...

    @property
    def not_after(self) -> datetime | None:
        """When the certificate ends, or ended; None where that is not known."""
        ...


class StatusSource(Protocol):
    """Tells the status of certificates as it is at the moment of asking."""

    def issuers(self) -> Sequence[Issuer]:
        """The issuers whose certificates it knows."""
        ...

    def status(self, issuer_id: int, serial: int) -> CertificateStatus | None:
        """The certificate's status; None if this issuer never issued such a serial number."""
        ...
