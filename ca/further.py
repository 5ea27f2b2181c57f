"""Certificates for an authority's key beside its own: links between its generations, and others' cross certificates.

They are handed out together with the chain, so that whoever trusts only the other key finds a path.
"""

import hashlib
from collections.abc import Sequence
from enum import StrEnum

import sqlalchemy as sa

from ca.authorities import Authority, chain_of, list_authorities
from ca.records import further_certificates as further
from core.context import Context
from core.prepared import insert_absent
from core.storage import Storage


class FurtherKind(StrEnum):
    """Whose word it is."""

    LINK = "link"
    """The same authority's, by its key of another generation (RFC 4210 4.4)."""
    CROSS = "cross"
    """Another centre's authority."""


def enter_further(
    connection: sa.Connection, context: Context, authority: Authority, kind: FurtherKind, certificate: bytes, actor: str
) -> bool:
    """Keep a certificate (DER) for this authority's key; whether it is new."""
    row = {
        "digest": hashlib.sha256(certificate).digest(),
        "authority_id": authority.id,
        "kind": kind.value,
        "certificate": certificate,
        "entered_at": context.clock.now(),
        "entered_by": actor,
    }
    return bool(insert_absent(connection, further, [row]))


def further_of(connection: sa.Connection, authority: Authority, kind: FurtherKind | None = None) -> list[bytes]:
    """Those of this authority (DER), in the order of entry."""
    query = sa.select(further.c.certificate).where(further.c.authority_id == authority.id)
    if kind is not None:
        query = query.where(further.c.kind == kind.value)
    return list(connection.scalars(query.order_by(further.c.entered_at, further.c.digest)))


def beside(storage: Storage, chain: Sequence[bytes]) -> list[bytes]:
    """What else there is for the keys in these certificates of ours (DER)."""
    with storage.reading() as connection:
        return [
            one
            for authority in list_authorities(storage)
            if authority.certificate in chain
            for one in further_of(connection, authority)
        ]


def handed_out(storage: Storage, name: str) -> list[bytes]:
    """An authority's certificate and those above it, up to its root, then what else there is for the keys in them.

    Where there is such for the root, the root itself is left out, unless it was asked for: whoever trusts it has it,
    and OpenSSL, which looks at one issuer only, would not look past it.
    """
    chain = chain_of(storage, name)
    if len(chain) > 1 and beside(storage, chain[-1:]):
        return [*chain[:-1], *beside(storage, chain)]
    return [*chain, *beside(storage, chain)]
