"""Changes of the configuration are entries: whoever orders the log compares it with what it was."""

import rfc8785
import sqlalchemy as sa

from core.algorithms import SM3
from core.audit import Event, entries
from core.config import Configuration
from core.context import Context

ACT = "audit.configuration"


def note_configuration(context: Context, configuration: Configuration) -> bool:
    """Enter the digest of the settings in force, if it is not the last that was entered; whether it did.

    Without `storage.url`, which may hold a password: a digest would let it be tried.
    """
    settings = configuration.model_dump(mode="json", exclude={"storage": {"url"}})
    digest = SM3.of(rfc8785.dumps(settings)).hex()
    # Where services start one after the other, each may find it not there yet: two entries say nothing wrong.
    with context.storage.transaction() as connection:
        last = sa.select(entries.c.subject).where(entries.c.act == ACT).order_by(entries.c.id.desc()).limit(1)
        if connection.scalar(last) == digest:
            return False
        context.audit.append(connection, Event(ACT, "system", digest, {"digest": "sm3"}))
    return True
