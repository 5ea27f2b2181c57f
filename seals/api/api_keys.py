"""Calling systems: what each proves itself with (API keys, a certificate), what it may do, with which seals.

An API key is shown once and kept as its digest; it ends, can be replaced while the one before holds for a while, and
can be withdrawn at once.
"""

import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from asn1crypto import x509

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from seals import records
from seals.register.registered import seal_id_of

PREFIX = "yxs_"
"""So that leaked keys are recognised for what they are."""
USUAL_DAYS = 365
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_table = records.api_keys


class Scope(StrEnum):
    """What a calling system may do with its seals."""

    DOCUMENTS = "documents"
    """Have documents sealed that it sends."""
    BATCHES = "batches"
    """Many of them, in a queue."""
    DIGESTS = "digests"
    """Have digests sealed of documents that nobody here sees."""
    USES = "uses"
    """Look up what it used a seal for."""


USUAL_SCOPES = (Scope.DOCUMENTS, Scope.BATCHES, Scope.USES)
"""Without digests: whoever signs what it does not see trusts the caller with what the seal stands on."""


@dataclass(frozen=True)
class CallingSystem:
    """A calling system as it is registered."""

    name: str
    scopes: tuple[Scope, ...]
    seals: tuple[str, ...]
    made_at: datetime
    expires_at: datetime | None
    """Of its API key; None: it does not end."""
    previous_until: datetime | None
    """Until then the key before this one holds as well."""
    withdrawn_at: datetime | None
    certificate_sha256: str | None
    """Of the certificate that it may show instead, hexadecimal."""
    webhook: str
    """Where it is told of finished batches; empty: nowhere."""


@dataclass(frozen=True)
class Terms:
    """What is granted to a calling system."""

    scopes: Collection[Scope] = USUAL_SCOPES
    days: int | None = USUAL_DAYS
    """So long its key holds; None: without end."""
    webhook: str = ""
    certificate: bytes | None = None
    """That it may show instead of a key, at the TLS edge; DER."""


Beside = Callable[[sa.Connection, int, dict[str, Any]], dict[str, Any]]
"""Done in the transaction of an act: handed the system's row and what is granted; gives what the audit log is told."""


def _nothing(_connection: sa.Connection, _row: int, _granted: dict[str, Any]) -> dict[str, Any]:
    return {}


def create(
    context: Context,
    name: str,
    seals: Sequence[str],
    terms: Terms = Terms(),
    *,
    actor: str,
    beside: Beside = _nothing,
) -> str:
    """A new calling system with a key for these seals. It is told this once; only its digest is kept."""
    if not _NAME.fullmatch(name) or not seals:
        raise YinxinError(
            Kind.INVALID,
            _("an API key has a name of a-z, 0-9, dot, dash, underscore, and at least one seal"),
            subject=name,
        )
    key, now = _new_key(), context.clock.now()
    row = {
        "name": name,
        "sha256": _digest(key),
        "made_at": now,
        "expires_at": _end(now, terms.days),
        "scopes": ",".join(sorted(terms.scopes)),
        "webhook": _checked_webhook(terms.webhook),
        "certificate_sha256": _fingerprint(terms.certificate),
    }
    try:
        with context.storage.transaction() as connection:
            (key_id,) = connection.execute(sa.insert(_table).values(row)).inserted_primary_key or (None,)
            for seal in dict.fromkeys(seals):
                its = {"api_key_id": key_id, "seal_id": seal_id_of(connection, seal)}
                connection.execute(sa.insert(records.api_key_seals).values(its))
            details: dict[str, Any] = {"seals": list(seals), "scopes": row["scopes"], "webhook": terms.webhook}
            details |= beside(connection, int(key_id or 0), _granted(row) | {"seals": sorted(set(seals))})
            context.audit.append(connection, Event("seals.api-key.make", actor, name, details))
    except sa.exc.IntegrityError:
        raise YinxinError(
            Kind.CONFLICT, _("there is an API key of this name, or with this certificate, already"), subject=name
        ) from None
    return key


def rotate(
    context: Context, name: str, *, days: int | None, keep: timedelta, actor: str, beside: Beside = _nothing
) -> str:
    """Another key for a calling system; the one before holds for a while longer, but no longer than it would have."""
    key, now = _new_key(), context.clock.now()
    with context.storage.transaction() as connection:
        row = _locked(connection, name)
        until = min(now + keep, row.expires_at or now + keep)
        values = {
            "sha256": _digest(key),
            "expires_at": _end(now, days),
            "previous_sha256": row.sha256,
            "previous_until": until,
        }
        connection.execute(sa.update(_table).where(_table.c.id == row.id).values(values))
        details: dict[str, Any] = {"previous_until": until.isoformat()}
        details |= beside(connection, row.id, {"name": name} | _granted(values))
        context.audit.append(connection, Event("seals.api-key.rotate", actor, name, details))
    return key


