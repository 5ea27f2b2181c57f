"""The book of uses: whether a seal may be used once more, and what each use was. Counted under a lock on the seal."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.asn1.ses import parse_seal
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.refusals import refusals_recorded
from core.words import in_words
from seals import records
from seals.contracts import People, Session
from seals.register.bounds import Use, day_of, require_within
from seals.register.life import State
from seals.register.permissions import Granted, find_permission
from seals.register.readers import seal_for_reader
from seals.register.registered import RegisteredSeal, read_seal

_USES = records.seal_uses.c
_ORDINAL = sa.select(_USES.ordinal).where(_USES.seal_id == sa.bindparam("seal")).limit(1)
_LAST = _ORDINAL.order_by(_USES.ordinal.desc())
_LAST_BEFORE = _ORDINAL.where(_USES.at < sa.bindparam("moment")).order_by(_USES.at.desc(), _USES.ordinal.desc())


@dataclass(frozen=True)
class Sealed:
    """What became of a document."""

    sha256_before: str
    sha256_after: str
    level: str
    page: int
    """Of the first mark; the first page is 1."""
    place: str
    """On the page, in words for auditors."""
    token_sha256: str | None = None
    """Of the last time-stamp token in the document."""


@dataclass(frozen=True)
class UseRecord:
    """A use as it stands in the book."""

    seal: str
    ordinal: int
    """Counts the uses of the seal without gaps."""
    at: datetime
    actor: str
    person: str
    document_type: str
    purpose: str
    level: str
    page: int
    place: str
    revision: int
    sha256_before: str
    sha256_after: str
    token_sha256: str | None
    permission: str | None
    """The number of the custodian's permission that it used up."""


def usable(context: Context, people: People, name: str, use: Use, document_sha256: str) -> RegisteredSeal:
    """The seal, if this use of it is within its bounds now; nothing is counted. `YinxinError` says why not.

    Whoever seals asks first, so that nothing is signed in vain; what counts is `record`, before anything is handed out.
    """
    with (
        refusals_recorded(context, "seals.document.seal", actor=use.caller, subject=name),
        context.storage.reading() as connection,
    ):
        seal = read_seal(connection, people, name)
        _require(context, connection, people, seal, use, document_sha256)
        return seal


def record(
    context: Context,
    people: People,
    name: str,
    use: Use,
    sealed: Sealed,
    *,
    digest: str,
    beside: Callable[[sa.Connection], None] | None = None,
) -> int:
    """Enter a use, within the bounds and of the seal's version of this digest, or not at all; its ordinal.

    `beside`: done in the same transaction, so that both happen or neither.
    """
    with (
        refusals_recorded(context, "seals.document.seal", actor=use.caller, subject=name),
        context.storage.transaction() as connection,
    ):
        # The lock on the seal makes counting and entering one; frozen or changed meanwhile, this use never was.
        seal = read_seal(connection, people, name, lock=True)
        if seal.digest != digest:
            raise YinxinError(Kind.CONFLICT, _("the seal has changed meanwhile"), subject=name, remedy=_("try again"))
        granted = _require(context, connection, people, seal, use, sealed.sha256_before)
        ordinal = _count(connection, seal.id) + 1
        row = {
            "seal_id": seal.id,
            "at": context.clock.now(),
            "ordinal": ordinal,
            "revision": seal.revision,
            "actor": use.caller,
            "person": use.person,
            "document_type": use.document_type,
            "purpose": use.purpose,
            **{field.name: getattr(sealed, field.name) for field in fields(sealed)},
        }
        (use_id,) = connection.execute(sa.insert(records.seal_uses).values(row)).inserted_primary_key or (None,)
        details: dict[str, Any] = {key: value for key, value in row.items() if key not in ("seal_id", "at", "actor")}
        if granted is not None:
            table = records.use_permissions
            connection.execute(sa.update(table).where(table.c.id == granted.id).values(use_id=use_id))
            details |= {"permission": granted.number, "permitted_by": granted.custodian}
        context.audit.append(connection, Event("seals.document.seal", use.caller, name, details))
        if beside is not None:
            beside(connection)
        return ordinal


