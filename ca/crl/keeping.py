"""The bytes of a list in the books: in pieces, plain and compressed, so that nobody needs it whole in memory."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from ca.crl.writing import CHUNK
from ca.records import crl_parts, crls
from core.storage import Storage

Form = Literal["octets", "packed"]
"""Plain, or compressed by gzip (RFC 1952)."""

_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 3
"""Serial numbers are random: more effort gains nothing."""


@dataclass(frozen=True)
class Kept:
    """What was kept."""

    size: int
    packed_size: int
    digest: bytes
    """SHA-256."""


def keep(storage: Storage, list_id: int, chunks: Iterable[bytes]) -> Kept:
    """Keep the bytes of a list that is not published; each piece in a transaction of its own, for others wait less."""
    digest, packer = hashlib.sha256(), zlib.compressobj(_LEVEL, wbits=_GZIP)
    size = packed_size = 0
    for position, (piece, last) in enumerate(_pieces(chunks)):
        digest.update(piece)
        packed = packer.compress(piece) + (packer.flush() if last else b"")
        size, packed_size = size + len(piece), packed_size + len(packed)
        with storage.transaction() as connection:
            connection.execute(
                sa.insert(crl_parts).values(crl_id=list_id, position=position, octets=piece, packed=packed)
            )
    return Kept(size, packed_size, digest.digest())


def pieces_of(storage: Storage, list_id: int, form: Form = "octets") -> Iterator[bytes]:
    """The bytes of a list. Between two pieces no connection is held: who reads may be slow."""
    position = 0
    while True:
        with storage.reading() as connection:
            piece = connection.scalar(
                sa.select(crl_parts.c[form]).where(crl_parts.c.crl_id == list_id, crl_parts.c.position == position)
            )
        if piece is None:
            return
        yield piece
        position += 1


def forget(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Let go of the bytes of lists; what is known about them stays."""
    connection.execute(
        sa.delete(crl_parts).where(crl_parts.c.crl_id.in_(sa.select(crls.c.id).where(condition).scalar_subquery()))
    )


def _pieces(chunks: Iterable[bytes], size: int = CHUNK) -> Iterator[tuple[bytes, bool]]:
    """Pieces of one size, each with whether it is the last."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) > size:
            yield bytes(buffer[:size]), False
            del buffer[:size]
    yield bytes(buffer), True
