"""Revocation: final, or a hold that can be lifted. In force for OCSP in every process when its transaction commits."""

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from ca.activation import active_profile
from ca.attributes.register import require_revocable
from ca.authorities import Authority, authority_of, require_key_here
from ca.books import ATTRIBUTES, AuthorityKind
from ca.double import note_revocation, partners_of
from ca.history import advance, steps_of
from ca.importing.certificates import imported_certificate
from ca.profiles import Audience
from ca.register import CertificateRecord
from ca.state import MOVES, Move, Reason
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _

__all__ = ["Reason", "hold", "resume", "revoke", "revoke_all"]

Recording = Callable[[sa.Connection], None]
"""What the caller records in the same transaction."""

_HOLDERS = (Audience.SUBSCRIBER, Audience.ENCRYPTION, Audience.CROSS)
"""Whose certificates operators revoke."""

BATCH = 500
"""Rows in one statement; databases limit its parameters."""

# removeFromCRL only stands in delta CRLs, and aACompromise is for attribute authorities (RFC 5280 5.3.1).
_NO_REVOCATION = (Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL, Reason.AA_COMPROMISE)


def revoke_own(context: Context, record: CertificateRecord, reason: Reason, *, actor: str) -> None:
    """Revoke a certificate of the centre itself, or one that a crash left in doubt.

    `YinxinError` (forbidden) for a holder's: that takes an operator's signed order (`ra.revocation`).
    """
    with context.storage.reading() as connection:
        profile = active_profile(connection, record.profile).profile
        of_holder = profile.audience in _HOLDERS and record.certificate is not None
        of_holder |= imported_certificate(connection, record.authority, record.serial) is not None
    if of_holder:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("this is a holder's certificate: an operator revokes it"),
            subject=serial_text(record.serial),
            remedy=_("use: yinxin ra revoke {serial}").format(serial=serial_text(record.serial)),
        )
    revoke(context, record.authority, record.serial, reason, actor=actor)


def revoke(
    context: Context, authority: str, serial: int, reason: Reason, *, actor: str, recording: Recording | None = None
) -> None:
    """Revoke for ever. `YinxinError` (not found, conflict) if there is no such certificate or it is revoked already."""
    _require_reason(reason)
    _move(context, authority, serial, Move.REVOKE, reason, actor, recording)


def revoke_all(
    context: Context, connection: sa.Connection, authority: str, serials: Sequence[int], reason: Reason, *, actor: str
) -> None:
    """Revoke these certificates of one authority in the caller's transaction: all, or `YinxinError` and none."""
    _require_reason(reason)
    authority_id = authority_of(connection, authority).id
    for start in range(0, len(serials), BATCH):
        chunk = serials[start : start + BATCH]
        if start:  # one of them may have gone with its partner in an earlier chunk
            chunk = [serial for serial in chunk if _can_move(connection, authority_id, serial, Move.REVOKE)]
        if chunk:
            _move_in(context, connection, authority, chunk, Move.REVOKE, reason, actor)


def _require_reason(reason: Reason) -> None:
    if reason in _NO_REVOCATION:
        raise YinxinError(
            Kind.INVALID,
            _("{reason} is no reason for a revocation").format(reason=reason),
            remedy=_("to suspend it, put the certificate on hold"),
        )


def hold(context: Context, authority: str, serial: int, *, actor: str, recording: Recording | None = None) -> None:
    """Suspend until `resume` or `revoke`. `YinxinError` (not found, conflict) if it is not valid now."""
    _move(context, authority, serial, Move.HOLD, Reason.CERTIFICATE_HOLD, actor, recording)


def resume(context: Context, authority: str, serial: int, *, actor: str, recording: Recording | None = None) -> None:
    """Lift a hold. `YinxinError` (not found, conflict) if it is not held."""
    _move(context, authority, serial, Move.RESUME, None, actor, recording)


def _move(
    context: Context,
    authority: str,
    serial: int,
    move: Move,
    reason: Reason | None,
    actor: str,
    recording: Recording | None,
) -> None:
    with context.storage.transaction() as connection:
        _move_in(context, connection, authority, [serial], move, reason, actor)
        if recording:
            recording(connection)


def _move_in(
    context: Context,
    connection: sa.Connection,
    authority: str,
    serials: Sequence[int],
    move: Move,
    reason: Reason | None,
    actor: str,
) -> None:
    issuer = authority_of(connection, authority)
    require_key_here(issuer)
    if issuer.kind is AuthorityKind.ATTRIBUTES:
        _move_attributes(context, connection, issuer, serials, move, reason, actor)
        return
    """Double certificates stand and fall together, whichever of the two is named."""
    authority_id = issuer.id
    now = context.clock.now()
    advance(connection, authority_id, serials, move, at=now, actor=actor, reason=reason)
    beside = partners_of(connection, authority_id, serials)
    partners = {
        partner: serial for partner, serial in beside.items() if _can_move(connection, authority_id, partner, move)
    }
    if partners:
        advance(connection, authority_id, list(partners), move, at=now, actor=actor, reason=reason)
    if move is Move.REVOKE:
        note_revocation(connection, authority_id, [*beside, *beside.values()], now)
    details = {"authority": authority} | ({"reason": reason.value} if reason else {})
    events = [Event(f"ca.certificate.{move}", actor, serial_text(serial), details) for serial in serials]
    for partner, serial in partners.items():
        about = details | {"with": serial_text(serial)}
        events.append(Event(f"ca.certificate.{move}", actor, serial_text(partner), about))
    context.audit.extend(connection, events)


def _can_move(connection: sa.Connection, authority_id: int, serial: int, move: Move) -> bool:
    """Whether the move is open to a certificate: one that was moved alone, by whatever way, stays where it is."""
    history = steps_of(connection, authority_id, serial)
    return (history[-1].state if history else None, move) in MOVES


def _move_attributes(
    context: Context,
    connection: sa.Connection,
    issuer: Authority,
    serials: Sequence[int],
    move: Move,
    reason: Reason | None,
    actor: str,
) -> None:
    """Attribute certificates stand by themselves, and those that have no status are not moved."""
    require_revocable(connection, issuer.id, serials)
    now = context.clock.now()
    advance(connection, issuer.id, serials, move, at=now, actor=actor, reason=reason, books=ATTRIBUTES)
    details = {"authority": issuer.name} | ({"reason": reason.value} if reason else {})
    events = [Event(f"{ATTRIBUTES.subject}.{move}", actor, serial_text(serial), details) for serial in serials]
    context.audit.extend(connection, events)
