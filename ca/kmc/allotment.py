"""An encryption key pair for a holder: taken from the spare pool, delivered only to the holder's signing key.

Asking again with the same reference gives the same pair in a new envelope, so that a caller who died in between loses
nothing and no pair is doubled. So does the renewal of a pair whose signing key stays: asked for by the reference that
the key was allotted for, it is kept until the later end.
"""

from dataclasses import replace

import sqlalchemy as sa
from asn1crypto import x509

from ca.escrow import AllottedKey, KeyRequest
from ca.kmc import records
from ca.kmc.custody import Custodian
from ca.kmc.history import EscrowedKey, advance, find_key, read_key
from ca.kmc.state import Move, Pool
from ca.succession import is_same_person
from core.algorithms import KeyKind
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.envelope import wrap_for, wrap_sm2_key
from core.keys.private_key import PrivateKey, Sm2Key
from core.sm2 import curve


def allot(
    context: Context, custodian: Custodian, request: KeyRequest, *, actor: str, certificate: bytes | None = None
) -> AllottedKey:
    """A pair for the holder.

    `certificate`: the holder's signing certificate (DER), without which RSA holders get no envelope yet: ask again once
    it is signed. `YinxinError` (unavailable) if the spare pool is empty, (conflict) if the reference was used for
    another key or the pair is no longer active.
    """
    _check(request, certificate)
    with context.storage.transaction() as connection:
        key = _allotted_before(connection, custodian, request)
        if key is None:
            key = _allot_new(context, connection, custodian, request, actor)
        elif not _prolong(context, connection, custodian, key, request, actor):
            again = Event("kmc.key.enclose", actor, key.number, {"reference": request.reference})
            context.audit.append(connection, again)
        # Opened and enclosed before the transaction ends: a pair that cannot be delivered is not allotted.
        envelope = _enclose(custodian.open(key.kept()), request, certificate)
    return AllottedKey(key.number, key.public_key_info, envelope)


def revoke(context: Context, number: str, *, actor: str, reference: str = "") -> None:
    """Move an active key to the historical pool: its certificate was revoked or has expired."""
    with context.storage.transaction() as connection:
        key = find_key(connection, number, lock=True)
        advance(context, connection, key, Move.REVOKE, actor=actor, reference=reference)


def revoke_for(context: Context, reference: str, *, actor: str) -> None:
    """Move the key of a reference to the historical pool; nothing happens if it left the active pool already."""
    with context.storage.transaction() as connection:
        key = find_key(connection, find_by_reference(connection, reference), lock=True)
        if key.pool is Pool.ACTIVE:
            advance(context, connection, key, Move.REVOKE, actor=actor, reference=reference)


def retire_unclaimed(context: Context, *, actor: str) -> list[str]:
    """Move active keys whose whole term is over to the historical pool; their references.

    The authority tells of keys whose certificates have ended. These it never told of: no certificate came of them.
    """
    allotments, keys = records.allotments.c, records.keys.c
    over = (
        sa.select(allotments.reference)
        .join(records.keys, keys.id == allotments.key_id)
        .where(keys.pool == Pool.ACTIVE.value, allotments.keep_until <= context.clock.now())
        .order_by(keys.id)
    )
    with context.storage.reading() as connection:
        references = [str(reference) for reference in connection.scalars(over)]
    for reference in references:
        revoke_for(context, reference, actor=actor)
    return references


def find_by_reference(connection: sa.Connection, reference: str) -> str:
    """The number of the key that was allotted for a reference; `YinxinError` if none was."""
    number = connection.scalar(
        sa.select(records.keys.c.number)
        .join(records.allotments, records.allotments.c.key_id == records.keys.c.id)
        .where(records.allotments.c.reference == reference)
    )
    if number is None:
        raise YinxinError(Kind.NOT_FOUND, _("no key was allotted for this reference"), subject=reference)
    return str(number)