def list_uses(
    context: Context, people: People, session: Session, name: str, *, limit: int = 100, before: int | None = None
) -> list[UseRecord]:
    """The newest uses of a seal, or the newest before this ordinal, for auditors and for custodians of the seal."""
    with (
        refusals_recorded(context, "seals.use.list", actor=session.name, subject=name),
        context.storage.reading() as connection,
    ):
        found = list(_records(connection, seal_for_reader(connection, people, session, name), limit, before))
    with context.storage.transaction() as connection:
        event = Event("seals.use.view", session.name, name, {"count": len(found)})
        context.audit.append(connection, event)
    return found


def list_own_uses(
    context: Context, people: People, caller: str, name: str, *, limit: int = 100, before: int | None = None
) -> list[UseRecord]:
    """The newest uses that a calling system made of a seal, or the newest before this ordinal."""
    with context.storage.reading() as connection:
        return list(_records(connection, read_seal(connection, people, name), limit, before, caller))


def _require(
    context: Context, connection: sa.Connection, people: People, seal: RegisteredSeal, use: Use, document_sha256: str
) -> Granted | None:
    now = context.clock.now()
    if seal.state is not State.ACTIVE:
        raise YinxinError(Kind.CONFLICT, _("the seal is {state}").format(state=in_words(seal.state)), subject=seal.name)
    if now > seal.valid_until:
        raise YinxinError(
            Kind.CONFLICT, _("the seal is no longer valid"), subject=seal.name, remedy=_("have it renewed")
        )
    people.require_standing(connection, seal.certificate)
    _require_made_rightly(connection, people, seal)
    in_all = _count(connection, seal.id)
    today = in_all - _count(connection, seal.id, before=day_of(now)) if seal.bounds.per_day else 0
    require_within(seal.bounds, use, now, today=today, in_all=in_all, seal=seal.name)
    return find_permission(connection, people, seal, use, document_sha256, now) if seal.bounds.approval else None


def _require_made_rightly(connection: sa.Connection, people: People, seal: RegisteredSeal) -> None:
    """Return unless the maker's certificate was held or revoked when the seal was made: nothing changes that later."""
    made = seal.digest, seal.made_at
    if made in _made_rightly:
        return
    people.require_maker(connection, parse_seal(seal.structure).maker_certificate, seal.made_at)
    if len(_made_rightly) >= _KEPT:
        _made_rightly.clear()
    _made_rightly.add(made)


_made_rightly: set[tuple[str, datetime]] = set()
_KEPT = 1024


def _count(connection: sa.Connection, seal_id: int, before: datetime | None = None) -> int:
    """How often the seal was used, by the ordinal of its last use; `before`: of its last use before a moment."""
    if before is None:
        return connection.scalar(_LAST, {"seal": seal_id}) or 0
    return connection.scalar(_LAST_BEFORE, {"seal": seal_id, "moment": before}) or 0


def _records(
    connection: sa.Connection, seal: RegisteredSeal, limit: int, before: int | None, caller: str | None = None
) -> Iterator[UseRecord]:
    table, permissions = records.seal_uses, records.use_permissions
    query = (
        sa.select(table, permissions.c.number)
        .outerjoin(permissions, permissions.c.use_id == table.c.id)
        .where(table.c.seal_id == seal.id)
        .order_by(table.c.ordinal.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(table.c.ordinal < before)
    if caller is not None:
        query = query.where(table.c.actor == caller)
    columns = [field.name for field in fields(UseRecord) if field.name not in ("seal", "permission")]
    for row in connection.execute(query):
        yield UseRecord(seal=seal.name, permission=row.number, **{name: getattr(row, name) for name in columns})