def withdraw(context: Context, name: str, *, actor: str, beside: Beside = _nothing) -> None:
    """From now on nothing that this calling system shows is taken any more, for good."""
    with context.storage.transaction() as connection:
        row = _locked(connection, name)
        values = {"withdrawn_at": context.clock.now()}
        connection.execute(sa.update(_table).where(_table.c.id == row.id).values(values))
        details = beside(connection, row.id, {"name": name} | _granted(values))
        context.audit.append(connection, Event("seals.api-key.withdraw", actor, name, details))


def list_systems(context: Context) -> list[CallingSystem]:
    """Every calling system, by name."""
    with context.storage.reading() as connection:
        rows = connection.execute(sa.select(_table).order_by(_table.c.name)).all()
        return [_system(connection, row) for row in rows]


def bearer(context: Context, key: str) -> CallingSystem | None:
    """Whose key it is, or None if it is nobody's now."""
    now, digest = context.clock.now(), _digest(key)
    holds = sa.or_(
        sa.and_(_table.c.sha256 == digest, sa.or_(_table.c.expires_at.is_(None), _table.c.expires_at > now)),
        sa.and_(_table.c.previous_sha256 == digest, _table.c.previous_until > now),
    )
    return _find(context, holds)


def shower(context: Context, certificate: bytes) -> CallingSystem | None:
    """Whose certificate (DER) it is, or None if it is nobody's. That it holds, the edge has verified."""
    return _find(context, _table.c.certificate_sha256 == _fingerprint(certificate))


def named(context: Context, name: str) -> CallingSystem | None:
    """The calling system of this name, unless it was withdrawn."""
    return _find(context, _table.c.name == name)


def require_use(system: CallingSystem | None, scope: Scope, seal: str) -> None:
    """Return if the calling system may do this with the seal; else `YinxinError` (forbidden).

    It does not tell a seal that is not there from one that is not the caller's.
    """
    if system is None or seal not in system.seals:
        raise YinxinError(Kind.FORBIDDEN, _("this API key may not use the seal"), subject=seal)
    if scope not in system.scopes:
        raise not_for(scope, system.name)


def not_for(scope: Scope, name: str = "") -> YinxinError:
    """The error that a calling system's key is not for this."""
    return YinxinError(
        Kind.FORBIDDEN,
        _("this API key is not for {scope}").format(scope=scope),
        subject=name,
        remedy=_("have a key made for it: yinxin seals api-key new --for {scope}").format(scope=scope),
    )


def _find(context: Context, condition: sa.ColumnElement[bool]) -> CallingSystem | None:
    with context.storage.reading() as connection:
        row = connection.execute(sa.select(_table).where(condition, _table.c.withdrawn_at.is_(None))).first()
        return None if row is None else _system(connection, row)


def _system(connection: sa.Connection, row: sa.Row[Any]) -> CallingSystem:
    seals = (
        sa.select(records.seals.c.name)
        .join(records.api_key_seals, records.api_key_seals.c.seal_id == records.seals.c.id)
        .where(records.api_key_seals.c.api_key_id == row.id)
        .order_by(records.seals.c.name)
    )
    return CallingSystem(
        row.name,
        tuple(Scope(word) for word in row.scopes.split(",") if word),
        tuple(connection.scalars(seals)),
        row.made_at,
        row.expires_at,
        row.previous_until,
        row.withdrawn_at,
        row.certificate_sha256.hex() if row.certificate_sha256 else None,
        row.webhook,
    )


def _locked(connection: sa.Connection, name: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(_table).where(_table.c.name == name).with_for_update()).one_or_none()
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND, _("no API key of this name"), subject=name, remedy=_("list: yinxin seals api-key list")
        )
    if row.withdrawn_at is not None:
        raise YinxinError(Kind.CONFLICT, _("the API key was withdrawn"), subject=name, remedy=_("make a new one"))
    return row


def _granted(values: dict[str, Any]) -> dict[str, Any]:
    """What the row says, in JSON."""

    def plain(value: Any) -> Any:
        return value.hex() if isinstance(value, bytes) else value.isoformat() if isinstance(value, datetime) else value

    return {key: plain(value) for key, value in values.items()}


def _new_key() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _end(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now + timedelta(days=days)


def _checked_webhook(address: str) -> str:
    if address and not address.startswith(("https://", "http://")):
        raise YinxinError(
            Kind.INVALID, _("not an address of the web"), subject=address, remedy=_("write https://HOST/PATH")
        )
    return address


def _fingerprint(certificate: bytes | None) -> bytes | None:
    return None if certificate is None else x509.Certificate.load(certificate).sha256


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