def holder_of(connection: sa.Connection, custodian: Custodian, key: EscrowedKey) -> KeyRequest:
    """Whom an allotted key belongs to; `YinxinError` (invalid) if the centre did not write that."""
    row = connection.execute(sa.select(records.allotments).where(records.allotments.c.key_id == key.id)).first()
    if row is None:
        raise YinxinError(Kind.CONFLICT, _("the key belongs to nobody yet"), subject=key.number)
    request = KeyRequest(row.reference, row.holder, row.signing_key, row.keep_until, key.kind)
    custodian.check(request.vouched(key.number), row.voucher, subject=key.number)
    return request


def _check(request: KeyRequest, certificate: bytes | None) -> None:
    is_sm2 = curve.point_of(request.signing_key) is not None
    if is_sm2 != (request.kind is KeyKind.SM2):
        raise YinxinError(
            Kind.INVALID,
            _("signing and encryption key of double certificates are of one family"),
            subject=request.reference,
        )
    if certificate is not None and x509.Certificate.load(certificate).public_key.dump() != request.signing_key:
        raise YinxinError(
            Kind.INVALID, _("the certificate is not for the holder's signing key"), subject=request.reference
        )


def _allotted_before(connection: sa.Connection, custodian: Custodian, request: KeyRequest) -> EscrowedKey | None:
    query = (
        sa.select(records.keys)
        .join(records.allotments, records.allotments.c.key_id == records.keys.c.id)
        .where(records.allotments.c.reference == request.reference)
    )
    row = connection.execute(query.with_for_update()).first()
    if row is None:
        return None
    key = read_key(connection, row, request.reference)
    before = holder_of(connection, custodian, key)
    same_key = (before.signing_key, before.kind) == (request.signing_key, request.kind)
    if not same_key or not is_same_person(before.holder, request.holder):
        raise YinxinError(
            Kind.CONFLICT, _("a key was allotted for this reference to another holder"), subject=request.reference
        )
    if key.pool is not Pool.ACTIVE:
        raise YinxinError(
            Kind.CONFLICT,
            _("the key of this reference is no longer in use"),
            subject=request.reference,
            remedy=_("apply anew, or have it recovered: yinxin ca kmc recover request"),
        )
    return key


def _prolong(
    context: Context,
    connection: sa.Connection,
    custodian: Custodian,
    key: EscrowedKey,
    request: KeyRequest,
    actor: str,
) -> bool:
    """Keep the key for the holder's later certificate, under the name that they have by then; whether that is news."""
    before = holder_of(connection, custodian, key)
    after = replace(request, keep_until=max(before.keep_until, request.keep_until))
    if after == before:
        return False
    connection.execute(
        sa.update(records.allotments)
        .where(records.allotments.c.key_id == key.id)
        .values(holder=after.holder, keep_until=after.keep_until, voucher=custodian.vouch(after.vouched(key.number)))
    )
    advance(context, connection, key, Move.PROLONG, actor=actor, reference=request.reference)
    return True


def _allot_new(
    context: Context, connection: sa.Connection, custodian: Custodian, request: KeyRequest, actor: str
) -> EscrowedKey:
    row = connection.execute(
        sa.select(records.keys)
        .where(records.keys.c.kind == request.kind.value, records.keys.c.pool == Pool.SPARE.value)
        .order_by(records.keys.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("there is no spare key of kind {kind}").format(kind=request.kind.value),
            remedy=_("run: yinxin ca kmc generate {kind}").format(kind=request.kind.value),
        )
    key = read_key(connection, row, request.reference)
    advance(context, connection, key, Move.ALLOT, actor=actor, reference=request.reference)
    try:
        with connection.begin_nested():
            connection.execute(
                sa.insert(records.allotments).values(
                    key_id=key.id,
                    reference=request.reference,
                    holder=request.holder,
                    signing_key=request.signing_key,
                    keep_until=request.keep_until,
                    voucher=custodian.vouch(request.vouched(key.number)),
                )
            )
    except sa.exc.IntegrityError:
        raise YinxinError(
            Kind.CONFLICT,
            _("a key is just being allotted for this reference"),
            subject=request.reference,
            remedy=_("try again"),
        ) from None
    return key


def _enclose(key: PrivateKey, request: KeyRequest, certificate: bytes | None) -> bytes:
    if isinstance(key, Sm2Key):
        return wrap_sm2_key(key, request.signing_key)
    return wrap_for(key, certificate) if certificate is not None else b""
