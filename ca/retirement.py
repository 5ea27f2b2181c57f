"""Telling the key-management centre that the encryption keys of revoked certificates are out of use.

The centre may be elsewhere, so it is told after the revocation has committed; who was not told yet stands in the books.
"""

import sqlalchemy as sa

from ca.escrow import EncryptionKeys
from ca.records import pairs
from core.context import Context


def retire_keys(context: Context, keys: EncryptionKeys) -> list[str]:
    """Have every key of a revoked encryption certificate moved to the historical pool; their references.

    `YinxinError` if the centre cannot be told; the others are tried again the next time.
    """
    query = sa.select(pairs.c.id, pairs.c.key_reference).where(pairs.c.key_is_due == sa.true()).order_by(pairs.c.id)
    with context.storage.reading() as connection:
        waiting = connection.execute(query).all()
    told = []
    for row in waiting:
        keys.revoke(row.key_reference)
        with context.storage.transaction() as connection:
            connection.execute(sa.update(pairs).where(pairs.c.id == row.id).values(key_is_due=False))
        told.append(str(row.key_reference))
    return told
