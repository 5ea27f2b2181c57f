"""Renewing, rekeying and changing holders' certificates: requests that name the certificate which they replace."""

from collections.abc import Callable
from datetime import timedelta

from ca.state import Reason
from core.algorithms import SM3
from core.certificates import serial_text
from core.context import Context
from core.subject import Subject
from ra.applications import Contact, Replaced, Succession
from ra.operators import OperatorSession
from ra.replacement import Holding, find_holding, require_reason
from ra.requests import DECIDE_WITHIN, enter


def renew(
    context: Context,
    session: OperatorSession,
    authority: str,
    serial: int,
    *,
    csr: bytes | None = None,
    contact: Contact | None = None,
    issuer: str | None = None,
    decide_within: timedelta = DECIDE_WITHIN,
) -> str:
    """Enter the renewal of a certificate with the same key; the request's number.

    Without a new CSR, that of the certificate's own request proves the key's possession. `issuer`: another authority,
    where the former one will not last. `YinxinError` (conflict) outside the profile's window, or where it allows no
    renewal.
    """
    return succeed(context, session, Succession.RENEW, authority, serial, csr, contact, issuer, decide_within)


def rekey(
    context: Context,
    session: OperatorSession,
    authority: str,
    serial: int,
    *,
    csr: bytes,
    revoke: Reason | None = None,
    contact: Contact | None = None,
    issuer: str | None = None,
    decide_within: timedelta = DECIDE_WITHIN,
) -> str:
    """Enter a request for the same holder's new key; the request's number.

    `revoke`: the reason for which the certificate replaced is revoked when its successor is issued, if it shall be.
    """
    return succeed(
        context, session, Succession.REKEY, authority, serial, csr, contact, issuer, decide_within, revoke=revoke
    )


def change(
    context: Context,
    session: OperatorSession,
    authority: str,
    serial: int,
    changed: Callable[[Subject], Subject],
    *,
    csr: bytes | None = None,
    revoke: Reason | None = None,
    contact: Contact | None = None,
    issuer: str | None = None,
    decide_within: timedelta = DECIDE_WITHIN,
) -> str:
    """Enter a change of the holder's data; the request's number. Without a CSR the key stays, where that is allowed."""
    return succeed(
        context,
        session,
        Succession.CHANGE,
        authority,
        serial,
        csr,
        contact,
        issuer,
        decide_within,
        revoke=revoke,
        changed=changed,
    )


def holding_of(context: Context, authority: str, serial: int) -> Holding:
    """The certificate of this number and the request that it came of."""
    with context.storage.reading() as connection:
        return find_holding(connection, authority, serial)


def succeed(
    context: Context,
    session: OperatorSession,
    kind: Succession,
    authority: str,
    serial: int,
    csr: bytes | None,
    contact: Contact | None,
    issuer: str | None,
    decide_within: timedelta,
    *,
    revoke: Reason | None = None,
    changed: Callable[[Subject], Subject] = lambda subject: subject,
) -> str:
    """Enter a request of this kind; the request's number."""
    holding = holding_of(context, authority, serial)
    require_reason(kind, revoke, holding.certificate.label)
    before, own = holding.application, holding.certificate
    replaced = replaced_by(kind, own.authority, own.serial, SM3.of(own.certificate).hex(), revoke)
    return enter(
        context,
        session,
        authority=issuer or before.authority,
        profile=before.profile,
        subject=changed(before.subject),
        csr=csr or before.csr,
        contact=contact or before.contact,
        replaces=replaced,
        decide_within=decide_within,
    )


def replaced_by(kind: Succession, authority: str, serial: int, digest: str, revoke: Reason | None) -> Replaced:
    """The certificate that is replaced, as the request names it."""
    return Replaced.model_validate(
        {
            "kind": kind,
            "authority": authority,
            "serial": serial_text(serial),
            "digest": digest,
            "revoke": revoke,
        }
    )
