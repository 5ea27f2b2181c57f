"""The tree in the database, in tiles of 256 hashes: little is written for an entry, little is read for a proof."""

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa

from audit.merkle import Frontier, range_root, root_of
from audit.records import tiles
from core.algorithms import Digest

HEIGHT = 8
WIDTH = 1 << HEIGHT


class StoredTree:
    """The tree of this size, in the caller's transaction."""

    def __init__(self, connection: sa.Connection, digest: Digest, size: int) -> None:
        self._connection, self.digest, self.size = connection, digest, size
        self._tile = lru_cache(maxsize=64)(self._read)

    def append(self, leaves: Sequence[bytes]) -> None:
        """Add the hashes of the next entries."""
        level, size, hashes = 0, self.size, leaves
        while hashes:
            first, held = divmod(size, WIDTH)
            octets = (self._read(level, first) if held else b"") + b"".join(hashes)
            step = WIDTH * self.digest.size
            parts = [octets[at : at + step] for at in range(0, len(octets), step)]
            self._write(level, first, parts, replace_first=bool(held))
            hashes = [self._root(part) for part in parts if len(part) == step]
            level, size = level + 1, first
        self.size += len(leaves)
        self._tile.cache_clear()

    def node(self, level: int, number: int) -> bytes:
        """The hash of a complete subtree (`audit.merkle.Nodes`)."""
        tile_level, height = divmod(level, HEIGHT)
        tile, place = divmod(number << height, WIDTH)
        begin, width = place * self.digest.size, self.digest.size << height
        return self._root(self._tile(tile_level, tile)[begin : begin + width])

    def frontier(self) -> Frontier:
        """To go on from."""
        hashes, begin = [], 0
        for level in reversed(range(self.size.bit_length())):
            if self.size >> level & 1:
                hashes.append(self.node(level, begin >> level))
                begin += 1 << level
        return Frontier(self.digest, self.size, hashes)

    def root(self, size: int | None = None) -> bytes:
        """Of the tree as it is, or as it was at that size."""
        return range_root(self.digest, 0, self.size if size is None else size, self.node)

    def _root(self, hashes: bytes) -> bytes:
        step = self.digest.size
        return root_of(self.digest, [hashes[at : at + step] for at in range(0, len(hashes), step)])

    def _read(self, level: int, number: int) -> bytes:
        query = sa.select(tiles.c.hashes).where(tiles.c.level == level, tiles.c.number == number)
        hashes: bytes = self._connection.execute(query).scalar_one()
        return hashes

    def _write(self, level: int, first: int, parts: Sequence[bytes], *, replace_first: bool) -> None:
        rows = [{"level": level, "number": first + at, "hashes": part} for at, part in enumerate(parts)]
        if replace_first:
            grown, *rows = rows
            place = sa.and_(tiles.c.level == level, tiles.c.number == first)
            self._connection.execute(sa.update(tiles).where(place).values(hashes=grown["hashes"]))
        if rows:
            self._connection.execute(sa.insert(tiles), rows)
