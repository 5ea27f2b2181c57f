"""Telling the key-management centre which encryption keys are out of use: of certificates revoked or ended.

The centre may be elsewhere, so it is told after the revocation has committed; who was not told yet stands in the books.
"""

from datetime import datetime

import sqlalchemy as sa

from ca.escrow import EncryptionKeys
from ca.history import steps_of
from ca.records import certificates, pairs
from ca.state import State
from core.context import Context


def retire_keys(context: Context, keys: EncryptionKeys) -> list[str]:
    """Have every key that no certificate in force needs moved to the historical pool; their references.

    `YinxinError` if the centre cannot be told; the others are tried again the next time.
    """
    now = context.clock.now()
    query = (
        sa.select(pairs.c.id, pairs.c.key_reference, certificates.c.key_digest)
        .join(
            certificates,
            sa.and_(
                certificates.c.authority_id == pairs.c.authority_id, certificates.c.serial == pairs.c.encryption_serial
            ),
        )
        .where(pairs.c.key_due_at <= now)
        .order_by(pairs.c.id)
    )
    with context.storage.reading() as connection:
        waiting = [row for row in connection.execute(query) if not _is_in_use(connection, row.key_digest, now)]
    told = []
    for row in waiting:
        keys.revoke(row.key_reference)
        with context.storage.transaction() as connection:
            connection.execute(sa.update(pairs).where(pairs.c.id == row.id).values(key_due_at=None))
        told.append(str(row.key_reference))
    return told


def _is_in_use(connection: sa.Connection, digest: bytes, now: datetime) -> bool:
    """Whether a certificate of this key holds, was suspended, or may come of an intent.

    Once it is not, it never is again: a key is certified again only while its newest certificate is valid.
    """
    rows = connection.execute(
        sa.select(certificates.c.authority_id, certificates.c.serial).where(
            certificates.c.key_digest == digest, certificates.c.not_after > now
        )
    ).all()
    histories = (steps_of(connection, row.authority_id, row.serial) for row in rows)
    return any(not steps or steps[-1].state is not State.REVOKED for steps in histories)
