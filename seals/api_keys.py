"""API keys: a document system shows one to use the seals that it was made for."""

import re
import secrets
from collections.abc import Sequence
from hashlib import sha256

import sqlalchemy as sa

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from seals import records
from seals.registered import seal_id_of

PREFIX = "yxs_"
"""So that leaked keys are recognised for what they are."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def create(context: Context, name: str, seals: Sequence[str], *, actor: str) -> str:
    """A new key for these seals. It is told this once; only its digest is kept."""
    if not _NAME.fullmatch(name) or not seals:
        raise YinxinError(
            Kind.INVALID,
            _("an API key has a name of a-z, 0-9, dot, dash, underscore, and at least one seal"),
            subject=name,
        )
    key = PREFIX + secrets.token_urlsafe(32)
    try:
        with context.storage.transaction() as connection:
            row = {"name": name, "sha256": _digest(key), "made_at": context.clock.now()}
            (key_id,) = connection.execute(sa.insert(records.api_keys).values(row)).inserted_primary_key or (None,)
            for seal in dict.fromkeys(seals):
                row = {"api_key_id": key_id, "seal_id": seal_id_of(connection, seal)}
                connection.execute(sa.insert(records.api_key_seals).values(row))
            context.audit.append(connection, Event("seals.api-key.make", actor, name, {"seals": list(seals)}))
    except sa.exc.IntegrityError:
        raise YinxinError(Kind.CONFLICT, _("there is an API key of this name already"), subject=name) from None
    return key


def bearer(context: Context, key: str) -> str | None:
    """The name of the key, or None if there is no such key."""
    with context.storage.reading() as connection:
        query = sa.select(records.api_keys.c.name).where(records.api_keys.c.sha256 == _digest(key))
        name: str | None = connection.scalar(query)
        return name


def require_use(context: Context, name: str, seal: str) -> None:
    """Return if the bearer of the key of this name may use the seal; else `YinxinError` (forbidden).

    It does not tell a seal that is not there from one that is not the bearer's.
    """
    query = (
        sa.select(records.seals.c.id)
        .join(records.api_key_seals, records.api_key_seals.c.seal_id == records.seals.c.id)
        .join(records.api_keys, records.api_keys.c.id == records.api_key_seals.c.api_key_id)
        .where(records.api_keys.c.name == name, records.seals.c.name == seal)
    )
    with context.storage.reading() as connection:
        if connection.scalar(query) is None:
            raise YinxinError(Kind.FORBIDDEN, _("this API key may not use the seal"), subject=seal)


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()
