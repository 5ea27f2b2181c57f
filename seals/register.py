"""The seal register: which seals there are, whose they are, what state each is in."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from asn1crypto import x509

from core.asn1.ses_writing import OwnerKind, SealInfo, SealPicture
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from seals import records
from seals.making import Maker, make_seal
from seals.pades.appearance import read_picture

VENDOR = "YINXIN"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class SealKind(StrEnum):
    """What a seal is for (国发〔1999〕25号 and custom)."""

    OFFICIAL = "official"
    FINANCE = "finance"
    CONTRACT = "contract"
    PERSONNEL = "personnel"
    LEGAL_REPRESENTATIVE = "legal-representative"
    INVOICE = "invoice"
    PERSONAL = "personal"


class State(StrEnum):
    """Where a seal is in its life."""

    ACTIVE = "active"
    FROZEN = "frozen"
    DESTROYED = "destroyed"


MOVES = {
    State.ACTIVE: {State.FROZEN, State.DESTROYED},
    State.FROZEN: {State.ACTIVE, State.DESTROYED},
    State.DESTROYED: set[State](),
}


@dataclass(frozen=True)
class SealOrder:
    """A seal that is to be made."""

    name: str
    """In the register: a-z, 0-9, dot, dash, underscore."""
    owner: str
    """The full legal name of the unit, or the person's."""
    kind: SealKind
    key_name: str
    """In the key store of the seals."""
    certificate: bytes
    """The owner's, DER."""
    chain: Sequence[bytes]
    """Its issuers, nearest first, the root included; DER."""
    picture: bytes
    """PNG with alpha."""
    width_mm: int


@dataclass(frozen=True)
class RegisteredSeal:
    """A seal in the register."""

    id: int
    name: str
    owner: str
    kind: SealKind
    key_name: str
    picture: bytes
    width_mm: int
    structure: bytes
    """SESeal, DER."""
    made_at: datetime
    valid_until: datetime
    certificate: bytes
    chain: tuple[bytes, ...]
    state: State


def make(context: Context, keys: KeyStore, maker: Maker, order: SealOrder, *, actor: str) -> RegisteredSeal:
    """Make a seal and enter it, active. `YinxinError` says what is wrong with the order, or that the name is taken."""
    if not _NAME.fullmatch(order.name):
        raise YinxinError(
            Kind.INVALID, _("a seal's name is made of a-z, 0-9, dot, dash and underscore"), subject=order.name
        )
    certificate = x509.Certificate.load(order.certificate)
    if certificate.public_key.dump() != keys.signer(order.key_name).public_key_info:
        raise YinxinError(
            Kind.INVALID,
            _("the certificate is not for the key {key}").format(key=order.key_name),
            subject=order.name,
            remedy=_("give the certificate that was issued for this key"),
        )
    now = context.clock.now()
    if not certificate.not_valid_before <= now <= certificate.not_valid_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the owner's certificate is not valid now"),
            subject=order.name,
            remedy=_("have it renewed, or check the clock"),
        )
    picture = read_picture(order.picture)
    info = SealInfo(
        vendor_id=VENDOR,
        seal_id=f"YX{secrets.token_hex(16).upper()}",
        owner_kind=OwnerKind.PERSON if order.kind is SealKind.PERSONAL else OwnerKind.UNIT,
        name=order.owner,
        certificates=[order.certificate],
        created=now,
        valid_from=now,
        valid_until=certificate.not_valid_after,
        picture=SealPicture(
            "PNG", order.picture, order.width_mm, round(order.width_mm * picture.height / picture.width)
        ),
    )
    structure = make_seal(info, maker, context.clock)
    try:
        with context.storage.transaction() as connection:
            _enter(connection, order, structure, now, info.valid_until, actor)
            details = {"owner": order.owner, "kind": order.kind.value, "seal_id": info.seal_id}
            context.audit.append(connection, Event("seals.seal.make", actor, order.name, details))
    except sa.exc.IntegrityError:
        raise YinxinError(
            Kind.CONFLICT, _("there is a seal of this name already"), subject=order.name, remedy=_("choose another")
        ) from None
    return find(context, order.name)


def _enter(
    connection: sa.Connection, order: SealOrder, structure: bytes, now: datetime, valid_until: datetime, actor: str
) -> None:
    row = {
        "name": order.name,
        "owner": order.owner,
        "kind": order.kind.value,
        "key_name": order.key_name,
        "picture": order.picture,
        "width_mm": order.width_mm,
        "structure": structure,
        "made_at": now,
        "valid_until": valid_until,
    }
    (seal_id,) = connection.execute(sa.insert(records.seals).values(row)).inserted_primary_key or (None,)
    certificates = [order.certificate, *order.chain]
    connection.execute(
        sa.insert(records.seal_certificates),
        [{"seal_id": seal_id, "position": place, "certificate": der} for place, der in enumerate(certificates)],
    )
    add_event(connection, seal_id, State.ACTIVE, now, actor, "")


def add_event(
    connection: sa.Connection, seal_id: int | None, state: State, at: datetime, actor: str, reason: str
) -> None:
    """Add to the history of a seal, in the caller's transaction."""
    event = {"seal_id": seal_id, "state": state.value, "at": at, "actor": actor, "reason": reason}
    connection.execute(sa.insert(records.seal_events).values(event))


def find(context: Context, name: str) -> RegisteredSeal:
    """The seal of this name; `YinxinError` (not found) if there is none."""
    with context.storage.reading() as connection:
        row = connection.execute(_with_state().where(records.seals.c.name == name)).one_or_none()
        if row is None:
            raise not_found(name)
        return _registered(connection, row)


def list_seals(context: Context) -> list[RegisteredSeal]:
    """Every seal, by name."""
    with context.storage.reading() as connection:
        rows = connection.execute(_with_state().order_by(records.seals.c.name)).all()
        return [_registered(connection, row) for row in rows]


def move(context: Context, name: str, state: State, *, actor: str, reason: str) -> None:
    """Freeze, resume or destroy a seal. `YinxinError` (conflict) if its state does not allow it."""
    with context.storage.transaction() as connection:
        seal_id, present = state_of(connection, name)
        if state not in MOVES[present]:
            raise YinxinError(
                Kind.CONFLICT,
                _("a seal that is {present} cannot become {wanted}").format(present=present, wanted=state),
                subject=name,
            )
        add_event(connection, seal_id, state, context.clock.now(), actor, reason)
        details = {"from": present.value, "to": state.value, "reason": reason}
        context.audit.append(connection, Event("seals.seal.move", actor, name, details))


def state_of(connection: sa.Connection, name: str) -> tuple[int, State]:
    """The seal's number and present state; in a write transaction nobody can change it until the end.

    `YinxinError` (not found) if there is no such seal.
    """
    # Locks the seal in PostgreSQL; SQLite has one writer at a time anyway.
    locked = sa.select(records.seals.c.id).where(records.seals.c.name == name).with_for_update()
    seal_id = connection.scalar(locked)
    if seal_id is None:
        raise not_found(name)
    events = records.seal_events
    newest = sa.select(events.c.state).where(events.c.seal_id == seal_id).order_by(events.c.id.desc()).limit(1)
    return seal_id, State(connection.scalars(newest).one())


def not_found(name: str) -> YinxinError:
    """The error that there is no such seal."""
    return YinxinError(
        Kind.NOT_FOUND, _("no seal of this name"), subject=name, remedy=_("list them with: yinxin seals list")
    )


def _with_state() -> sa.Select[tuple[object, ...]]:
    events = records.seal_events
    newest = (
        sa.select(events.c.state)
        .where(events.c.seal_id == records.seals.c.id)
        .order_by(events.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return sa.select(records.seals, newest.label("state"))


def _registered(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> RegisteredSeal:
    table = records.seal_certificates
    certificates = connection.scalars(
        sa.select(table.c.certificate).where(table.c.seal_id == row.id).order_by(table.c.position)
    ).all()
    return RegisteredSeal(
        id=row.id,
        name=row.name,
        owner=row.owner,
        kind=SealKind(row.kind),
        key_name=row.key_name,
        picture=row.picture,
        width_mm=row.width_mm,
        structure=row.structure,
        made_at=row.made_at,
        valid_until=row.valid_until,
        certificate=certificates[0],
        chain=tuple(certificates[1:]),
        state=State(row.state),
    )
